"""Taking a posted transfer back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from market.ledger import errors
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Transfer
from tests.market.ledger.conftest import Till

pytestmark = pytest.mark.django_db


class TestReversals:
    def test_a_reversal_mirrors_every_entry(self, till: Till) -> None:
        before = till.balances()
        transfer = ledger.capture(hold=till.hold(reference="generation:1"), key="c")

        reversal = ledger.reverse(transfer=transfer, key="r", reason="drawn wrong")

        assert till.balances() == before
        assert reversal.memo == "drawn wrong"
        assert reversal.reference == "generation:1"
        assert [e.amount for e in reversal.entries.all()] == [-e.amount for e in transfer.entries.all()]

    def test_a_transfer_is_reversed_once(self, till: Till) -> None:
        transfer = ledger.capture(hold=till.hold(), key="c")
        ledger.reverse(transfer=transfer, key="r", reason="a mistake")
        with pytest.raises(errors.AlreadyReversed):
            ledger.reverse(transfer=transfer, key="r2", reason="a mistake")

    def test_a_reversal_is_not_reversed(self, till: Till) -> None:
        reversal = ledger.reverse(
            transfer=ledger.capture(hold=till.hold(), key="c"), key="r", reason="a mistake"
        )
        with pytest.raises(errors.NotReversible):
            ledger.reverse(transfer=reversal, key="r2", reason="a mistake")

    def test_a_top_up_that_is_spent_cannot_be_reversed(
        self, till: Till, unchanged: Callable[[], None]
    ) -> None:
        top_up = Transfer.objects.get(kind="top_up")
        hold = till.hold()
        with pytest.raises(errors.InsufficientFunds, match="850 micro-units are available, 1000"):
            ledger.reverse(transfer=top_up, key="r", reason="charged back")
        ledger.void(hold=hold, key="v")

    def test_earnings_that_were_paid_out_can_go_below_zero(self, till: Till) -> None:
        transfer = ledger.capture(hold=till.hold(), key="c")
        out = ledger.account(AccountKind.PAYOUT_CLEARING)
        ledger.post(key="p", debit=till.earnings, credit=out, amount=90, kind="payout")

        ledger.reverse(transfer=transfer, key="r", reason="refund")

        assert ledger.balance(till.earnings).posted == -90

    def test_an_unknown_transfer_and_a_missing_reason_are_refused(
        self, till: Till, unchanged: Callable[[], None]
    ) -> None:
        with pytest.raises(errors.UnknownTransfer):
            ledger.reverse(transfer=12345, key="r", reason="a mistake")
        with pytest.raises(errors.BadRequest, match="reason"):
            ledger.reverse(transfer=Transfer.objects.get(), key="r", reason="")
