"""Facets and reasons by the API."""

from __future__ import annotations

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from tests.market.api.conftest import ProgramOf, problem
from tests.market.stage import make_plugin


def test_facets_say_how_many_plugins_there_are_of_each(
    user: User, second_artist: User, base: BaseModel, plugin: PlugIn, program_of: ProgramOf
) -> None:
    make_plugin(second_artist, base, name="Blobby", price=20_000)
    make_plugin(second_artist, base, name="Hidden", publish=False)

    said = program_of(user).get("plugin-facets").json()

    artists = next(each for each in said["facets"] if each["name"] == "artist")
    assert {each["value"]: each["count"] for each in artists["values"]} == {
        plugin.owner.handle: 1, second_artist.handle: 1,
    }  # fmt: skip
    one = artists["values"][0]
    narrowed = program_of(user).get(f"plugins?{one['parameter']}={one['value']}").json()["results"]
    assert len(narrowed) == one["count"]
    assert said["not_found"] == []


def test_an_artist_reads_why_their_own_is_not_found_and_nobody_else_does(
    artist: User, stranger: User, admin: User, base: BaseModel, program_of: ProgramOf
) -> None:
    make_plugin(artist, base, publish=False)

    said = program_of(artist).get("plugin-facets?q=fxemoji").json()

    (missing,) = said["not_found"]
    assert (missing["slug"], missing["name"], missing["base"]) == ("fxemoji", "Fxemoji", base.slug)
    assert missing["reasons"] == ["It is not on sale: you have not published it."]
    for person in (stranger, admin):
        assert program_of(person).get("plugin-facets?q=fxemoji").json() == {"facets": [], "not_found": []}


def test_a_value_that_there_is_not_is_refused_by_name(
    user: User, plugin: PlugIn, program_of: ProgramOf
) -> None:
    for parameter, value in (("artist", "nobody"), ("family", "none"), ("kind", "mood"), ("q", "x" * 201)):
        for path in ("plugins", "plugin-facets"):
            said = problem(program_of(user).get(f"{path}?{parameter}={value}"), 422, "invalid")
            assert said["errors"][0]["parameter"] == parameter
