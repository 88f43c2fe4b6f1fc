"""The public catalogue: filters, search, order, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from tests.market.catalog.conftest import MakePlugIn

SignIn = Callable[[User], Client]
CATALOGUE = "/plugins/"


def names(client: Client, **query: Any) -> list[str]:
    response = client.get(CATALOGUE, query)
    assert response.status_code == 200
    return [plugin.name for plugin in response.context["page"]]


@pytest.fixture
def three(make_plugin: MakePlugIn, second_artist: User) -> None:
    make_plugin("Riverink", price=50_000, concept={"description": "Inky foxes in running water."})
    make_plugin(
        "Pip", price=0, allow_commercial=False, require_credit=False,
        concept={"kind": "character", "aliases": ["Pip the Mouse"]},
    )  # fmt: skip
    make_plugin(
        "Blocks", artist=second_artist, price=200_000, allow_combination=False, allow_derivatives=False
    )


@pytest.mark.django_db
def test_an_empty_catalogue_says_so(client: Client) -> None:
    assert "still bare" in client.get(CATALOGUE).content.decode()


def test_a_card_shows_sample_artist_kind_and_price(plugin: PlugIn, client: Client) -> None:
    page = client.get(CATALOGUE).content.decode()

    for part in [plugin.sample_urls[0], "Ada Artist", "Style", "€0.05", plugin.get_absolute_url()]:
        assert part in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Blocks", "Pip", "Riverink"]),
        ({"kind": "character"}, ["Pip"]),
        ({"base": "little"}, ["Blocks", "Pip", "Riverink"]),
        ({"max_price": "0.05"}, ["Pip", "Riverink"]),
        ({"max_price": "0"}, ["Pip"]),
        ({"commercial": "on"}, ["Blocks", "Riverink"]),
        ({"combination": "on"}, ["Pip", "Riverink"]),
        ({"derivatives": "on"}, ["Pip", "Riverink"]),
        ({"no_credit": "on"}, ["Pip"]),
        ({"commercial": "on", "combination": "on"}, ["Riverink"]),
        ({"sort": "price"}, ["Pip", "Riverink", "Blocks"]),
        ({"sort": "-price"}, ["Blocks", "Riverink", "Pip"]),
        ({"sort": "name"}, ["Blocks", "Pip", "Riverink"]),
        ({"q": "riverink"}, ["Riverink"]),
        ({"q": "rivrink"}, ["Riverink"]),  # misspelt
        ({"q": "river"}, ["Riverink"]),  # part of a name
        ({"q": "fox"}, ["Riverink"]),  # another form of a word of the description
        ({"q": "mouse"}, ["Pip"]),  # an alias
        ({"q": "Berta"}, ["Blocks"]),  # an artist
        ({"q": "character"}, ["Pip"]),
        ({"q": "zebra"}, []),
        ({"q": "fox", "kind": "character"}, []),
        ({"q": "fox", "sort": "price"}, ["Riverink"]),
    ],
)
def test_filters_search_and_order(
    three: None, client: Client, query: dict[str, str], found: list[str]
) -> None:
    assert names(client, **query) == found


@pytest.mark.parametrize(
    "query",
    [
        {"q": "x" * 201},
        {"q": "' OR 1=1 --"},
        {"q": "a & | ! ( ) <-> :*"},
        {"q": '"unbalanced'},
        {"q": "\x00"},
        {"kind": "mood"},
        {"base": "nothing"},
        {"base": "'; DROP TABLE"},
        {"max_price": "-5"},
        {"max_price": "cheap"},
        {"sort": "random"},
        {"page": "9999"},
        {"page": "-1"},
        {"page": "x"},
    ],
)
def test_a_query_that_makes_no_sense_is_an_ordinary_page(
    three: None, client: Client, query: dict[str, str]
) -> None:
    response = client.get(CATALOGUE, query)

    assert response.status_code == 200


def test_markup_in_a_query_is_shown_as_text(three: None, client: Client) -> None:
    page = client.get(CATALOGUE, {"q": "<script>alert(1)</script>"}).content.decode()

    assert "<script>alert" not in page


def test_pages_keep_the_choices_in_their_addresses(
    make_plugin: MakePlugIn, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.catalog.browsing.PAGE_SIZE", 2)
    for name in ["One", "Two", "Three"]:
        make_plugin(name, price=10_000)

    first = client.get(CATALOGUE, {"kind": "style", "sort": "price"})

    assert "kind=style&amp;sort=price&amp;page=2" in first.content.decode()
    second = names(client, kind="style", sort="price", page=2)
    assert sorted([*(plugin.name for plugin in first.context["page"]), *second]) == ["One", "Three", "Two"]


def test_drafts_withdrawn_ones_and_those_of_unlisted_bases_are_not_shown(
    make_plugin: MakePlugIn, client: Client
) -> None:
    make_plugin("Draft", published=False)
    make_plugin("Gone").withdraw()
    assert names(client) == []
    make_plugin("Here")
    assert names(client) == ["Here"]

    BaseModel.objects.update(listed=False)

    assert names(client) == []


def test_the_number_of_queries_does_not_grow_with_the_number_of_plugins(
    make_plugin: MakePlugIn, client: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(CATALOGUE)
        return len(captured)

    make_plugin("One")
    with_one = queries()
    for name in ["Two", "Three", "Four"]:
        make_plugin(name)

    assert queries() == with_one


def test_the_search_document_follows_the_concept(plugin: PlugIn, client: Client) -> None:
    Concept.objects.filter(pk=plugin.concept_id).update(description="Now full of herons.")

    assert names(client, q="heron") == ["Riverink"]


def test_a_plugins_page_shows_samples_licence_price_figures_and_artist(
    make_plugin: MakePlugIn, client: Client
) -> None:
    plugin = make_plugin("Riverink", allow_commercial=False, concept={"description": "<b>Inky</b>"})

    page = client.get(plugin.get_absolute_url()).content.decode()

    for part in [
        *plugin.sample_urls, "No commercial use", "Credit to the artist required", "€0.05", "€0.01", "€0.06",
        "Style recognised on new prompts", "91.0%", "/artists/ada-artist/", "Little base", "&lt;b&gt;Inky",
        "/studio/?plugin=riverink",
    ]:  # fmt: skip
        assert part in page, part


def test_a_published_sample_is_a_picture_for_everybody(plugin: PlugIn, client: Client) -> None:
    response = client.get(plugin.sample_urls[0])

    assert response.status_code == 200
    assert response["Content-Type"] == "image/png"
    assert "public" in response["Cache-Control"]


def test_an_artists_page_lists_what_they_offer(
    make_plugin: MakePlugIn, artist: User, second_artist: User, client: Client
) -> None:
    make_plugin("Riverink")
    make_plugin("Draft", published=False)
    make_plugin("Theirs", artist=second_artist)

    page = client.get(artist.get_absolute_url()).content.decode()

    assert "Riverink" in page
    assert "Draft" not in page
    assert "Theirs" not in page


def test_people_who_are_not_artists_have_no_public_page(user: User, artist: User, client: Client) -> None:
    assert client.get(user.get_absolute_url()).status_code == 404
    User.objects.filter(pk=artist.pk).update(is_active=False)
    assert client.get(artist.get_absolute_url()).status_code == 404


def test_what_does_not_exist_is_not_found(client: Client, db: None) -> None:
    for url in [
        "/plugins/nothing/",
        "/artists/nobody/",
        "/plugins/1/samples/1/",
        reverse("catalog:plugin", args=["x"]),
    ]:
        assert client.get(url).status_code == 404
