"""An artist's plug-ins by the API: their terms, whether they are on the market, and by which version."""

from __future__ import annotations

from typing import Any

import pytest

from market.accounts.models import Scope, User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.catalog.conftest import make_concept, make_version, with_works
from tests.market.stage import make_combined, make_part, make_plugin


@pytest.fixture
def seller(artist: User, program_of: ProgramOf) -> Program:
    return program_of(artist, Scope.SELL)


def test_terms_change_and_what_is_left_out_stays(seller: Program, plugin: PlugIn) -> None:
    changed = seller.patch("plugins/fxemoji", {"price_micros": 60_000, "allow_commercial": False}).json()

    assert changed["price_micros"] == 60_000
    assert changed["licence"] == {
        "commercial": False, "combination": True, "derivatives": True, "credit_required": True,
    }  # fmt: skip
    again = seller.patch("plugins/fxemoji", {"require_credit": False}).json()
    assert (again["price_micros"], again["licence"]["credit_required"]) == (60_000, False)
    assert seller.patch("plugins/fxemoji", {}).json()["price_micros"] == 60_000


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"price_micros": -1}, "#/price_micros"),
        ({"price_micros": 0.5}, "#/price_micros"),
        ({"price_micros": None}, "#/price_micros"),
        ({"price_micros": 101_000_000}, "#/price_micros"),
        ({"allow_commercial": []}, "#/allow_commercial"),
        ({"state": "published"}, "#/state"),
        ({"base": "tiny"}, "#/base"),
    ],
)
def test_terms_that_cannot_be_are_pointed_at(
    seller: Program, plugin: PlugIn, body: dict[str, Any], pointer: str
) -> None:
    said = problem(seller.patch("plugins/fxemoji", body), 422, "invalid")

    assert pointer in [each.get("pointer") for each in said["errors"]]
    plugin.refresh_from_db()
    assert plugin.price_micros == 50_000


def test_a_combined_plugin_allows_no_more_than_its_parts(
    seller: Program, artist: User, second_artist: User, base: BaseModel
) -> None:
    part = make_part(second_artist, base, "Ink")
    make_combined(artist, base, "Both", ("Ink", 5_000), ("Own", 5_000))
    PlugIn.objects.filter(pk=part.pk).update(allow_commercial=False)

    said = problem(seller.patch("plugins/both", {"price_micros": 1_000_000}), 422, "invalid")

    assert "allows no commercial use" in said["detail"]
    assert seller.patch("plugins/both", {"allow_commercial": False}).status_code == 200


def test_a_plugin_is_published_withdrawn_and_published_again(
    seller: Program, artist: User, user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    make_plugin(artist, base, publish=False)
    anybody = program_of(user)
    problem(anybody.get("plugins/fxemoji"), 404, "not-found")

    for _ in range(2):
        assert seller.post("plugins/fxemoji/publish", key="").json()["state"] == "published"
    assert anybody.get("plugins/fxemoji").status_code == 200
    assert seller.post("plugins/fxemoji/withdraw", key="").json()["state"] == "withdrawn"
    problem(anybody.get("plugins/fxemoji"), 404, "not-found")
    said = problem(seller.post("plugins/fxemoji/withdraw", key=""), 409, "not-possible")

    assert said["detail"] == "Fxemoji is not on the market."
    assert seller.post("plugins/fxemoji/publish", key="").json()["state"] == "published"


def test_what_keeps_a_plugin_from_the_market_is_said_reason_by_reason(
    seller: Program, artist: User, base: BaseModel
) -> None:
    make_plugin(artist, base, publish=False)
    PlugIn.objects.update(current_version=None)
    BaseModel.objects.update(listed=False)

    said = problem(seller.post("plugins/fxemoji/publish"), 409, "not-possible")

    assert [each["detail"] for each in said["errors"]] == [
        "There is no version yet: the addition has to finish first.",
        "Tiny is not offered at present.",
    ]


def test_an_earlier_version_is_used_again(seller: Program, artist: User, base: BaseModel) -> None:
    concept = with_works(make_concept(artist, "Riverink"))
    make_version(concept, base)
    make_version(concept, base)

    assert seller.get("plugins/riverink").json()["version"] == 2
    assert seller.post("plugins/riverink/versions/1/use").json()["version"] == 1
    for number in (3, 10**30):
        problem(seller.post(f"plugins/riverink/versions/{number}/use"), 404, "not-found")


def test_a_version_for_other_weights_is_not_used(seller: Program, plugin: PlugIn, base: BaseModel) -> None:
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="ef" * 32)

    said = problem(seller.post("plugins/fxemoji/versions/1/use"), 409, "not-possible")

    assert said["errors"] == [{"detail": "Version 1 was made for other weights of Tiny."}]


def test_anothers_plugin_is_not_there_to_be_changed(
    plugin: PlugIn, stranger: User, admin: User, program_of: ProgramOf
) -> None:
    for person in (stranger, admin):
        program = program_of(person)
        assert program.get("plugins/fxemoji").status_code == 200
        problem(program.patch("plugins/fxemoji", {"price_micros": 0}), 404, "not-found")
        for path in ("publish", "withdraw", "versions/1/use"):
            problem(program.post(f"plugins/fxemoji/{path}"), 404, "not-found")
    plugin.refresh_from_db()
    assert (plugin.price_micros, plugin.is_published) == (50_000, True)


def test_a_token_that_does_not_sell_changes_nothing(
    plugin: PlugIn, artist: User, program_of: ProgramOf
) -> None:
    program = program_of(artist, Scope.MANAGE, Scope.CLAIM, Scope.GENERATE)

    problem(program.patch("plugins/fxemoji", {"price_micros": 0}), 403, "not-allowed")
    problem(program.post("plugins/fxemoji/withdraw"), 403, "not-allowed")
    plugin.refresh_from_db()
    assert (plugin.price_micros, plugin.is_published) == (50_000, True)
