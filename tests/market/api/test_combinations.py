"""Combining plug-ins by the API."""

from __future__ import annotations

from typing import Any

import pytest

from market.accounts.models import Scope, User
from market.catalog.models import PlugIn
from market.combinations.models import Combination
from market.combinations.requesting import MAX_WAITING
from market.ledger.models import Hold
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.combinations.conftest import ink, pip, rich
from tests.market.combinations.stage import finish
from tests.market.stage import EURO, top_up

__all__ = ["ink", "pip", "rich"]

BOTH = {"plugins": ["ink", "pip"]}


@pytest.fixture
def program(rich: User, program_of: ProgramOf) -> Program:
    return program_of(rich)


def agreed(program: Program, wish: dict[str, Any]) -> dict[str, Any]:
    """Give a wish with the digest of what it costs now."""
    answer = program.post("combinations/quotes", wish)
    assert answer.status_code == 200, answer.content
    return wish | {"agreed": answer.json()["digest"]}


def test_a_quote_says_what_it_costs_and_whom_each_picture_pays(
    program: Program, ink: PlugIn, pip: PlugIn
) -> None:
    said = program.post("combinations/quotes", BOTH).json()

    assert (said["name"], said["base"], said["fee_micros"]) == ("Ink & Pip", "tiny", 500_000)
    assert (said["price_micros"], said["least_micros"]) == (80_000, 80_000)
    assert [(each["plugin"], each["share_bps"]) for each in said["parts"]] == [("ink", 7500), ("pip", 2500)]
    assert [each["through"] for each in said["royalties"]] == ["Ink", "Pip"]
    assert not Combination.objects.exists()


def test_a_combination_is_started_once_and_followed_to_its_version(
    program: Program, ink: PlugIn, pip: PlugIn
) -> None:
    wish = agreed(program, BOTH | {"name": "Duet", "price_micros": 90_000})
    answer = program.post("combinations", wish, key="duet-1")
    assert answer.status_code == 201, answer.content
    again = program.post("combinations", wish, key="duet-1")

    begun = answer.json()
    assert (again.json(), again["Idempotent-Replayed"]) == (begun, "true")
    assert (begun["state"], begun["name"], begun["price_micros"], begun["version"]) == (
        "queued",
        "Duet",
        90_000,
        None,
    )
    assert program.get(begun["job"]).json()["kind"] == "combination"
    finish(Combination.objects.get())
    done = program.get(answer["Location"].removeprefix("/api/v1/")).json()
    assert (done["state"], done["version"], done["figures"]["relative_error"]) == ("succeeded", 1, 0.1)
    assert [each["id"] for each in program.get("combinations").json()["results"]] == [begun["id"]]


def test_at_another_price_than_agreed_nothing_is_charged_and_the_quote_is_sent_along(
    program: Program, ink: PlugIn, pip: PlugIn
) -> None:
    wish = agreed(program, BOTH)
    PlugIn.objects.filter(pk=ink.pk).update(price_micros=100_000)

    said = problem(program.post("combinations", wish), 409, "price-changed")

    assert said["quote"]["price_micros"] > 80_000
    assert not Hold.objects.exists()
    assert program.post("combinations", wish | {"agreed": said["quote"]["digest"]}).status_code == 201


def test_what_cannot_be_combined_is_pointed_at(program: Program, ink: PlugIn) -> None:
    said = problem(program.post("combinations/quotes", {"plugins": ["ink", "none"]}), 422, "invalid")
    assert [each["pointer"] for each in said["errors"]] == ["#/plugins/1"]

    said = problem(program.post("combinations/quotes", {"plugins": ["ink"]}), 422, "invalid")
    assert "From 2 to 6 plug-ins become one; 1 are chosen." in said["detail"]
    problem(program.post("combinations/quotes", {}), 422, "invalid")
    said = problem(program.post("combinations/quotes", {"plugins": ["ink"] * 50}), 422, "invalid")
    assert "chosen twice" in said["detail"]


def test_without_saying_what_is_agreed_nothing_is_started(program: Program, ink: PlugIn, pip: PlugIn) -> None:
    said = problem(program.post("combinations", BOTH), 422, "invalid")

    assert [each["pointer"] for each in said["errors"]] == ["#/agreed"]


def test_without_the_money_nothing_is_started(
    artist: User, ink: PlugIn, pip: PlugIn, program_of: ProgramOf
) -> None:
    program = program_of(artist)

    said = problem(program.post("combinations", agreed(program, BOTH)), 402, "balance-too-low")

    assert said["missing_micros"] == 500_000
    assert not Combination.objects.exists()


def test_whoever_has_the_most_unfinished_ones_waits(
    program: Program, rich: User, ink: PlugIn, pip: PlugIn
) -> None:
    top_up(rich, 2 * EURO)
    for number in range(MAX_WAITING):
        wish = agreed(program, BOTH | {"name": f"Duet {number}"})
        assert program.post("combinations", wish).status_code == 201

    problem(program.post("combinations", agreed(program, BOTH)), 429, "too-many-waiting")


def test_a_stranger_and_a_token_that_only_reads_do_nothing(
    program: Program, rich: User, stranger: User, ink: PlugIn, pip: PlugIn, program_of: ProgramOf
) -> None:
    begun = program.post("combinations", agreed(program, BOTH)).json()

    problem(program_of(stranger).get(f"combinations/{begun['id']}"), 404, "not-found")
    assert program_of(stranger).get("combinations").json()["results"] == []
    reading = program_of(rich, Scope.READ)
    problem(reading.post("combinations", agreed(reading, BOTH)), 403, "not-allowed")
