"""The schema says what there is, and the page is drawn from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern
from drf_spectacular.validation import validate_schema

from market.accounts.models import Scope
from market.api import once, urls
from market.api.problems import KINDS
from market.api.reference import groups
from market.api.schema import document
from market.configuration import ROOT

pytestmark = pytest.mark.django_db


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, said)
        for path, methods in document()["paths"].items()
        for method, said in methods.items()
    ]


def test_the_schema_is_there_for_everybody() -> None:
    answer = Client().get("/api/v1/schema")

    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.")


def test_the_schema_is_what_openapi_asks_for() -> None:
    validate_schema(document())  # type: ignore[no-untyped-call]  # the package's own


def test_every_address_is_in_the_schema() -> None:
    described = {path for _, path, _ in operations()}

    addresses = {
        re.sub(
            r"<\w+:(\w+)>", lambda found: f"{{{'id' if found[1] == 'pk' else found[1]}}}", f"/{each.pattern}"
        )
        for each in urls.urlpatterns
        if isinstance(each, URLPattern) and hasattr(each.callback, "cls") and each.name != "nowhere"
    }

    assert described == addresses


def test_every_operation_says_what_it_does_what_it_needs_and_that_it_may_be_refused() -> None:
    for method, path, said in operations():
        assert said["summary"], (method, path)
        assert said["x-scope"] in Scope.values
        assert said["security"] == [{"token": []}]
        assert "application/problem+json" in said["responses"]["default"]["content"]
    names = [said["operationId"] for _, _, said in operations()]
    assert len(names) == len(set(names))


def test_what_creates_or_costs_needs_a_key() -> None:
    needs = {
        path
        for method, path, said in operations()
        for parameter in said.get("parameters", ())
        if parameter["name"] == once.HEADER and parameter.get("required")
    }

    made = {path for method, path, said in operations() if method == "post" and "201" in said["responses"]}
    assert made <= needs
    assert "/api/v1/requests" in needs


def test_every_reference_in_the_schema_leads_somewhere() -> None:
    known = document()["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", str(document())):
        assert name in known


def test_the_bounds_of_a_body_are_those_of_its_form() -> None:
    body = document()["components"]["schemas"]["PictureRequestBody"]

    assert (body["properties"]["count"]["minimum"], body["properties"]["count"]["maximum"]) == (1, 8)
    assert body["properties"]["prompt"]["maxLength"] == 500
    assert set(body["required"]) == {"base", "prompt", "agreed"}
    assert body["additionalProperties"] is False


def test_the_page_has_every_operation_and_every_problem() -> None:
    answer = Client().get("/api/v1/docs")

    page = answer.content.decode()
    assert answer.status_code == 200
    for _, path, said in operations():
        assert f'id="{said["operationId"]}"' in page, path
    for kind in KINDS:
        assert f'id="problem-{kind.name}"' in page


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = Client().get("/api/v1/docs").content.decode()

    assert not re.findall(r'(?:src|href)="https?://', page)


def test_the_calls_on_the_page_have_what_they_need() -> None:
    calls = {operation.key: operation.curl for group in groups(document()) for operation in group.operations}

    assert "Idempotency-Key" in calls["postPictureRequests"]
    assert '"prompt"' in calls["postPictureRequests"]
    assert calls["getMe"].startswith("curl")


def test_the_how_to_names_every_scope() -> None:
    page = Path(ROOT / "docs" / "how-to" / "use-the-api.md").read_text()

    for scope in Scope:
        assert f"| `{scope.value}` |" in page
