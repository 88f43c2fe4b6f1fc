"""The application's own database role adds to the log and reads it, and can do nothing else to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection, transaction

from market.accounts.models import Role, User
from market.audit.models import AuditLine
from market.audit.recording import record
from tests.market.conftest import application_role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_application(admin: User) -> Iterator[None]:
    with application_role():
        yield


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditline SET label = ''",
        "DELETE FROM audit_auditline",
        "TRUNCATE audit_auditline",
        "ALTER TABLE audit_auditline DISABLE TRIGGER ALL",
        "DROP TABLE audit_auditline",
        "DROP FUNCTION audit_refuse_change",
        "ALTER TABLE accounts_user DISABLE TRIGGER audit_roles_have_their_line",
    ],
)
def test_the_application_cannot_touch_what_is_written(as_application: None, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_application_adds_lines_and_makes_admins_with_one(as_application: None, admin: User) -> None:
    with transaction.atomic():
        record("thing.made", by=admin, target="thing")
    User.objects.create_user("boss@example.org", roles=[Role.ADMIN])

    assert AuditLine.objects.filter(action="thing.made").count() == 1
    assert AuditLine.objects.filter(label="boss", action="person.roles_changed").count() == 1
