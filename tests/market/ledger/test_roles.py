"""The application's own database role: it runs the market and cannot write the ledger but through its functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import Transfer
from market.ledger.verification import GUARDS, verify
from tests.market.conftest import application_role
from tests.market.ledger.conftest import Till

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_application(till: Till) -> Iterator[None]:
    with application_role():
        yield


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET {} = {}",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "INSERT INTO {} DEFAULT VALUES",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TABLE {} CASCADE",
    ],
)
def test_the_application_cannot_write_the_tables(as_application: None, statement: str) -> None:
    for table in GUARDS:
        column = {
            "ledger_pendinghold": "hold_id",
            "ledger_leaf": "index",
            "ledger_payerbalance": "account_id",
        }.get(table, "id")
        with (
            pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(table, column, column))


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "DROP FUNCTION ledger_capture",
        "SELECT ledger_write_transfer('k', '', 'top_up', 'EUR', 5, 2, '', '', NULL, NULL)",
    ],
)
def test_the_application_cannot_get_around_the_guards(as_application: None, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_application_moves_money_through_the_functions(
    as_application: None, till: Till, stranger: User
) -> None:
    ledger.account("wallet", stranger)
    transfer = ledger.capture(hold=till.hold(), key="c")
    ledger.void(hold=till.hold(), key="v")
    ledger.reverse(transfer=transfer, key="r", reason="a mistake")

    assert ledger.balance(till.wallet).posted == 1000
    assert Transfer.objects.count() == 3
    assert verify().ok


def test_a_role_that_does_not_exist_is_named_in_the_error(till: Till) -> None:
    with pytest.raises(CommandError, match="nobody_of_that_name"):
        call_command("ledger_role", "nobody_of_that_name")
