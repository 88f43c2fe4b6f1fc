"""Who gets what at every route of the market: `table.txt` says it, and each of the cast asks. A route that is not in it fails this.

Every answer is undone before the next question, so that all of them ask in the same market.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from http import HTTPMethod
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import SimpleCookie
from django.test import Client
from django.urls import URLPattern, get_resolver

from market.accounts.models import Scope, User
from market.accounts.tokens import make_token
from tests.market.catalog.conftest import files_of_its_own
from tests.market.conftest import give_second_factor
from tests.market.payments.stage import IBAN
from tests.market.routes.stage import ADMINISTRATION, SAID, Cast, address_of, routes, set_the_stage

__all__ = ["files_of_its_own"]

pytestmark = pytest.mark.slow

TABLE = Path(__file__).with_name("table.txt")
API = "api/"
ROW = re.compile(r"(?P<gets>\S{7})  (?P<method>get|post|put|patch|delete) +(?P<route>\S*)")
# Of a model in the administration, what an admin gets of each of its pages, by each method.
MODEL = re.compile(r"(?P<get>\S{6})  (?P<post>\S{4})  (?P<model>\w+/\w+)")
MODEL_PAGE = re.compile(rf"{ADMINISTRATION}(?!r/)\w+/\w+/")
PAGES = {
    "get": (
        "",
        "add/",
        "<path:object_id>/history/",
        "<path:object_id>/delete/",
        "<path:object_id>/change/",
        "<path:object_id>/",
    ),
    "post": ("", "add/", "<path:object_id>/delete/", "<path:object_id>/change/"),
}
"""Of each model in the administration: its list, the form to add one, and of one object its history, the question whether to
delete it, its form, and the short address of that."""

VISITOR, STRANGER, ADMIN = 0, 1, 6
LET_IN = set("+>!")
REFUSED = set("m.x")
SECTIONS = ("pages", API, ADMINISTRATION)
CODES = {
    200: "+",
    201: "+",
    202: "+",
    204: "+",
    400: "!",
    401: "s",
    403: "x",
    404: ".",
    405: "m",
    409: "!",
    415: "!",
    422: "!",
    503: "!",
}

Asked = tuple[str, str]
"""A method and a route."""


def told() -> dict[Asked, str]:
    """Read the table: what each of the cast gets, by method and route."""
    rows: dict[Asked, str] = {}
    for number, line in enumerate(TABLE.read_text().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        found = ROW.fullmatch(line)
        model = MODEL.fullmatch(line)
        if found:
            each = {(found["method"], found["route"]): found["gets"]}
        elif model:
            each = {
                (method, f"{ADMINISTRATION}{model['model']}/{page}"): f"ssssss{code}"
                for method in ("get", "post")
                for page, code in zip(PAGES[method], model[method], strict=True)
            }
        else:
            raise ValueError(f"line {number} of {TABLE.name} is no row: {line}")
        assert not rows.keys() & each.keys(), f"line {number} of {TABLE.name} is there twice: {line}"
        rows |= each
    return rows


def code_of(response: Any) -> str:
    """Say in one letter what an answer comes to, as the table explains."""
    if response.status_code not in (301, 302):
        return CODES.get(response.status_code, str(response.status_code))
    led_to = response["Location"]
    if led_to.startswith(("/accounts/login/", "/admin/login/")):
        return "s"
    return "r" if led_to.startswith("/me/roles/") else ">"


class Asker:
    """A visitor or one of the cast, with a session, and at the API with a token. Each question is as good as the first."""

    def __init__(self, client: Client, person: User | None) -> None:
        self.client = client
        # An answer of 500 is a finding like any other.
        self.client.raise_request_exception = False
        self.session = {name: morsel.value for name, morsel in client.cookies.items()}
        self.token = ""
        if person:
            if person.is_admin:
                give_second_factor(person)
            _, self.token = make_token(person, name="test", scopes=list(Scope), expires_at=None)

    def ask(self, asked: Asked, address: str) -> str:
        """Give the letter for the answer, and undo what it did."""
        method, route = asked
        content: dict[str, Any] = {}
        headers = {}
        self.client.cookies = SimpleCookie(self.session)
        if route.startswith(API):
            self.client.cookies = SimpleCookie()
            headers = {"Idempotency-Key": str(uuid.uuid4()), "Authorization": f"Bearer {self.token}"}
            if not self.token:
                del headers["Authorization"]
            content = {"content_type": "application/json", "data": "{}"}
        elif method == "post":
            content = {"data": SAID.get(route, {})}
        if method == "get":
            content = {}
        cache.clear()  # no limit on questions is reached
        with transaction.atomic():
            answer = getattr(self.client, method)(address, headers=headers, **content)
            transaction.set_rollback(True)
        return code_of(answer)


@dataclass(frozen=True)
class Market:
    """Whoever asks, in the order of the table's columns, and what stands in the addresses."""

    askers: list[Asker]
    there: dict[str, dict[str, Any]]

    def gets(self, asked: Asked, said: str) -> str:
        """Ask as all of the cast; at the administration's models, whose 500 pages have one guard, as a few."""
        address = address_of(asked[1], self.there)
        askers = set(range(len(self.askers)))
        if _is_of_a_model(asked[1]):
            askers = {VISITOR, STRANGER, ADMIN} if asked[0] == "get" else {ADMIN}
        return "".join(
            asker.ask(asked, address) if number in askers else said[number]
            for number, asker in enumerate(self.askers)
        )

    def unlisted(self, asked: Asked, gets: str) -> str:
        """Ask by another method than those that are listed, as the last of those who are let in by one."""
        last = max((number for number, code in enumerate(gets) if code in LET_IN), default=ADMIN)
        return self.askers[last].ask(asked, address_of(asked[1], self.there))


@pytest.fixture
def asked_market(
    user: User, stranger: User, artist: User, second_artist: User, model_owner: User, admin: User,
    client_for: Callable[[User], Client], settings: Any,
) -> Market:  # fmt: skip
    settings.PAYOUTS = replace(settings.PAYOUTS, reserve_days=0, sender_iban=IBAN)
    there = set_the_stage(Cast(user, artist, second_artist, model_owner, admin))
    cast = (stranger, user, artist, second_artist, model_owner, admin)
    return Market([Asker(Client(), None), *(Asker(client_for(each), each) for each in cast)], there)


def section_of(route: str) -> str:
    return next((each for each in (API, ADMINISTRATION) if each in route), "pages")


def _is_of_a_model(route: str) -> bool:
    return MODEL_PAGE.match(route) is not None


def methods_of(pattern: URLPattern) -> set[str]:
    """The methods that a class says it answers; of a function nothing is known before it is asked."""
    view: Any = getattr(pattern.callback, "cls", None)
    return {each.lower() for each in HTTPMethod if hasattr(view, each.lower())} - {"options", "head"}


def in_order(rows: Iterable[Asked]) -> list[Asked]:
    """Reading comes first: a file that is deleted does not come back when the rest is undone."""
    return sorted(rows, key=lambda asked: (asked[0] != "get", asked[1], asked[0]))


def rest_of(said: dict[Asked, str]) -> list[tuple[Asked, str]]:
    """Give what the table does not list of routes that it lists, each with what the cast gets of what it does."""
    gets = {route: letters for (_, route), letters in said.items()}
    some = {route for route in gets if not _is_of_a_model(route)}
    rest = {(method, route) for route in some for method in ("get", "post")} - said.keys()
    return [(asked, gets[asked[1]]) for asked in in_order(rest)]


def test_every_route_is_in_the_table_and_nothing_else_is() -> None:
    there = dict(routes(get_resolver().url_patterns))
    listed = told()

    missing = there.keys() - {route for _, route in listed}
    assert not missing, f"Say in {TABLE} who gets what at: {sorted(missing)}"
    gone = {route for _, route in listed} - there.keys()
    assert not gone, f"Take out of {TABLE}, since there is no such route: {sorted(gone)}"
    declared = {(method, route) for route, pattern in there.items() for method in methods_of(pattern)}
    assert declared - {("get", "^api/")} <= listed.keys(), sorted(declared - listed.keys())


@pytest.mark.parametrize("section", SECTIONS)
def test_each_of_the_cast_gets_what_the_table_says(section: str, asked_market: Market) -> None:
    said = {asked: gets for asked, gets in told().items() if section_of(asked[1]) == section}

    found = {asked: asked_market.gets(asked, said[asked]) for asked in in_order(said)}
    by_others = {
        asked: code
        for asked, gets in rest_of(said)
        if (code := asked_market.unlisted(asked, gets)) not in REFUSED
    }

    wrong = [f"{gets}  {method:<6} {route}   (the table says {said[method, route]})"
             for (method, route), gets in found.items() if gets != said[method, route]]  # fmt: skip
    wrong += [
        f"{code}  {method} {route}   (the table does not list it)"
        for (method, route), code in by_others.items()
    ]
    assert not wrong, "\n".join(["Judge these, and mend the code or the table:", *wrong])
