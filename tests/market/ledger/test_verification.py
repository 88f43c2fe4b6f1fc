# ruff: noqa: S608  # the tampering is made of constants
"""`verify_ledger` finds what was changed around the triggers, and says where."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from market.ledger.seal_verification import LEAVES, SEAL_CHECKS, wrong_seals
from market.ledger.sealing import seal
from market.ledger.verification import CHECKS, GUARDS, verify
from tests.market.ledger.conftest import Till, triggers_off

pytestmark = pytest.mark.django_db


CAPTURE = "(SELECT id FROM ledger_transfer WHERE key = 'c2')"
REVERSAL = "(SELECT id FROM ledger_transfer WHERE key = 'r')"
PENDING = "(SELECT hold_id FROM ledger_pendinghold)"

TAMPERING = {
    "every transfer sums to zero and is complete": f"UPDATE ledger_entry SET amount = amount + 1 WHERE transfer_id = {CAPTURE} AND position = 2",
    "every entry has its transfer, an account and one currency": f"UPDATE ledger_entry SET account_id = 999999 WHERE transfer_id = {CAPTURE} AND position = 2",
    "every kept balance is the sum of its entries": "UPDATE ledger_payerbalance SET posted = posted + 1",
    "every held sum is that of its pending holds": "UPDATE ledger_payerbalance SET held = held + 1",
    "no payer is overspent": "ALTER TABLE ledger_payerbalance DROP CONSTRAINT ledger_payerbalance_never_overspent; UPDATE ledger_payerbalance SET held = posted + 1",
    "holds without a resolution are exactly the pending ones": "DELETE FROM ledger_pendinghold",
    "the shares of a hold sum to it": f"UPDATE ledger_hold SET shares = '[]' WHERE id = {PENDING}",
    "every resolution has its hold, and posts a capture or nothing": f"UPDATE ledger_transfer SET kind = 'top_up' WHERE id = {CAPTURE}",
    "every capture posts the terms of its hold": f"UPDATE ledger_entry SET subject = 'plugin-version:2' WHERE transfer_id = {CAPTURE} AND position = 2",
    "every reversal mirrors its transfer": f"UPDATE ledger_entry SET amount = amount + CASE position WHEN 1 THEN 1 ELSE -1 END WHERE transfer_id = {REVERSAL} AND position IN (1, 2)",
    "every sum by day or month is that of the sealed transfers": "UPDATE ledger_rollup SET captures = captures + 1 WHERE line = 'charge'",
    "every closed period is as it was closed": f"UPDATE ledger_transfer SET created_at = created_at - interval '2 days' WHERE id = {CAPTURE}",
    "all money together is zero": f"DELETE FROM ledger_entry WHERE transfer_id = {CAPTURE} AND position = 1",
}


def test_a_ledger_that_was_left_alone_verifies(busy: Till) -> None:
    result = verify()

    assert result.ok
    assert result.counts == {
        "account": 5, "transfer": 4, "entry": 14, "hold": 4, "holdresolution": 3, "pendinghold": 1, "leaf": 4,
    }  # fmt: skip


def test_every_check_has_its_tampering() -> None:
    assert set(TAMPERING) == set(CHECKS)


@pytest.mark.parametrize("check", TAMPERING)
def test_tampering_is_found(busy: Till, check: str) -> None:
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(TAMPERING[check])

    finding = {finding.check: finding for finding in verify().findings}[check]

    assert finding.broken >= 1
    assert finding.examples


def test_the_first_twenty_rows_are_shown_and_all_are_counted(till: Till) -> None:
    for _ in range(24):
        till.top_up(1)
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_entry SET amount = amount + 1 WHERE amount > 0")

    finding = {finding.check: finding for finding in verify().findings}[next(iter(CHECKS))]

    assert (finding.broken, len(finding.examples)) == (25, 20)
    assert all(
        example.endswith((": 2 of 2 entries, sum 1, credits 2 of 1", "credits 1001 of 1000"))
        for example in finding.examples
    )


def test_of_the_tree_all_that_is_wrong_is_counted_and_the_first_twenty_are_shown(till: Till) -> None:
    for _ in range(24):
        till.top_up(1)
    seal()
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_transfer SET memo = 'x'")

    finding = {finding.check: finding for finding in verify().findings}[LEAVES]

    wrong = wrong_seals()[LEAVES]
    assert (finding.broken, len(wrong), finding.examples) == (25, 25, wrong[:20])


def test_every_check_is_told_as_it_begins(till: Till) -> None:
    said: list[str] = []
    result = verify(progress=said.append)
    assert said == [*CHECKS, "the tree of sealed transfers"]
    assert result.checks == [*CHECKS, *SEAL_CHECKS, "the triggers that guard the tables are on"]
    assert timezone.now() - timedelta(minutes=1) < result.at <= timezone.now()


def test_a_verification_is_written_with_all_that_it_found(busy: Till) -> None:
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_payerbalance SET posted = posted + 1")
    result = verify()
    assert result.as_json() == {
        "ok": False,
        "at": result.at.isoformat(),
        "counts": result.counts,
        "checks": result.checks,
        "findings": [
            {
                "check": "every kept balance is the sum of its entries",
                "broken": 1,
                "examples": [f"account {busy.wallet.pk}: 851 kept, entries sum to 850"],
            }
        ],
    }


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_the_ledger_is_read_in_one_that_changes_nothing(till: Till) -> None:
    seen: list[tuple[str, str]] = []

    def look(check: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
            )
            seen.append(cursor.fetchone())

    assert verify(progress=look).ok
    assert set(seen) == {("repeatable read", "on")}


@pytest.mark.parametrize(
    ("table", "guard"), [(table, guard) for table, guards in GUARDS.items() for guard in guards]
)
def test_a_guard_that_is_off_is_found(till: Till, table: str, guard: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")

    (finding,) = verify().findings

    assert (finding.check, finding.broken) == ("the triggers that guard the tables are on", 1)
    assert finding.examples == [f"trigger {guard} on {table} is missing or off"]


class TestCommand:
    def test_it_says_that_the_ledger_verifies(self, busy: Till) -> None:
        out = io.StringIO()
        call_command("verify_ledger", stdout=out)
        assert "The ledger verifies. (5 account, 4 transfer" in out.getvalue()

    def test_it_exits_with_1_and_names_the_row(self, busy: Till) -> None:
        with triggers_off(), connection.cursor() as cursor:
            cursor.execute("UPDATE ledger_payerbalance SET posted = posted + 1")
        out = io.StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("verify_ledger", stdout=out)
        assert end.value.code == 1
        assert f"account {busy.wallet.pk}: 851 kept, entries sum to 850" in out.getvalue()

    def test_its_json_has_the_same(self, busy: Till) -> None:
        out = io.StringIO()
        call_command("verify_ledger", "--json", stdout=out)
        result = json.loads(out.getvalue())
        assert result["ok"] is True
        assert result["counts"]["entry"] == 14
        assert result["findings"] == []
