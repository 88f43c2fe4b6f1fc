"""The audit log's page: newest first, found by person, action, target and day, downloaded, and for admins only."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from market.accounts.models import Role, User
from market.audit.models import AuditLine
from market.audit.recording import record
from market.reports.audit_log import ROWS, address_of
from tests.market.conftest import make_person

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]
PAGE = "/reports/audit/"


@pytest.fixture
def boss(admin: User) -> User:
    """A second admin."""
    return make_person("Bruno Boss", Role.ADMIN)


@pytest.fixture
def log(admin: User, boss: User, user: User, artist: User) -> None:
    record("person.warned", by=admin, target=user, reason="was <rude>", changes={"warned": (False, True)})
    record("person.praised", by=boss, target=artist, details={"stars": 5})
    record("thing.made", by=boss, target="thing")


def shown(response: Any) -> list[str]:
    return [line.action for line, _, _ in response.context["lines"]]


def test_lines_are_shown_newest_first_with_who_what_and_why(
    client_for: ClientFor, admin: User, user: User, log: None
) -> None:
    response = client_for(admin).get(PAGE)
    page = response.content.decode()

    assert shown(response)[:4] == ["person.signed_in", "thing.made", "person.praised", "person.warned"]
    for text in ("Adele Admin", "Uma User", "was &lt;rude&gt;", "warned: no → yes", "stars: 5"):
        assert text in page
    assert f'href="/admin/accounts/user/{user.pk}/change/"' in page


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"action": "person.warned"}, ["person.warned"]),
        ({"person": "bruno.boss@example.org"}, ["thing.made", "person.praised"]),
        ({"person": "Bruno-Boss"}, ["thing.made", "person.praised"]),
        ({"person": "bruno-boss", "action": "thing.made"}, ["thing.made"]),
        ({"target": "thing"}, ["thing.made"]),
        ({"target": "thing:12"}, []),
    ],
)
def test_lines_are_found_by_person_action_and_target(
    client_for: ClientFor, admin: User, log: None, asked: dict[str, str], expected: list[str]
) -> None:
    response = client_for(admin).get(PAGE, asked)

    assert response.status_code == 200
    assert shown(response) == expected


def test_lines_are_found_by_day(client_for: ClientFor, admin: User, log: None) -> None:
    client, now = client_for(admin), timezone.localdate()
    today, tomorrow, yesterday = (f"{now + timedelta(days=n)}" for n in (0, 1, -1))

    assert "thing.made" in shown(client.get(PAGE, {"from": today, "to": tomorrow}))
    assert shown(client.get(PAGE, {"from": tomorrow})) == []
    assert shown(client.get(PAGE, {"to": yesterday})) == []
    assert "thing.made" in shown(client.get(PAGE, {"from": "0001-01-01", "to": "9999-12-31"}))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"person": "nobody@example.org"}, "Nobody has this email address or handle."),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "The first day is after the last one."),
        ({"from": "yesterday"}, "Enter a valid date."),
        ({"action": "thing.unmade"}, "not one of the available choices"),
        ({"target": "x\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_question_that_makes_no_sense_is_explained(
    client_for: ClientFor, admin: User, log: None, asked: dict[str, str], why: str
) -> None:
    for form in ("", "csv"):
        response = client_for(admin).get(PAGE, asked | {"format": form})
        assert response.status_code == 422
        assert why in response.content.decode()


def test_a_long_log_has_pages_that_keep_the_question(client_for: ClientFor, admin: User) -> None:
    for _ in range(ROWS + 1):
        record("thing.made", by=admin, target="thing")
    client = client_for(admin)

    first = client.get(PAGE, {"action": "thing.made"})
    assert len(shown(first)) == ROWS
    assert "action=thing.made&amp;page=2" in first.content.decode()
    assert len(shown(client.get(PAGE, {"action": "thing.made", "page": "2"}))) == 1


def test_the_download_has_what_the_page_shows_and_no_formula(client_for: ClientFor, admin: User) -> None:
    artist = make_person("=HYPERLINK(1)", Role.ARTIST)
    record("person.warned", by=admin, target=artist, reason="was rude", changes={"warned": (False, True)})
    response: Any = client_for(admin).get(PAGE, {"action": "person.warned", "format": "csv"})

    content = b"".join(response.streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(content))
    assert row["label"] == "'=HYPERLINK(1)"
    assert (row["email"], row["target"], row["acting_as"]) == (admin.email, f"person:{artist.pk}", "admin")
    assert '"reason": "was rude"' in row["details"]
    assert response["Content-Disposition"].startswith('attachment; filename="audit-')


def test_things_lead_to_where_an_admin_sees_them() -> None:
    assert address_of("ledger") == "/reports/"
    assert address_of("payout-batch:00000000-0000-0000-0000-000000000007").startswith(
        "/reports/payouts/batches/"
    )
    assert address_of("payout:00000000-0000-0000-0000-000000000007").startswith("/admin/payments/payout/")
    assert address_of("payout-batch:no uuid") == address_of("thing:1") == address_of("thing") == ""


def test_nobody_else_sees_the_log(
    client_for: ClientFor,
    client: Client,
    user: User,
    artist: User,
    model_owner: User,
    stranger: User,
    log: None,
) -> None:
    assert client.get(PAGE).status_code == 302
    for person in (user, artist, model_owner, stranger):
        for form in ("", "csv"):
            assert client_for(person).get(PAGE, {"format": form}).status_code == 404


def test_the_page_is_only_for_reading_and_the_reports_lead_to_it(client_for: ClientFor, admin: User) -> None:
    client, before = client_for(admin), AuditLine.objects.count()

    assert client.post(PAGE).status_code == 405
    assert PAGE in client.get("/reports/").content.decode()
    assert AuditLine.objects.count() == before
