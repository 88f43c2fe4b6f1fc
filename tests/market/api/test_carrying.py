"""Carrying plug-ins over to the next generation of a base, and answering, by the API."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from tests.market.api.conftest import ProgramOf, problem
from tests.market.carrying.stage import finish, make_next_base
from tests.market.stage import make_plugin


@pytest.fixture
def next_base(model_owner: User) -> BaseModel:
    return make_next_base(model_owner)


@pytest.fixture
def sold(artist: User, base: BaseModel) -> PlugIn:
    return make_plugin(artist, base, name="Duck")


def test_an_owner_carries_over_and_the_artist_accepts(
    sold: PlugIn,
    base: BaseModel,
    next_base: BaseModel,
    model_owner: User,
    artist: User,
    program_of: ProgramOf,
) -> None:
    owner, program = program_of(model_owner), program_of(artist)
    answer = owner.post(f"bases/{base.slug}/upgrades", {"next_base": next_base.slug})
    assert answer.status_code == 201, answer.content
    (begun,) = answer.json()
    assert (begun["plugin"], begun["state"], begun["carried"]) == ("duck", "carrying", None)
    finish()

    (offered,) = program.get("carry-overs").json()["results"]
    assert (offered["state"], offered["next_base"], offered["figures"]["missed"]) == (
        "offered",
        "tiny-2",
        0.12,
    )
    accepted = program.post(f"carry-overs/{offered['id']}/accept").json()

    assert accepted["state"] == "accepted"
    assert program.get(f"plugins/{accepted['carried']}").json()["base"] == "tiny-2"
    problem(program.post(f"carry-overs/{offered['id']}/decline"), 409, "not-possible")


def test_a_base_that_is_not_ones_own_or_does_not_exist_is_refused(
    sold: PlugIn, base: BaseModel, model_owner: User, stranger: User, program_of: ProgramOf
) -> None:
    make_next_base(stranger)
    owner = program_of(model_owner)
    for wanted in ("tiny-2", "nowhere", base.slug, ""):
        said = problem(owner.post(f"bases/{base.slug}/upgrades", {"next_base": wanted}), 422, "invalid")
        assert "next_base" in str(said)
    problem(
        program_of(stranger).post(f"bases/{base.slug}/upgrades", {"next_base": "tiny-2"}), 404, "not-found"
    )
