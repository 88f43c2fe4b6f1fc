"""An artist whose plug-in a search does not show sees why. Nobody learns anything of others'."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, take_down_plugin
from tests.market.catalog.conftest import MakePlugIn

SignIn = Callable[[User], Client]
HEADING = "Your own that this search does not show"


def page(client: Client, **query: str) -> str:
    return client.get("/plugins/", {"q": "riverink"} | query).content.decode()


def test_a_plugin_that_is_found_needs_no_reason(plugin: PlugIn, artist: User, client_for: SignIn) -> None:
    assert HEADING not in page(client_for(artist))


def test_a_draft_says_that_it_is_not_published(
    make_plugin: MakePlugIn, artist: User, client_for: SignIn
) -> None:
    made = make_plugin("Riverink", published=False)

    text = page(client_for(artist))

    assert HEADING in text
    assert "you have not published it" in text
    assert made.desk_url in text


def test_a_withdrawn_one_says_so_also_when_it_is_misspelt(
    plugin: PlugIn, artist: User, client_for: SignIn
) -> None:
    plugin.withdraw()

    assert "You withdrew it" in page(client_for(artist), q="rivrink")


def test_one_that_is_taken_down_says_why(
    plugin: PlugIn, artist: User, admin: User, client_for: SignIn
) -> None:
    take_down_plugin(plugin, admin, Cause(Ground.NOTICE, "A letter of 3 May."))

    assert "It is taken down at present" in page(client_for(artist))


def test_one_whose_base_is_off_the_market_says_so(
    plugin: PlugIn, artist: User, base: BaseModel, client_for: SignIn
) -> None:
    BaseModel.objects.filter(pk=base.pk).update(listed=False)

    assert "Its base model, Little base, is not on the market" in page(client_for(artist))


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ({"kind": "character"}, "It is no character."),
        ({"max_price": "0.01"}, "A picture costs more than that."),
        ({"no_credit": "on"}, "Its licence asks for credit."),
        ({"artist": "berta-brush"}, "You searched for the plug-ins of another artist."),
    ],
)
def test_a_filter_that_leaves_it_out_is_named(
    plugin: PlugIn, artist: User, second_artist: User, client_for: SignIn, chosen: dict[str, str], reason: str
) -> None:
    assert reason in page(client_for(artist), **chosen)


def test_several_reasons_are_all_said(make_plugin: MakePlugIn, artist: User, client_for: SignIn) -> None:
    make_plugin("Riverink", published=False)

    text = page(client_for(artist), kind="character")

    assert "you have not published it" in text
    assert "It is no character." in text


def test_nobody_else_is_told_that_it_is_there(
    make_plugin: MakePlugIn, second_artist: User, user: User, stranger: User, model_owner: User, admin: User,
    client: Client, client_for: SignIn,
) -> None:  # fmt: skip
    make_plugin("Riverink", published=False)

    nothing = [
        page(each) for each in (client, *map(client_for, (second_artist, user, stranger, model_owner, admin)))
    ]

    for text in nothing:
        assert HEADING not in text
        assert "Nothing found" in text
        assert "/desk/plugins/" not in text


def test_the_page_of_a_search_for_an_unpublished_name_is_that_of_a_name_that_there_is_not(
    make_plugin: MakePlugIn, stranger: User, client_for: SignIn
) -> None:
    make_plugin("Riverink", published=False)
    client = client_for(stranger)

    there, not_there = (client.get("/plugins/", {"q": name}).context for name in ("riverink", "riverunk"))

    assert list(there["page"]) == list(not_there["page"]) == []
    assert there["facets"] == not_there["facets"] == ()
    assert there["missing"] == not_there["missing"] == ()
