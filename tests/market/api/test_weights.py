"""Other weights of an uploaded base by the API."""

from __future__ import annotations

import uuid

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseUpload
from market.basemodels.registering import register_base
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.basemodels.conftest import FIELDS, FILES, complete_upload, pass_check

FIRST, SECOND = "cd" * 32, "ef" * 32
PATH = "bases/mine/weights"


@pytest.fixture
def mine(model_owner: User) -> BaseModel:
    """A listed base of an upload."""
    made = register_base(model_owner, FIELDS, upload=complete_upload(model_owner).pk, by=model_owner)
    pass_check(made, fingerprint=FIRST)
    BaseModel.objects.filter(pk=made.pk).update(listed=True)
    return BaseModel.objects.get(pk=made.pk)


@pytest.fixture
def other(model_owner: User) -> BaseUpload:
    return complete_upload(model_owner, FILES | {"unet/config.json": b'{"a": 2}'})


@pytest.fixture
def owner(model_owner: User, program_of: ProgramOf) -> Program:
    return program_of(model_owner)


def test_another_upload_is_checked_and_confirmed(owner: Program, mine: BaseModel, other: BaseUpload) -> None:
    answer = owner.post(PATH, {"upload": str(other.pk)})
    assert answer.status_code == 201, answer.content
    assert answer.json()["job"]["state"] == "queued"
    pass_check(mine, fingerprint=SECOND)
    checked = owner.get("bases/mine/check").json()
    assert (checked["other_weights"], checked["found"]["fingerprint"]) == (True, SECOND)
    problem(owner.post(f"{PATH}/confirm", {"fingerprint": FIRST}), 409, "not-possible")

    said = owner.post(f"{PATH}/confirm", {"fingerprint": SECOND}).json()

    assert (said["number"], said["in_use"], said["fingerprint"]) == (2, True, SECOND)
    problem(owner.post(f"{PATH}/confirm", {"fingerprint": SECOND}), 409, "not-possible")


def test_the_weights_in_use_stay_when_it_is_withdrawn(
    owner: Program, mine: BaseModel, other: BaseUpload
) -> None:
    owner.post(PATH, {"upload": str(other.pk)})
    pass_check(mine, fingerprint=SECOND)

    assert owner.delete(PATH).status_code == 204

    mine.refresh_from_db()
    assert (mine.fingerprint, mine.next_upload) == (FIRST, None)
    problem(owner.delete(PATH), 409, "not-possible")


def test_an_upload_that_is_none_is_said(owner: Program, mine: BaseModel) -> None:
    problem(owner.post(PATH, {"upload": "x"}), 422, "invalid")
    problem(owner.post(PATH, {}), 422, "invalid")

    said = problem(owner.post(PATH, {"upload": str(uuid.uuid4())}), 409, "not-possible")

    assert "no such upload of yours" in said["detail"]


def test_only_the_owner_finds_its_weights(
    mine: BaseModel, other: BaseUpload, stranger: User, admin: User, program_of: ProgramOf
) -> None:
    for person in (stranger, admin):
        program = program_of(person)
        problem(program.post(PATH, {"upload": str(other.pk)}), 404, "not-found")
        problem(program.post(f"{PATH}/confirm", {"fingerprint": SECOND}), 404, "not-found")
        problem(program.delete(PATH), 404, "not-found")
