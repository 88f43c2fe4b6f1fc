"""Takedowns by the API: read by their sides, answered by whose it is; admins decide on the pages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from market.accounts.models import Scope, User
from market.catalog.models import PlugIn
from market.takedowns.models import Takedown
from market.takedowns.taking_down import uphold
from tests.market.api.conftest import ProgramOf, problem
from tests.market.api.test_claims import COUNTER
from tests.market.takedowns.conftest import NOTICE, taken_down

ACTION = {"action": "District Court of Some District, 1:26-cv-1"}


@pytest.fixture
def takedown(plugin: PlugIn, admin: User, second_artist: User) -> Takedown:
    """Of the artist's plug-in, as the second artist asked for."""
    return taken_down(plugin, admin, replace(NOTICE, complainant=second_artist))


def test_both_sides_list_and_read_it(
    takedown: Takedown, artist: User, second_artist: User, program_of: ProgramOf
) -> None:
    (mine,) = program_of(artist).get("takedowns").json()["results"]
    (asked_for,) = program_of(second_artist).get("takedowns?of=asked_for").json()["results"]

    assert mine == asked_for
    assert (mine["state"], mine["ground"], mine["plugin"], mine["picture"]) == (
        "in_force",
        "notice",
        "fxemoji",
        None,
    )
    said = program_of(artist).get(mine["url"]).json()
    assert (said["reason"], said["complainant"]) == (NOTICE.reason, second_artist.handle)
    assert [each["kind"] for each in said["steps"]] == ["taken_down"]
    problem(program_of(artist).get("takedowns?of=all"), 404, "not-found")


def test_a_counter_notice_answers_it_once(takedown: Takedown, artist: User, program_of: ProgramOf) -> None:
    program, path = program_of(artist), f"takedowns/{takedown.pk}/counter-notice"
    problem(program.post(path, {"reason": "It is mine."}), 422, "invalid")

    said = program.post(path, COUNTER).json()

    assert (said["state"], said["may_be_countered"]) == ("countered", False)
    assert said["restore_at"]
    assert "already" in problem(program.post(path, COUNTER), 409, "not-possible")["detail"]


def test_who_asked_for_it_says_that_they_went_to_court(
    takedown: Takedown, artist: User, second_artist: User, program_of: ProgramOf
) -> None:
    path = f"takedowns/{takedown.pk}/court"
    problem(program_of(second_artist).post(path, ACTION), 409, "not-possible")
    program_of(artist).post(f"takedowns/{takedown.pk}/counter-notice", COUNTER)
    problem(program_of(second_artist).post(path, {}), 422, "invalid")

    said = program_of(second_artist).post(path, ACTION).json()

    assert (said["state"], said["court_action"], said["restore_at"]) == ("in_court", ACTION["action"], None)


def test_only_the_side_whose_turn_it_is_acts(
    takedown: Takedown,
    artist: User,
    second_artist: User,
    stranger: User,
    admin: User,
    program_of: ProgramOf,
) -> None:
    problem(
        program_of(second_artist).post(f"takedowns/{takedown.pk}/counter-notice", COUNTER), 404, "not-found"
    )
    problem(program_of(artist).post(f"takedowns/{takedown.pk}/court", ACTION), 404, "not-found")
    problem(
        program_of(artist, Scope.READ).post(f"takedowns/{takedown.pk}/counter-notice", COUNTER),
        403,
        "not-allowed",
    )
    for other in (stranger, admin):
        problem(program_of(other).get(f"takedowns/{takedown.pk}"), 404, "not-found")
        problem(program_of(other).post(f"takedowns/{takedown.pk}/counter-notice", COUNTER), 404, "not-found")
        problem(program_of(other).post(f"takedowns/{takedown.pk}/court", ACTION), 404, "not-found")
    takedown.refresh_from_db()
    assert takedown.state == "in_force"


def test_strikes_are_counted_and_the_suspension_is_said(
    takedown: Takedown, artist: User, admin: User, program_of: ProgramOf, settings: object
) -> None:
    program = program_of(artist)
    before = program.get("strikes").json()
    assert (before["strikes"], before["suspension"]) == (0, None)
    settings.TAKEDOWNS = replace(settings.TAKEDOWNS, strikes_max=1)  # type: ignore[attr-defined]  # the fixture takes any setting

    uphold(takedown, admin, "It is the same drawing.")

    said = program.get("strikes").json()
    assert (said["strikes"], said["most"]) == (1, 1)
    assert "1 strikes" in said["suspension"]["because"]
    assert program.get("takedowns").json()["results"][0]["is_strike"] is True
