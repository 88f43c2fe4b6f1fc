"""The ledger against a dictionary: random operations, repeats and refusals, and both always agree."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
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
from market.ledger.models import Account, AccountKind, Hold, Transfer
from market.ledger.operations import Share
from market.ledger.splits import split
from market.ledger.verification import verify
from tests.market.conftest import make_person
from tests.market.ledger.conftest import make_till, soon

amounts = st.integers(min_value=1, max_value=400)


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

    @rule(
        target=holds,
        payer=st.integers(0, 1),
        amount=amounts,
        weights=st.lists(st.integers(0, 9), min_size=3, max_size=3),
    )
    def authorise(self, payer: int, amount: int, weights: list[int]) -> Hold | None:
        till, key = self.tills[payer], self.key()
        receivers = [till.earnings, till.model_earnings, till.revenue]
        parts = split(amount, list(enumerate([weights[0], weights[1], weights[2] + 1])))
        shares = [Share(receivers[n], part, "plugin_fee", f"plugin-version:{n}") for n, part in parts]
        book = self.book
        if amount > book.available(till.wallet.pk):
            with pytest.raises(ledger.InsufficientFunds) as refusal:
                ledger.hold(key=key, payer=till.wallet, shares=shares, reference=key, expires_at=soon())
            assert refusal.value.available == book.available(till.wallet.pk)
            return None
        hold = ledger.hold(key=key, payer=till.wallet, shares=shares, reference=key, expires_at=soon())
        book.held[till.wallet.pk] = book.held.get(till.wallet.pk, 0) + amount
        paid = [(receivers[n].pk, part) for n, part in parts if part]
        book.pending[hold.pk] = (till.wallet.pk, [(till.wallet.pk, -amount), *paid])
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

    @rule(payer=st.integers(0, 1), amount=amounts)
    def pay_out(self, payer: int, amount: int) -> None:
        earnings = self.tills[payer].earnings
        if amount > self.book.posted.get(earnings.pk, 0):
            with pytest.raises(ledger.InsufficientFunds):
                ledger.post(key=self.key(), debit=earnings, credit=self.payouts, amount=amount, kind="payout")
            return
        transfer = ledger.post(
            key=self.key(), debit=earnings, credit=self.payouts, amount=amount, kind="payout"
        )
        self.book.write(transfer.pk, [(earnings.pk, -amount), (self.payouts.pk, amount)])

    @rule(choice=st.integers(min_value=0))
    def reverse(self, choice: int) -> None:
        book = self.book
        if not book.entries:
            return
        pk = sorted(book.entries)[choice % len(book.entries)]
        entries = book.entries[pk]
        wallets = {till.wallet.pk for till in self.tills}
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

    @rule(payer=st.integers(0, 1), amount=amounts)
    def crash(self, payer: int, amount: int) -> None:
        """A transaction that does everything and is then lost leaves nothing."""
        till = self.tills[payer]
        try:
            with transaction.atomic():
                ledger.post(
                    key=self.key(), debit=till.clearing, credit=till.wallet, amount=amount, kind="top_up"
                )
                shares = [Share(till.earnings, amount, "plugin_fee")]
                hold = ledger.hold(
                    key=self.key(), payer=till.wallet, shares=shares, reference="x", expires_at=soon()
                )
                ledger.capture(hold=hold, key=self.key())
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass

    @invariant()
    def balances_agree(self) -> None:
        rows = Account.objects.annotate(total=Coalesce(Sum("entries__amount"), 0))
        for account in rows:
            assert account.total == self.book.posted.get(account.pk, 0)
            assert account.held == self.book.held.get(account.pk, 0)
            assert account.posted == (account.total if account.kind == AccountKind.WALLET else 0)
        assert sum(self.book.posted.values()) == 0


@pytest.mark.django_db
def test_the_ledger_agrees_with_a_dictionary() -> None:
    make_person("Machine Artist", Role.ARTIST)
    make_person("Machine Owner", Role.MODEL_OWNER)
    make_person("Machine Payer 0")
    make_person("Machine Payer 1")
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=10, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
