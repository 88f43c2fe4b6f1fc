"""What is new in a version, and what a plug-in earned, by the API."""

from __future__ import annotations

from market.accounts.models import User
from market.basemodels.models import BaseModel
from tests.market.api.conftest import ProgramOf, problem
from tests.market.stage import make_plugin


def test_an_artist_says_what_is_new_in_a_version(
    artist: User, user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    plugin = make_plugin(artist, base)

    said = program_of(artist).patch(f"plugins/{plugin.slug}/versions/1", {"changes": "Calmer\nwater."})

    assert said.status_code == 200
    assert said.json()["changes"] == "Calmer water."
    (listed,) = program_of(user).get(f"plugins/{plugin.slug}/versions").json()["results"]
    assert listed["changes"] == "Calmer water."


def test_a_line_that_is_too_long_is_refused(artist: User, base: BaseModel, program_of: ProgramOf) -> None:
    plugin = make_plugin(artist, base)

    answer = program_of(artist).patch(f"plugins/{plugin.slug}/versions/1", {"changes": "x" * 201})

    assert "200" in problem(answer, 422, "invalid")["errors"][0]["detail"]


def test_another_artist_finds_no_version_to_write_about(
    artist: User, second_artist: User, base: BaseModel, program_of: ProgramOf
) -> None:
    plugin = make_plugin(artist, base)

    answer = program_of(second_artist).patch(f"plugins/{plugin.slug}/versions/1", {"changes": "Mine."})

    problem(answer, 404, "not-found")


def test_what_a_plugin_earned_is_said_once_its_artist_shows_it(
    artist: User, user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    plugin = make_plugin(artist, base)
    assert program_of(user).get(f"plugins/{plugin.slug}").json()["earned_micros"] is None

    changed = program_of(artist).patch(f"plugins/{plugin.slug}", {"shows_earnings": True})

    assert changed.status_code == 200
    shown = program_of(user).get(f"plugins/{plugin.slug}").json()
    assert shown["earned_micros"] == 0
    assert shown["price_micros"] == 50_000
    assert shown["trigger_words"] == "Fxemoji style"
