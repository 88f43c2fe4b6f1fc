"""Programs of the cast, each with a token, and things for them to ask about."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.test.client import MULTIPART_CONTENT

from market.accounts.models import Scope, User
from market.accounts.tokens import make_token
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from tests.market.catalog.conftest import files_of_its_own
from tests.market.conftest import give_second_factor
from tests.market.stage import make_base, make_plugin

__all__ = ["files_of_its_own"]

EVERY_SCOPE = list(Scope)


class Program:
    """Asks the API with a token; what is not reading goes with a key of its own, unless one is given."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.client = Client()

    def get(self, path: str, **headers: str) -> Any:
        return self._ask("get", path, headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        headers = {"Idempotency-Key": str(uuid.uuid4()) if key is None else key} | headers
        return self._ask("post", path, headers, body)

    def post_form(self, path: str, form: dict[str, Any], *, key: str | None = None) -> Any:
        """Post what has files."""
        headers = {"Idempotency-Key": str(uuid.uuid4()) if key is None else key}
        return self._ask("post", path, headers, form, kind=MULTIPART_CONTENT)

    def put_bytes(self, path: str, data: bytes, kind: str = "application/octet-stream") -> Any:
        return self._ask("put", path, {}, data, kind=kind)

    def patch(self, path: str, body: Any) -> Any:
        return self._ask("patch", path, {}, body)

    def put(self, path: str, body: Any) -> Any:
        return self._ask("put", path, {}, body)

    def delete(self, path: str) -> Any:
        return self._ask("delete", path, {})

    def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Any = None,
        kind: str = "application/json",
    ) -> Any:
        content: dict[str, Any] = {}
        if method != "get":
            content = {"data": "" if body is None else body, "content_type": kind}
        sent = {"Authorization": f"Bearer {self.words}"} | {
            name: value for name, value in headers.items() if value
        }
        address = path if path.startswith("http") else f"/api/v1/{path}"
        return getattr(self.client, method)(address, headers=sent, **content)


ProgramOf = Callable[..., Program]


@pytest.fixture(autouse=True)
def fresh_counts() -> Iterator[None]:
    """Begin with no request counted."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def program_of(db: None) -> ProgramOf:
    """Return a function that makes a person a program, with all scopes unless others are named."""

    def begin(person: User, *scopes: Scope) -> Program:
        if person.is_admin:
            give_second_factor(person)
        _, words = make_token(person, name="test", scopes=list(scopes) or EVERY_SCOPE, expires_at=None)
        return Program(words)

    return begin


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def plugin(artist: User, base: BaseModel) -> PlugIn:
    """A published style at €0.05 a picture."""
    return make_plugin(artist, base)


def problem(response: Any, status: int, name: str) -> dict[str, Any]:
    """Give the problem of an answer, which has to be of this kind."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    said: dict[str, Any] = response.json()
    assert said["type"].endswith(f"#problem-{name}")
    assert said["status"] == status
    assert said["detail"]
    return said
