"""The page that describes the API, drawn from its schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from market.accounts.models import Scope
from market.api.base_uploads import BYTES
from market.api.once import HEADER
from market.api.problems import KINDS
from market.api.schema import document

TITLES = {
    "people": "You",
    "quotes": "Prices",
    "requests": "Requests for pictures",
    "pictures": "Pictures",
    "jobs": "Jobs",
    "plugins": "Plug-ins",
    "additions": "New versions of plug-ins",
    "combinations": "Combinations",
    "bases": "Base models",
    "base_uploads": "Sending a base model",
    "weights": "Other weights of base models",
    "releases": "Releases",
    "extractions": "Extractions",
    "degradation": "What extractions cost a base",
    "retests": "Plug-ins on new releases",
    "carrying": "Plug-ins carried over to the next generation of a base",
    "concepts": "Concepts and works",
    "claims": "Claims",
    "takedowns": "Takedowns and strikes",
}
"""The groups in their order on the page. Others come after them."""
DEEPEST = 3
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Member:
    """A value in a body or an answer: its name with those it lies in, its type, and what it means."""

    name: str
    kind: str
    note: str
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """What one method of one address does."""

    key: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: list[Member]
    body: list[Member]
    answers: list[Member]
    status: str
    curl: str


@dataclass(frozen=True)
class Group:
    key: str
    title: str
    operations: list[Operation] = field(default_factory=list)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    context = {
        "groups": groups(document()),
        "problems": KINDS,
        "scopes": [str(scope.label).split(": ") for scope in Scope],
        "address": settings.PUBLIC_URL,
        "requests_a_minute": settings.API.requests_per_minute,
        "writes_a_minute": settings.API.writes_per_minute,
    }
    return render(request, "api/docs.html", context)


def groups(schema: Mapping[str, Any]) -> list[Group]:
    """Group the operations by subject, in the order of their addresses."""
    found = {tag: Group(tag, title) for tag, title in TITLES.items()}
    for path, operations in schema["paths"].items():
        for method, said in operations.items():
            tag = said["tags"][0]
            group = found.setdefault(tag, Group(tag, capfirst(tag)))
            group.operations.append(_operation(schema, path, method.upper(), said))
    return list(found.values())


def _operation(schema: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any]) -> Operation:
    status, answer = next(iter(said["responses"].items()))
    body = said.get("requestBody", {}).get("content", {})
    return Operation(
        key=said["operationId"],
        method=method,
        path=path,
        summary=_marked(said["summary"]),
        description=_marked(said.get("description", "")),
        scope=said["x-scope"],
        parameters=[
            Member(
                each["name"],
                _kind(each["schema"]),
                _marked(each.get("description", "")),
                each.get("required", False),
            )
            for each in said.get("parameters", ())
        ],
        body=[each for content in body.values() for each in _members(schema, content["schema"])],
        answers=[
            each
            for content in answer.get("content", {}).values()
            for each in _members(schema, content["schema"])
        ],
        status=status,
        curl=_curl(schema, path, method, said),
    )


def _marked(text: str) -> str:
    """Set the text between backticks, as the schema has it, as code."""
    parts = text.split("`")
    return format_html("".join("<code>{}</code>" if i % 2 else "{}" for i in range(len(parts))), *parts)


def _members(schema: Mapping[str, Any], node: Mapping[str, Any], within: str = "") -> Iterator[Member]:
    """Walk through the members of an object, and of the objects in it."""
    node = _resolved(schema, node)
    if node.get("type") == "array":
        yield from _members(schema, node["items"], f"{within}[]")
        return
    required = node.get("required", ())
    for name, value in node.get("properties", {}).items():
        whole = f"{within}.{name}" if within else name
        inner = _resolved(schema, value)
        note = value.get("description") or inner.get("description", "")
        yield Member(whole, _kind(inner), _marked(note), name in required)
        if whole.count(".") < DEEPEST:
            yield from _members(schema, inner, whole)


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference, also one in a list of one beside a description."""
    while "$ref" in node or "allOf" in node or "oneOf" in node:
        choice = node if "$ref" in node else (node.get("allOf") or node["oneOf"])[0]
        if "$ref" not in choice:
            return choice
        node = schema["components"]["schemas"][choice["$ref"].rsplit("/", 1)[-1]]
    return node


def _kind(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return " | ".join(str(each) for each in node["enum"] if each is not None)
    kind = str(node.get("type", "object"))
    if kind == "array":
        return "list"
    words = {"binary": "file", "date-time": "time", "uri": "address", "uuid": "UUID"}
    kind = words.get(str(node.get("format")), kind)
    low, high, letters = node.get("minimum"), node.get("maximum"), node.get("maxLength")
    if low is not None and high is not None and abs(high) < 10**10:
        return f"{kind}, {low:g} to {high:g}"
    return f"{kind}, at most {letters} letters" if letters else kind


def _curl(schema: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any]) -> str:
    """Write a call of an operation with what it needs."""
    lines = ["curl" if method == "GET" else f"curl -X {method}", '-H "Authorization: Bearer $TOKEN"']
    if any(each["name"] == HEADER and each.get("required") for each in said.get("parameters", ())):
        lines.append(f'-H "{HEADER}: $(uuidgen)"')
    content = said.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        example = _example(schema, content["application/json"]["schema"])
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example, ensure_ascii=False)}'"]
    elif FORM in content:
        lines += [f"-F '{said}'" for said in _form_example(schema, content[FORM]["schema"])]
    elif BYTES in content:
        lines += [f"-H 'Content-Type: {BYTES}'", "--data-binary @part"]
    query = "&".join(
        f"{each['name']}={each['name'].upper()}"
        for each in said.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    )
    address = f"{settings.PUBLIC_URL}{path}" + (f"?{query}" if query else "")
    return " \\\n  ".join([*lines, f"'{address}'" if query else address])


def _form_example(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[str]:
    """Give what a form needs as curl options: files by their names."""
    node = _resolved(schema, node)
    for name in node.get("required", ()):
        value = _resolved(schema, node["properties"][name])
        if "binary" in (value.get("format"), value.get("items", {}).get("format")):
            yield f"{name}=@FILE"
        else:
            yield f"{name}={_value(schema, value)}"


def _example(schema: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    node = _resolved(schema, node)
    required = node.get("required", ())
    return {name: _value(schema, node["properties"][name]) for name in required}


def _value(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    node = _resolved(schema, node)
    if "enum" in node:
        return node["enum"][0]
    plain = {"integer": 1, "number": 1.0, "boolean": True, "array": []}
    return plain.get(str(node.get("type")), "…")
