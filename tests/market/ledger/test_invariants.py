# ruff: noqa: PT012, S608, SLF001  # the point is raw SQL, made of constants, in one transaction
"""Every invariant, broken on purpose with plain SQL as the owner of the tables: the database itself refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import Error, connection, transaction
from django.db.models import Model

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import (
    Account,
    Entry,
    Hold,
    HoldResolution,
    PayerBalance,
    PendingHold,
    Transfer,
)
from market.ledger.verification import verify
from tests.market.ledger.conftest import Till

pytestmark = pytest.mark.django_db

TRANSFER = (
    "INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo)"
    " VALUES ('raw', '', '{kind}', '{currency}', {amount}, {count}, '', '') RETURNING id"
)


def refused(sql: str, match: str, *parameters: int | str | None) -> None:
    with pytest.raises(Error, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # those of what was there before
        cursor.execute(sql, parameters)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert verify().ok


def refused_entries(
    till: Till, amounts: list[int], match: str, *, amount: int = 5, count: int | None = None, kind: str = "top_up",
    currency: str = "EUR",
) -> None:  # fmt: skip
    """Write a transfer with these entries, alternately on the clearing account and the wallet."""
    accounts = [till.clearing, till.wallet]
    with pytest.raises(Error, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            TRANSFER.format(
                kind=kind, currency=currency, amount=amount, count=len(amounts) if count is None else count
            )
        )
        pk = cursor.fetchone()[0]
        values = ", ".join(
            f"({pk}, {n + 1}, {accounts[n % 2].pk}, {value}, 'x', '', '')" for n, value in enumerate(amounts)
        )
        if values:
            cursor.execute(
                "INSERT INTO ledger_entry"
                " (transfer_id, position, account_id, amount, line, subject, memo, created_at)"
                f" SELECT v.*, t.created_at FROM (VALUES {values}) v, ledger_transfer t WHERE t.id = {pk}"
            )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert verify().ok


@pytest.mark.parametrize("model", [Account, PayerBalance, Transfer, Entry, Hold, HoldResolution, PendingHold])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nothing_written_is_changed_or_deleted(till: Till, model: type[Model], statement: str) -> None:
    ledger.capture(hold=till.hold(), key="c")
    till.hold()
    table = model._meta.db_table
    column = model._meta.pk.column

    refused(statement.format(table, column, column), "refused")


@pytest.mark.parametrize(
    "change",
    [
        "payerbalance SET posted = 5000",
        "payerbalance SET held = 0",
        "account SET kind = 'earnings'",
        "account SET currency = 'USD'",
        "account SET owner_id = 1",
    ],
)
def test_an_account_and_its_balance_are_not_changed_by_hand(till: Till, change: str) -> None:
    refused(f"UPDATE ledger_{change}", "refused")


def test_only_payers_keep_a_balance_and_it_starts_empty(till: Till, stranger: User) -> None:
    wallet = ledger.account("wallet", stranger)
    kept = PayerBalance.objects.get(pk=wallet.pk)

    assert (kept.posted, kept.held) == (0, 0)
    assert not PayerBalance.objects.filter(pk__in=[till.earnings.pk, till.revenue.pk]).exists()
    refused("INSERT INTO ledger_payerbalance (account_id) VALUES (%s)", "refused", till.earnings.pk)


def test_there_is_one_account_per_owner_kind_and_currency(till: Till) -> None:
    for account in (till.wallet, till.revenue):
        refused(
            "INSERT INTO ledger_account (owner_id, kind, currency) SELECT owner_id, kind, currency "
            "FROM ledger_account WHERE id = %s",
            "ledger_account_one_per_owner_kind_currency",
            account.pk,
        )


class TestTransfers:
    def test_entries_that_do_not_sum_to_zero_are_refused(self, till: Till) -> None:
        refused_entries(till, [-5, 6], "does not balance", amount=6)

    def test_a_transfer_states_its_credits(self, till: Till) -> None:
        refused_entries(till, [-5, 5], "does not balance", amount=4)

    def test_a_transfer_without_entries_is_refused(self, till: Till) -> None:
        refused_entries(till, [], "does not balance", count=2)

    def test_a_transfer_has_two_entries_at_least(self, till: Till) -> None:
        refused_entries(till, [5], "ledger_transfer_two_entries_or_more")

    def test_fewer_entries_than_stated_are_refused(self, till: Till) -> None:
        refused_entries(till, [-5, 5], "not these 2", count=3)

    def test_an_entry_of_zero_is_refused(self, till: Till) -> None:
        refused_entries(till, [-5, 5, 0], "ledger_entry_amount_not_zero")

    def test_a_transfer_over_nothing_is_refused(self, till: Till) -> None:
        refused_entries(till, [-5, 5], "ledger_transfer_amount_above_zero", amount=0)

    def test_another_currency_than_the_accounts_is_refused(self, till: Till) -> None:
        refused_entries(till, [-5, 5], "the transfer is in USD", currency="USD")

    def test_a_wallet_cannot_be_debited_below_zero(self, till: Till) -> None:
        refused_entries(till, [1001, -1001], "ledger_payerbalance_never_overspent", amount=1001)

    def test_a_wallet_cannot_be_debited_below_what_is_held(self, till: Till) -> None:
        till.hold(900)
        refused_entries(till, [101, -101], "ledger_payerbalance_never_overspent", amount=101)

    def test_a_capture_belongs_to_a_hold(self, till: Till) -> None:
        refused_entries(till, [5, -5], "belongs to no hold", kind="capture")

    def test_a_kind_of_reversal_names_its_transfer(self, till: Till) -> None:
        refused_entries(till, [5, -5], "ledger_transfer_reversal_names_what_it_reverses", kind="reversal")

    def test_no_entry_is_added_to_a_transfer_later(self, till: Till) -> None:
        pk = Transfer.objects.get().pk
        insert = (
            "INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at) "
            "SELECT id, {}, %s, 5, 'x', '', '', created_at FROM ledger_transfer WHERE id = %s"
        )
        refused(insert.format(3), "has 2 entries, not these 1", till.earnings.pk, pk)
        refused(insert.format(2), "ledger_entry_one_per_position", till.earnings.pk, pk)

    def test_an_entry_needs_an_account(self, till: Till) -> None:
        ghost = Account(pk=999_999)
        refused_entries(replace(till, wallet=ghost), [-5, 5], "There is no account 999999")

    def test_a_reversal_mirrors_what_it_reverses(self, till: Till) -> None:
        original = Transfer.objects.get()
        with (
            pytest.raises(Error, match="is not the reversal"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo,"
                " reverses_id) VALUES ('raw', '', 'reversal', 'EUR', 5, 2, '', '', %s) RETURNING id",
                [original.pk],
            )
            pk = cursor.fetchone()[0]
            cursor.execute(
                "INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)"
                " SELECT t.id, p.n, p.account, p.amount, 'x', '', '', t.created_at FROM ledger_transfer t,"
                " (VALUES (1, %s, 5), (2, %s, -5)) p(n, account, amount) WHERE t.id = %s",
                [till.clearing.pk, till.wallet.pk, pk],
            )
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class TestHolds:
    RAW = (
        "INSERT INTO ledger_hold (key, request_hash, payer_id, currency, amount, shares, reference, expires_at) "
        "VALUES ('raw', '', %s, 'EUR', %s, %s, 'generation:1', now() + interval '1 hour')"
    )

    def share(self, till: Till, amount: int) -> str:
        return f'[{{"account": {till.earnings.pk}, "amount": {amount}, "line": "plugin_fee"}}]'

    def test_a_hold_beyond_the_balance_is_refused_however_it_is_written(self, till: Till) -> None:
        refused(self.RAW, "Too little money", till.wallet.pk, 1001, self.share(till, 1001))

    def test_the_shares_sum_to_the_hold(self, till: Till) -> None:
        refused(self.RAW, "shares sum to 4", till.wallet.pk, 5, self.share(till, 4))

    def test_a_hold_is_on_a_payers_account(self, till: Till) -> None:
        refused(self.RAW, "not one that pays", till.revenue.pk, 5, self.share(till, 5))

    def test_a_hold_is_over_something(self, till: Till) -> None:
        refused(self.RAW, "ledger_hold_amount_above_zero", till.wallet.pk, 0, self.share(till, 0))

    def test_a_hold_expires_after_it_is_made(self, till: Till) -> None:
        refused(
            self.RAW.replace("+ interval", "- interval"),
            "ledger_hold_expires_after_it_is_made",
            till.wallet.pk, 5, self.share(till, 5),
        )  # fmt: skip

    def test_a_share_has_a_line(self, till: Till) -> None:
        shares = f'[{{"account": {till.earnings.pk}, "amount": 5}}]'
        refused(self.RAW, "needs a line", till.wallet.pk, 5, shares)

    def test_a_hold_has_one_resolution(self, till: Till) -> None:
        hold = till.hold()
        ledger.void(hold=hold, key="v")
        refused(
            "INSERT INTO ledger_holdresolution (hold_id, outcome, key, reason) VALUES (%s, 'voided', 'w', '')",
            "ledger_holdresolution_hold_id",
            hold.pk,
        )

    def test_a_posted_hold_has_its_capture(self, till: Till) -> None:
        hold = till.hold()
        sql = "INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason) VALUES (%s, 'posted', %s, 'w', '')"
        refused(sql, "ledger_holdresolution_posted_has_a_transfer", hold.pk, None)
        refused(sql, "does not capture hold", hold.pk, Transfer.objects.get().pk)

    def test_the_list_of_pending_holds_is_not_kept_by_hand(self, till: Till) -> None:
        hold = till.hold()
        refused("DELETE FROM ledger_pendinghold WHERE hold_id = %s", "follows the entries and holds", hold.pk)
