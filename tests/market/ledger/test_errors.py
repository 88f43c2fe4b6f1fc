"""What the database refuses becomes an error of the ledger; what has nothing to do with it stays what it is."""

from __future__ import annotations

import pytest
from django.db import Error, IntegrityError, connection, transaction

from market.accounts.models import User
from market.ledger import errors
from market.ledger import operations as ledger
from market.ledger.errors import translated
from market.ledger.models import HoldResolution
from tests.market.ledger.conftest import Till

pytestmark = pytest.mark.django_db


def refused(sql: str, *values: int) -> Error:
    with pytest.raises(Error) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return refusal.value


def test_a_refusal_is_said_in_one_line(till: Till) -> None:
    transfer = ledger.capture(hold=till.hold(), key="c")
    with pytest.raises(errors.UnknownHold) as unknown:
        ledger.capture(hold=12345, key="c2")
    with pytest.raises(errors.InvariantBroken) as broken:
        ledger.account("wallet", None)
    with pytest.raises(errors.BadRequest) as no_word:
        ledger.post(key="k", debit=till.clearing, credit=till.wallet, amount=1, kind="Top up!")
    ledger.reverse(transfer=transfer, key="r1", reason="a mistake")
    with pytest.raises(errors.AlreadyReversed) as again:
        ledger.reverse(transfer=transfer, key="r2", reason="a mistake")
    for refusal in (unknown, broken, no_word, again):
        assert len(str(refusal.value)) > 10
        assert "\n" not in str(refusal.value)


def test_what_is_missing_is_said_in_numbers(till: Till) -> None:
    with pytest.raises(errors.InsufficientFunds) as refusal:
        till.hold(1001)
    assert (refusal.value.available, refusal.value.needed) == (1000, 1001)
    assert str(refusal.value) == "1000 micro-units are available, 1001 are needed"


def test_a_key_that_ended_another_hold_meanwhile_is_a_conflict(till: Till) -> None:
    ledger.void(hold=till.hold(), key="v")
    sql = "INSERT INTO ledger_holdresolution (hold_id, outcome, key, reason) VALUES (%s, 'voided', 'v', '')"
    error = translated(refused(sql, till.hold().pk))
    assert isinstance(error, errors.IdempotencyConflict)
    assert str(error) == "The key was used for another request"
    assert HoldResolution.objects.count() == 1


def test_errors_of_other_tables_are_not_the_ledgers(user: User) -> None:
    error = refused("UPDATE accounts_user SET email = NULL WHERE id = %s", user.pk)
    assert isinstance(error, IntegrityError)
    assert translated(error) is None
    assert translated(refused("SELECT nonsense")) is None
    assert translated(Error("not from the database")) is None
