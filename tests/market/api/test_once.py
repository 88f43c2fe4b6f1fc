"""A request that is sent twice with one key acts once."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from market.accounts.models import User
from market.api.models import KeptAnswer
from market.api.once import forget_answers
from market.basemodels.models import BaseModel
from market.generation.models import GenerationRequest
from market.ledger import operations as ledger
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.races import at_once
from tests.market.stage import EURO, top_up, wallet

KEY = "order-1"


def ask(program: Program, *, key: str = KEY, **changes: Any) -> Any:
    agreed = program.post("quotes", {"base": "tiny"}).json()["quote"]["digest"]
    return program.post(
        "requests", {"base": "tiny", "prompt": "a fox", "seed": 1, "agreed": agreed} | changes, key=key
    )


def test_a_key_is_needed_for_what_costs(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    said = problem(program_of(user).post("requests", {"base": "tiny"}, key=""), 400, "key-missing")

    assert "Idempotency-Key" in said["detail"]


@pytest.mark.parametrize("key", ["two words", "k" * 201, "ключ"])
def test_a_key_is_short_and_plain(user: User, base: BaseModel, program_of: ProgramOf, key: str) -> None:
    problem(program_of(user).post("requests", {"base": "tiny"}, key=key), 400, "unreadable")


def test_the_same_request_again_is_answered_as_the_first_time(
    user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    top_up(user)
    program = program_of(user)

    first, second = ask(program), ask(program)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert second["Location"] == first["Location"]
    assert GenerationRequest.objects.count() == 1
    assert ledger.balance(wallet(user)).held == base.fee_micros


def test_another_request_with_the_key_is_refused(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    top_up(user)
    program = program_of(user)
    ask(program)

    problem(ask(program, prompt="a boat"), 422, "key-reused")

    assert GenerationRequest.objects.count() == 1


def test_a_refused_request_uses_no_key_up(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    program = program_of(user)
    problem(ask(program), 402, "balance-too-low")

    top_up(user)

    assert ask(program).status_code == 201


def test_keys_of_two_people_have_nothing_to_do_with_each_other(
    user: User, stranger: User, base: BaseModel, program_of: ProgramOf
) -> None:
    for person in (user, stranger):
        top_up(person)
        assert "Idempotent-Replayed" not in ask(program_of(person))

    assert GenerationRequest.objects.count() == 2


def test_pictures_are_not_charged_twice_when_the_answer_is_long_forgotten(
    user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    top_up(user)
    program = program_of(user)
    first = ask(program)
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(days=8))

    assert forget_answers() == 1

    assert ask(program).json()["id"] == first.json()["id"]
    assert GenerationRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_the_same_moment_one_acts_and_all_are_answered_alike(
    user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    top_up(user, 10 * EURO)
    program = program_of(user)
    agreed = program.post("quotes", {"base": "tiny"}).json()["quote"]["digest"]
    body = {"base": "tiny", "prompt": "a fox", "seed": 1, "agreed": agreed}

    def send(_: int) -> str:
        # A test's client is for one thread.
        answer = Program(program.words).post("requests", body, key=KEY)
        return f"{answer.status_code} {'again' if 'Idempotent-Replayed' in answer else 'made'}"

    assert at_once(4, send) == {"201 made": 1, "201 again": 3}
    assert GenerationRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"key": ""}, "api_keptanswer_has_a_key"),
        ({"request_sha256": "x"}, "api_keptanswer_sha256_shape"),
        ({"status": 404}, "api_keptanswer_of_what_was_done"),
    ],
)
def test_the_database_refuses(user: User, changes: dict[str, Any], constraint: str) -> None:
    fields = {"person": user, "key": str(uuid.uuid4()), "request_sha256": "ab" * 32, "status": 201}

    with pytest.raises(IntegrityError, match=constraint):
        KeptAnswer.objects.create(**fields | changes)


def test_a_key_is_kept_once_a_person(user: User) -> None:
    KeptAnswer.objects.create(person=user, key=KEY, request_sha256="ab" * 32)

    with pytest.raises(IntegrityError, match="api_keptanswer_key_once_a_person"):
        KeptAnswer.objects.create(person=user, key=KEY, request_sha256="cd" * 32)
