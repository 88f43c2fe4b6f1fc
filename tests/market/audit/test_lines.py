# ruff: noqa: PT012  # the point is what happens within one transaction
"""A line of the audit log: it stands or falls with its action, says who acted from where, and stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.db import Error, IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from market.accounts.models import User
from market.audit.models import AuditLine
from market.audit.origin import answering, current_origin, origin_of, remember_origin
from market.audit.recording import LONGEST, record
from tests.market.audit.conftest import Written

pytestmark = pytest.mark.django_db


class Undone(Exception):
    pass


def test_a_line_falls_with_the_action_that_it_is_about(admin: User, user: User, written: Written) -> None:
    with pytest.raises(Undone), transaction.atomic():
        record("person.warned", by=admin, target=user)
        raise Undone

    assert written("person.warned") == []


@pytest.mark.django_db(transaction=True)
def test_a_line_is_not_written_outside_a_transaction(admin: User, user: User, written: Written) -> None:
    with pytest.raises(RuntimeError, match="in the transaction of the action"):
        record("person.warned", by=admin, target=user)

    assert written("person.warned") == []


def test_a_line_says_who_did_what_to_which_thing_and_why(admin: User, user: User) -> None:
    line = record(
        "person.warned",
        by=admin,
        target=user,
        changes={"warned": (False, True)},
        reason="was rude",
        details={"times_so_far": 2},
    )

    line.refresh_from_db()
    assert (line.person, line.acting_as) == (admin, "admin")
    assert (line.target, line.label) == (f"person:{user.pk}", "Uma User")
    assert line.changes == {"warned": {"before": False, "after": True}}
    assert line.reason == "was rude"
    assert line.further == {"times_so_far": 2}
    assert line.address is None


def test_a_line_keeps_values_that_json_does_not_know_and_cuts_long_ones(admin: User) -> None:
    pk = UUID(int=7)
    line = record(
        "thing.made",
        by=admin,
        target="thing",
        details={
            "at": datetime(2026, 1, 2, tzinfo=UTC), "price": Decimal("1.5"), "id": pk, "who": admin, "names": {"b"},
            "text": "x" * (LONGEST + 1),
        },
    )  # fmt: skip

    line.refresh_from_db()
    assert line.details["at"].startswith("2026-01-02")
    assert line.details["price"] == "1.5"
    assert line.details["id"] == str(pk)
    assert (line.details["who"], line.details["names"]) == ("Adele Admin", ["b"])
    assert line.details["text"] == "x" * LONGEST + "…"


def test_a_line_tells_admins_people_visitors_and_commands_apart(admin: User, user: User) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="2001:db8::7")

    assert record("thing.made", by=admin, target="thing").acting_as == "admin"
    assert record("thing.made", by=user, target="thing").acting_as == "person"
    assert record("thing.made", by=None, target="thing").acting_as == "system"
    with answering(request):
        by_visitor = record("thing.made", by=None, target="thing")
    assert (by_visitor.acting_as, by_visitor.address) == ("visitor", "2001:db8::7")
    assert current_origin() is None


async def test_the_origin_is_known_while_a_request_is_answered_asynchronously() -> None:
    async def page(request: HttpRequest) -> HttpResponse:
        origin = await sync_to_async(current_origin)()
        return HttpResponse(origin.address if origin else "unknown")

    answer = await remember_origin(page)(RequestFactory().get("/", REMOTE_ADDR="198.51.100.7"))

    assert answer.content == b"198.51.100.7"
    assert current_origin() is None


@pytest.mark.parametrize("address", ["", "a socket file", "127.0.0.1; DROP TABLE"])
def test_an_address_that_is_none_is_left_out(address: str) -> None:
    assert origin_of(RequestFactory().get("/", REMOTE_ADDR=address)).address is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditline SET label = 'another'",
        "UPDATE audit_auditline SET label = 'another' WHERE false",
        "DELETE FROM audit_auditline",
        "TRUNCATE audit_auditline",
    ],
)
def test_no_line_is_changed_or_taken_away_even_by_the_tables_owner(admin: User, statement: str) -> None:
    line = record("thing.made", by=admin, target="thing", details={"size": 1})
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)

    assert AuditLine.objects.get(pk=line.pk).label == "thing"


def test_nobody_dates_a_line_back_or_gives_it_to_another_transaction(admin: User) -> None:
    line = AuditLine.objects.create(
        at=datetime(2001, 1, 1, tzinfo=UTC), transaction=1, person=admin, acting_as="admin", action="thing.made",
        target="thing", label="thing",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (now,) = cursor.fetchone()

    line.refresh_from_db()
    assert abs((timezone.now() - line.at).total_seconds()) < 60
    assert line.transaction == now


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"action": "made"}, "audit_line_action_is_dotted"),
        ({"action": "Thing.Made"}, "audit_line_action_is_dotted"),
        ({"target": ""}, "audit_line_target_is_named"),
        ({"target": "thing:"}, "audit_line_target_is_named"),
        ({"acting_as": "emperor"}, "audit_line_acting_as_is_known"),
        ({"acting_as": "visitor"}, "audit_line_says_who_acted"),
        ({"person": None}, "audit_line_says_who_acted"),
    ],
)
def test_the_database_refuses_a_line_that_makes_no_sense(
    admin: User, wrong: dict[str, Any], constraint: str
) -> None:
    fields: dict[str, Any] = {
        "person": admin, "acting_as": "admin", "action": "thing.made", "target": "thing", "label": "thing",
    }  # fmt: skip
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        AuditLine.objects.create(**fields | wrong)
    with pytest.raises(ValidationError, match=constraint):
        AuditLine(**fields | wrong).validate_constraints()


@pytest.mark.parametrize(
    "details", [[], "text", {"changes": []}, {"changes": {"size": 1}}, {"changes": {"size": [1, 2]}}]
)
def test_the_database_refuses_details_that_no_page_could_show(admin: User, details: object) -> None:
    with pytest.raises(IntegrityError, match="audit_line_details_are_named"), transaction.atomic():
        AuditLine.objects.create(
            person=admin,
            acting_as="admin",
            action="thing.made",
            target="thing",
            label="thing",
            details=details,
        )


def test_a_person_whom_a_line_names_is_not_deleted(admin: User) -> None:
    record("thing.made", by=admin, target="thing")
    with pytest.raises(IntegrityError), transaction.atomic():
        admin.delete()
