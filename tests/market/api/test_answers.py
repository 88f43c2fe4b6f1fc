"""What every address has in common: tokens, scopes, problems, throttles."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings

from market.accounts.models import Scope, User
from market.accounts.tokens import revoke_token
from market.api import problems
from market.basemodels.models import BaseModel
from tests.market.api.conftest import Program, ProgramOf, problem


def test_a_token_tells_who_asks(user: User, program_of: ProgramOf) -> None:
    said = program_of(user, Scope.GENERATE).get("me").json()

    assert said["email"] == user.email
    assert said["roles"] == ["user"]
    assert said["balance"] == {"available_micros": 0, "held_micros": 0, "credit_micros": 0, "currency": "EUR"}
    assert said["token"]["scopes"] == ["read", "generate"]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz", f"Bearer cpmt_{'a' * 38}"]
)
def test_without_a_token_that_is_in_use_there_is_a_challenge(db: None, header: str) -> None:
    answer = Client().get("/api/v1/me", headers={"Authorization": header})

    problem(answer, 401, "not-signed-in")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_signed_in_browser_is_nobody_here(user: User, client_for: Any) -> None:
    problem(client_for(user).get("/api/v1/me"), 401, "not-signed-in")


def test_a_revoked_token_is_refused(user: User, program_of: ProgramOf) -> None:
    program = program_of(user)
    revoke_token(user.api_tokens.get(), user)

    problem(program.get("me"), 401, "not-signed-in")


def test_a_token_does_only_what_its_scopes_say(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    said = problem(
        program_of(user, Scope.CLAIM).post("requests", {"base": "tiny", "prompt": "a fox"}),
        403,
        "not-allowed",
    )

    assert "generate" in said["detail"]


def test_an_address_that_is_none_is_a_problem_for_everybody(
    db: None, user: User, program_of: ProgramOf
) -> None:
    problem(Client().get("/api/v1/nothing"), 404, "not-found")
    problem(Client().post("/api/v2/me"), 404, "not-found")
    problem(program_of(user).get("bases/none"), 404, "not-found")


def test_a_method_that_is_none_says_which_there_are(user: User, program_of: ProgramOf) -> None:
    answer = program_of(user).delete("me")

    problem(answer, 405, "wrong-method")
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize(
    "body", ["{", "[]", '"text"', "[" * 100_000, '{"count": NaN}', "\xff".encode("latin-1")]
)
def test_a_body_that_is_no_json_object_is_unreadable(user: User, program_of: ProgramOf, body: Any) -> None:
    problem(program_of(user).post("quotes", body), 400, "unreadable")


def test_a_body_of_another_type_is_refused(user: User, program_of: ProgramOf) -> None:
    program = program_of(user)

    answer = program.client.post(
        "/api/v1/quotes", {"base": "tiny"}, headers={"Authorization": f"Bearer {program.words}"}
    )

    problem(answer, 415, "wrong-type")


def test_a_body_that_is_too_large_is_refused(user: User, program_of: ProgramOf) -> None:
    problem(program_of(user).post("quotes", {"prompt": "x" * 1_000_001}), 413, "too-large")


def test_every_wrong_value_is_pointed_at(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    body = {"base": ["tiny"], "count": "many", "plugins": [{"plugin": {}, "weight": []}], "colour": 1}

    said = problem(program_of(user).post("quotes", body), 422, "invalid")

    pointers = [each["pointer"] for each in said["errors"]]
    assert "#/colour" in pointers
    body.pop("colour")
    said = problem(program_of(user).post("quotes", body), 422, "invalid")
    pointers = [each["pointer"] for each in said["errors"]]
    assert sorted(pointers) == ["#/base", "#/count", "#/plugins/0/plugin", "#/plugins/0/weight"]


def test_the_words_are_those_of_the_form(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    said = problem(program_of(user).post("quotes", {"base": "tiny", "count": 9}), 422, "invalid")

    assert said["errors"] == [{"detail": "At most 8 pictures at a time.", "pointer": "#/count"}]
    assert said["detail"] == "At most 8 pictures at a time."


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "a\u202eb"])
def test_hidden_letters_are_refused_and_not_a_failure(
    user: User, base: BaseModel, program_of: ProgramOf, text: str
) -> None:
    answer = program_of(user).post("requests", {"base": "tiny", "prompt": text, "agreed": text})

    problem(answer, 422, "invalid")


def test_a_token_that_asks_too_often_is_told_when_to_come_back(user: User, program_of: ProgramOf) -> None:
    program, other = program_of(user), program_of(user)

    with override_settings(API=replace(settings.API, requests_per_minute=2)):
        _begin_of_a_minute()
        answers = [program.get("me") for _ in range(3)]
        assert other.get("me").status_code == 200

    assert [each.status_code for each in answers] == [200, 200, 429]
    problem(answers[2], 429, "too-many")
    assert 1 <= int(answers[2]["Retry-After"]) <= 60


def test_writing_has_a_limit_of_its_own(user: User, base: BaseModel, program_of: ProgramOf) -> None:
    program = program_of(user)

    with override_settings(API=replace(settings.API, writes_per_minute=1)):
        _begin_of_a_minute()
        first, second = (program.post("quotes", {"base": "tiny"}) for _ in range(2))
        read = program.get("me")

    assert (first.status_code, second.status_code, read.status_code) == (200, 429, 200)


def _begin_of_a_minute() -> None:
    """Wait where the minute is nearly over, so that all that follows falls in one."""
    left = 60 - time.time() % 60
    if left < 10:
        time.sleep(left)


def test_a_failure_is_a_problem_to_programs_and_a_page_to_people(db: None) -> None:
    program = problems.server_error(RequestFactory().get("/api/v1/me"))
    person: HttpResponse = problems.server_error(RequestFactory().get("/plugins/"))

    problem_said = program.content.decode()
    assert program["Content-Type"] == "application/problem+json"
    assert "#problem-failed" in problem_said
    assert person["Content-Type"].startswith("text/html")


def test_lists_go_on_where_the_page_before_ended(
    user: User, program_of: ProgramOf, model_owner: User
) -> None:
    from tests.market.stage import make_base

    for number in range(5):
        make_base(model_owner, slug=f"base-{number}", fingerprint=f"{number}a" * 32)
    program = program_of(user)

    seen, address = [], "bases?limit=2"
    while address:
        page = program.get(address).json()
        seen += [each["slug"] for each in page["results"]]
        address = page["next"]

    assert seen == [f"base-{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=WyJhIl0",
        "cursor=%00",
        "cursor=bnVsbA",
        "cursor=W251bGwsIDFd",
    ],
)
def test_a_page_that_is_none_is_a_problem(user: User, program_of: ProgramOf, query: str) -> None:
    for path in ("bases", "plugins"):
        said = problem(program_of(user).get(f"{path}?{query}"), 422, "invalid")

        assert said["errors"][0]["parameter"] in {"limit", "cursor"}


def test_a_program_of_an_admin_sees_what_admins_see(
    admin: User, user: User, base: BaseModel, program_of: ProgramOf
) -> None:
    BaseModel.objects.update(listed=False)

    assert program_of(admin).get("bases/tiny").status_code == 200
    seen: Program = program_of(user)
    assert seen.get("bases/tiny").status_code == 404
