"""The ledger against a dictionary: random operations, repeats, refusals and crashes, and both always agree.

A run of the suite takes a few hundred steps, 25 an example; `MACHINE_EXAMPLES=800 python -m pytest tests/market/ledger/test_model.py`
takes some twenty thousand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from market.accounts.models import Role, User
from market.ledger import operations as ledger
from market.ledger.models import PAYER_KINDS, Account, AccountKind, Figure, FigureSort, Hold, Transfer
from market.ledger.operations import Share
from market.ledger.sealing import seal
from market.ledger.splits import split
from market.ledger.verification import verify
from tests.market.conftest import make_person
from tests.market.ledger.conftest import let_expire, make_till, soon

amounts = st.integers(min_value=1, max_value=400)
payers = st.integers(0, 3)  # two wallets, and their owners' promotional credit


class Crashed(Exception):
    """What the machine does in the midst of a transaction."""


@contextmanager
def crashing_after(statements: int) -> Iterator[None]:
    """Stop the program before a statement, when so many were carried out; the transaction is lost."""
    left = statements

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Crashed
        left -= 1
        return execute(*arguments)

    try:
        with transaction.atomic():
            with connection.execute_wrapper(count):
                yield
            raise Crashed
    except Crashed:
        pass


@dataclass
class Book:
    """What the ledger should hold: a sum per account, the pending holds, and the transfers' entries."""

    posted: dict[int, int] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)
    pending: dict[int, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)
    entries: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    reversed: set[int] = field(default_factory=set)

    def write(self, transfer: int, entries: list[tuple[int, int]]) -> None:
        self.entries[transfer] = entries
        for account, amount in entries:
            self.posted[account] = self.posted.get(account, 0) + amount

    def available(self, account: int) -> int:
        return self.posted.get(account, 0) - self.held.get(account, 0)


class LedgerMachine(RuleBasedStateMachine):
    """Two payers, two artists and the market; every rule does the same to the ledger and to the book."""

    holds = Bundle("holds")
    ended = Bundle("ended")
    transfers = Bundle("transfers")

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        people = {person.display_name: person for person in User.objects.all()}
        artist, owner = people["Machine Artist"], people["Machine Owner"]
        self.tills = [make_till(people[f"Machine Payer {n}"], artist, owner) for n in range(2)]
        self.payouts = ledger.account(AccountKind.PAYOUT_CLEARING)
        self.purses = [till.wallet for till in self.tills] + [
            ledger.account(AccountKind.PROMOTION, people[f"Machine Payer {n}"]) for n in range(2)
        ]
        self.escrow = ledger.account(AccountKind.ESCROW, artist)
        self.book = Book()
        self.steps = 0

    def teardown(self) -> None:
        assert verify().ok
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def key(self) -> str:
        self.steps += 1
        return f"machine:{self.steps}"

    @rule(target=transfers, payer=st.integers(0, 1), amount=amounts, twice=st.booleans())
    def top_up(self, payer: int, amount: int, twice: bool) -> Transfer:
        till, key = self.tills[payer], self.key()
        transfer = ledger.post(key=key, debit=till.clearing, credit=till.wallet, amount=amount, kind="top_up")
        if twice:
            again = ledger.post(
                key=key, debit=till.clearing, credit=till.wallet, amount=amount, kind="top_up"
            )
            assert again == transfer
            with pytest.raises(ledger.IdempotencyConflict):
                ledger.post(
                    key=key, debit=till.clearing, credit=till.wallet, amount=amount + 1, kind="top_up"
                )
        self.book.write(transfer.pk, [(till.clearing.pk, -amount), (till.wallet.pk, amount)])
        return transfer

    @rule(target=transfers, payer=payers, amount=amounts)
    def give(self, payer: int, amount: int) -> Transfer:
        """Promotional credit, or a refund by the market: out of its revenue, which may go below zero."""
        purse, revenue = self.purses[payer], self.tills[0].revenue
        kind = "promotion" if purse.kind == AccountKind.PROMOTION else "refund"
        transfer = ledger.post(key=self.key(), debit=revenue, credit=purse, amount=amount, kind=kind)
        self.book.write(transfer.pk, [(revenue.pk, -amount), (purse.pk, amount)])
        return transfer

    @rule(target=transfers, amount=amounts)
    def freeze(self, amount: int) -> Transfer | None:
        return self.move(self.tills[0].earnings, self.escrow, amount, "escrow")

    @rule(target=transfers, amount=amounts, back=st.booleans())
    def decide(self, amount: int, back: bool) -> Transfer | None:
        """What lies in escrow goes back, or to another."""
        to = self.tills[0].earnings if back else self.tills[0].model_earnings
        return self.move(self.escrow, to, amount, "escrow")

    def move(self, debit: Account, credit: Account, amount: int, kind: str) -> Transfer | None:
        """Post what earnings or escrow have, and be refused what they do not have."""
        has = self.book.posted.get(debit.pk, 0)
        if amount > has:
            with pytest.raises(ledger.InsufficientFunds) as refusal:
                ledger.post(key=self.key(), debit=debit, credit=credit, amount=amount, kind=kind)
            assert refusal.value.available == has
            return None
        transfer = ledger.post(key=self.key(), debit=debit, credit=credit, amount=amount, kind=kind)
        self.book.write(transfer.pk, [(debit.pk, -amount), (credit.pk, amount)])
        return transfer

    @rule(most=st.integers(1, 5))
    def seal(self, most: int) -> None:
        seal(most)

    @rule()
    def close(self) -> None:
        with pytest.raises(ledger.NotClosable):
            ledger.close_period(until=timezone.localdate() + timedelta(days=1))

    @rule(target=ended, payer=payers, amount=amounts)
    def abandon(self, payer: int, amount: int) -> Hold | None:
        """A hold that nobody ends is given back when its time is over."""
        purse, key = self.purses[payer], self.key()
        if amount > self.book.available(purse.pk):
            return None
        shares = [Share(self.tills[0].earnings, amount, "plugin_fee")]
        hold = ledger.hold(key=key, payer=purse, shares=shares, reference=key, expires_at=soon())
        assert ledger.balance(purse).available == self.book.available(purse.pk) - amount
        let_expire(hold)
        assert ledger.expire_holds() == [hold.pk]
        return hold

    @rule(
        target=holds,
        payer=payers,
        amount=amounts,
        weights=st.lists(st.integers(0, 9), min_size=3, max_size=3),
    )
    def authorise(self, payer: int, amount: int, weights: list[int]) -> Hold | None:
        till, purse, key = self.tills[0], self.purses[payer], self.key()
        receivers = [till.earnings, till.model_earnings, till.revenue]
        parts = split(amount, list(enumerate([weights[0], weights[1], weights[2] + 1])))
        shares = [Share(receivers[n], part, "plugin_fee", f"plugin-version:{n}") for n, part in parts]
        book = self.book
        if amount > book.available(purse.pk):
            with pytest.raises(ledger.InsufficientFunds) as refusal:
                ledger.hold(key=key, payer=purse, shares=shares, reference=key, expires_at=soon())
            assert refusal.value.available == book.available(purse.pk)
            return None
        hold = ledger.hold(key=key, payer=purse, shares=shares, reference=key, expires_at=soon())
        book.held[purse.pk] = book.held.get(purse.pk, 0) + amount
        paid = [(receivers[n].pk, part) for n, part in parts if part]
        book.pending[hold.pk] = (purse.pk, [(purse.pk, -amount), *paid])
        return hold

    @rule(target=ended, hold=consumes(holds), twice=st.booleans())
    def capture(self, hold: Hold | None, twice: bool) -> Hold | None:
        if hold is None:
            return None
        key = self.key()
        transfer = ledger.capture(hold=hold, key=key)
        if twice:
            assert ledger.capture(hold=hold, key=key) == transfer
        wallet, entries = self.book.pending.pop(hold.pk)
        self.book.held[wallet] -= hold.amount
        self.book.write(transfer.pk, entries)
        return hold

    @rule(target=ended, hold=consumes(holds))
    def void(self, hold: Hold | None) -> Hold | None:
        if hold is None:
            return None
        ledger.void(hold=hold, key=self.key())
        wallet, _ = self.book.pending.pop(hold.pk)
        self.book.held[wallet] -= hold.amount
        return hold

    @rule(hold=ended)
    def resolve_again(self, hold: Hold | None) -> None:
        if hold is None:
            return
        with pytest.raises(ledger.HoldAlreadyResolved):
            ledger.capture(hold=hold, key=self.key())
        with pytest.raises(ledger.HoldAlreadyResolved):
            ledger.void(hold=hold, key=self.key())

    @rule(target=transfers, amount=amounts, owner=st.booleans())
    def pay_out(self, amount: int, owner: bool) -> Transfer | None:
        till = self.tills[0]
        return self.move(till.model_earnings if owner else till.earnings, self.payouts, amount, "payout")

    @rule(choice=st.integers(min_value=0))
    def reverse(self, choice: int) -> None:
        book = self.book
        if not book.entries:
            return
        pk = sorted(book.entries)[choice % len(book.entries)]
        entries = book.entries[pk]
        wallets = {purse.pk for purse in self.purses}
        if pk in book.reversed:
            with pytest.raises((ledger.AlreadyReversed, ledger.NotReversible)):
                ledger.reverse(transfer=pk, key=self.key(), reason="again")
        elif any(account in wallets and amount > book.available(account) for account, amount in entries):
            with pytest.raises(ledger.InsufficientFunds):
                ledger.reverse(transfer=pk, key=self.key(), reason="spent")
        else:
            transfer = ledger.reverse(transfer=pk, key=self.key(), reason="a mistake")
            book.write(transfer.pk, [(account, -amount) for account, amount in entries])
            book.reversed |= {pk, transfer.pk}

    @rule(payer=st.integers(0, 1), amount=amounts, statements=st.integers(0, 25))
    def crash(self, payer: int, amount: int, statements: int) -> None:
        """A transaction that is lost between any two statements, or just before its end, leaves nothing."""
        till = self.tills[payer]
        with crashing_after(statements):
            top_up = ledger.post(
                key=self.key(), debit=till.clearing, credit=till.wallet, amount=amount, kind="top_up"
            )
            shares = [Share(till.earnings, amount, "plugin_fee")]
            hold = ledger.hold(
                key=self.key(), payer=till.wallet, shares=shares, reference="x", expires_at=soon()
            )
            capture = ledger.capture(hold=hold, key=self.key())
            ledger.reverse(transfer=capture, key=self.key(), reason="lost")
            ledger.reverse(transfer=top_up, key=self.key(), reason="lost")
            seal(3)

    @invariant()
    def balances_agree(self) -> None:
        rows = Account.objects.annotate(total=Coalesce(Sum("entries__amount"), 0)).select_related("kept")
        for account in rows:
            assert account.total == self.book.posted.get(account.pk, 0)
            if account.kind in PAYER_KINDS:
                held = self.book.held.get(account.pk, 0)
                assert (account.kept.posted, account.kept.held) == (account.total, held)
        assert sum(self.book.posted.values()) == 0

    @invariant()
    def sums_by_day_agree(self) -> None:
        """However many transfers are sealed."""
        sums = Figure.objects.filter(sort=FigureSort.ACCOUNT, account__isnull=False)
        for account, total in sums.values_list("account").annotate(Sum("amount")):
            assert int(total) == self.book.posted.get(account, 0)


@pytest.mark.django_db
def test_the_ledger_agrees_with_a_dictionary() -> None:
    make_person("Machine Artist", Role.ARTIST)
    make_person("Machine Owner", Role.MODEL_OWNER)
    make_person("Machine Payer 0")
    make_person("Machine Payer 1")
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=int(os.environ.get("MACHINE_EXAMPLES", "10")),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
