"""Requests drawn from the schema, and some that break it: none makes the market fail, and answers are as the schema says."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
import requests
import schemathesis
from django.conf import settings
from django.test import Client, override_settings
from hypothesis import HealthCheck
from hypothesis import settings as drawing
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from market.accounts.models import Scope, User
from market.accounts.tokens import make_token
from market.api.schema import document

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
HERE = "http://testserver"

schema = schemathesis.openapi.from_dict(dict(document()))


@pytest.fixture
def words(stranger: User) -> str:
    """The token of somebody who may do all that a token may."""
    _, words = make_token(stranger, name="test", scopes=list(Scope), expires_at=None)
    return words


@schema.parametrize()
@drawing(
    max_examples=3, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_a_request_is_answered_as_the_schema_says(case: Any, words: str) -> None:
    with override_settings(
        API=replace(settings.API, requests_per_minute=1_000_000, writes_per_minute=1_000_000)
    ):
        asked = requests.Request(**case.as_transport_kwargs(base_url=HERE)).prepare()

        answer = _send(asked, words)

    case.validate_response(_as_received(asked, answer), checks=CHECKS)


def _send(asked: requests.PreparedRequest, words: str) -> Any:
    headers = {name: str(value) for name, value in asked.headers.items() if name.lower() != "content-length"}
    # A key of its own, so that no answer is that of the request before.
    headers |= {"Authorization": f"Bearer {words}"}
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    kind = headers.pop("Content-Type", "application/json")
    path = str(asked.url).removeprefix(HERE)
    return Client(raise_request_exception=False).generic(
        str(asked.method), path, data=asked.body or b"", content_type=kind, headers=headers
    )


def _as_received(asked: requests.PreparedRequest, answer: Any) -> schemathesis.Response:
    return schemathesis.Response(
        status_code=answer.status_code,
        headers={name: [value] for name, value in answer.items()},
        content=answer.content,
        request=asked,
        elapsed=0.0,
        verify=False,
    )


def test_a_body_without_its_length_is_refused_and_not_taken_for_an_empty_one(words: str) -> None:
    headers = {"Authorization": f"Bearer {words}", "Idempotency-Key": "a", "Transfer-Encoding": "chunked"}

    answer = Client().post("/api/v1/quotes", b"", content_type="application/json", headers=headers)

    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (411, "problem-length-missing")
