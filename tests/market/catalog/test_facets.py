"""Facets: what a search could be narrowed to, with counts, kept in the address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.browsing import BrowseForm
from market.catalog.facets import MOST_VALUES, facets_of
from market.catalog.models import PlugIn
from tests.market.catalog.conftest import MakePlugIn
from tests.market.stage import make_base


@pytest.fixture
def market(make_plugin: MakePlugIn, base: BaseModel, second_artist: User, model_owner: User) -> None:
    BaseModel.objects.filter(pk=base.pk).update(family="SD 1.5")
    other = make_base(model_owner, slug="other", fingerprint="ef" * 32)
    BaseModel.objects.filter(pk=other.pk).update(family="SDXL")
    make_plugin("Riverink", price=50_000, concept={"description": "Inky foxes."})
    make_plugin("Pip", price=0, allow_commercial=False, concept={"kind": "character"})
    make_plugin("Blocks", artist=second_artist, price=200_000, require_credit=False)
    made = make_plugin("Towers", artist=second_artist, price=10_000)
    PlugIn.objects.filter(pk=made.pk).update(base=other)
    make_plugin("Draft", published=False, concept={"kind": "character"})


def counts(**query: str) -> dict[str, dict[str, int]]:
    form = BrowseForm(query)
    return {
        facet.name: {
            each.parameter if facet.name == "licence" else each.value: each.count for each in facet.values
        }
        for facet in facets_of(form.choices_made())
    }


def test_each_value_says_how_many_published_plugins_have_it(
    market: None, artist: User, second_artist: User
) -> None:
    assert counts() == {
        "kind": {"style": 3, "character": 1},
        "base": {"little": 3, "other": 1},
        "family": {"SD 1.5": 3, "SDXL": 1},
        "max_price": {"0": 1, "0.02": 2, "0.05": 3, "0.5": 4},
        "licence": {"commercial": 3, "combination": 4, "derivatives": 4, "no_credit": 1},
        "artist": {artist.handle: 2, second_artist.handle: 2},
    }


def test_the_counts_are_those_of_the_lists_they_lead_to(market: None, client: Client) -> None:
    for chosen in ({}, {"kind": "style"}, {"base": "little", "commercial": "on"}, {"q": "foxes"}):
        for facet in facets_of(BrowseForm(chosen).choices_made()):
            for each in facet.values:
                page = client.get("/plugins/", {**chosen, each.parameter: each.value})
                assert page.context["page"].paginator.count == each.count, (chosen, each)


def test_the_other_values_of_a_chosen_facet_are_counted_as_if_it_were_not_chosen(market: None) -> None:
    found = counts(kind="character", commercial="on")

    assert found["kind"] == {"style": 3, "character": 0}  # Pip allows no commercial use
    assert counts(kind="character")["kind"] == {"style": 3, "character": 1}


def test_the_choice_stays_in_the_address_and_can_be_taken_back(market: None, client: Client) -> None:
    page = client.get("/plugins/", {"q": "foxes", "kind": "style", "sort": "name", "page": "3"})

    links = re.findall(r'href="(\?[^"]+)"', page.content.decode())
    assert any("q=foxes" in link and "kind=style" in link and "base=little" in link for link in links) or any(
        "kind" not in link and "q=foxes" in link and "sort=name" in link for link in links
    )
    assert all("page=" not in link for link in links)
    assert "?q=foxes&amp;sort=name" in links


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "mood"},
        {"artist": "nobody"},
        {"artist": "'; DROP TABLE"},
        {"artist": "a\x00"},
        {"family": "x" * 5000},
        {"family": "\x00"},
        {"max_price": "1e400"},
        {"commercial": "perhaps"},
        {"base": "\x00", "kind": "style"},
    ],
)
def test_a_value_that_there_is_not_is_an_ordinary_page(
    market: None, client: Client, query: dict[str, Any]
) -> None:
    assert client.get("/plugins/", query).status_code == 200


def test_an_artists_name_is_shown_as_text(
    market: None, make_plugin: MakePlugIn, second_artist: User, client: Client
) -> None:
    User.objects.filter(pk=second_artist.pk).update(display_name="<b>Berta</b>")

    assert "<b>Berta" not in client.get("/plugins/").content.decode()


def test_only_the_commonest_values_are_listed_and_the_chosen_one(
    market: None, make_plugin: MakePlugIn, base: BaseModel, model_owner: User
) -> None:
    for number in range(MOST_VALUES):
        other = make_base(model_owner, slug=f"more-{number}", fingerprint=f"{number:064x}")
        PlugIn.objects.filter(pk=make_plugin(f"More {number}").pk).update(base=other)

    assert len(counts()["base"]) == MOST_VALUES
    last = f"more-{MOST_VALUES - 1}"
    assert last not in counts()["base"]
    assert counts(base=last)["base"][last] == 1
