"""Sixteen connections at once: what may happen once happens once, and no wallet is overspent."""

from __future__ import annotations

import pytest

from market.ledger import operations as ledger
from market.ledger.models import Hold, HoldResolution, PendingHold, Transfer
from market.ledger.operations import Balance
from market.ledger.verification import verify
from tests.market.ledger.conftest import Till
from tests.market.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 16


def test_holds_on_one_wallet_never_exceed_it(till: Till) -> None:
    def spend(number: int) -> None:
        for _ in range(3):
            till.hold(90)

    outcomes = at_once(CONNECTIONS, spend)

    wallet = ledger.balance(till.wallet)
    assert wallet == Balance(posted=1000, held=990)
    assert PendingHold.objects.count() == 11
    assert set(outcomes) <= {"done", "InsufficientFunds"}
    assert verify().ok


def test_a_hold_is_captured_once(till: Till) -> None:
    hold = till.hold(150)

    outcomes = at_once(CONNECTIONS, lambda number: ledger.capture(hold=hold, key=f"capture:{number}"))

    assert outcomes == {"done": 1, "HoldAlreadyPosted": 15}
    assert ledger.balance(till.wallet) == Balance(posted=850, held=0)
    assert verify().ok


def test_everyone_who_repeats_a_capture_gets_the_same_transfer(till: Till) -> None:
    hold = till.hold(150)

    outcomes = at_once(CONNECTIONS, lambda _: f"transfer {ledger.capture(hold=hold, key='capture').pk}")

    assert list(outcomes.values()) == [16]
    assert ledger.balance(till.earnings).posted == 90


def test_everyone_who_repeats_a_top_up_gets_the_same_transfer(till: Till) -> None:
    def top_up(_: int) -> str:
        transfer = ledger.post(key="once", debit=till.clearing, credit=till.wallet, amount=500, kind="top_up")
        return f"transfer {transfer.pk}"

    outcomes = at_once(CONNECTIONS, top_up)

    assert list(outcomes.values()) == [16]
    assert ledger.balance(till.wallet).posted == 1500
    assert Transfer.objects.filter(key="once").count() == 1


def test_everyone_who_repeats_a_hold_gets_the_same_hold(till: Till) -> None:
    shares, expires_at = till.shares(), till.hold(1).expires_at

    outcomes = at_once(
        CONNECTIONS,
        lambda _: (
            f"hold {ledger.hold(key='h', payer=till.wallet, shares=shares, reference='x', expires_at=expires_at).pk}"
        ),
    )

    assert list(outcomes.values()) == [16]
    assert ledger.balance(till.wallet).held == 151


def test_a_capture_and_a_void_exclude_each_other(till: Till) -> None:
    holds = [till.hold(100) for _ in range(8)]

    def resolve(number: int) -> str:
        hold = holds[number // 2]
        if number % 2:
            ledger.void(hold=hold, key=f"void:{number}")
            return "voided"
        ledger.capture(hold=hold, key=f"capture:{number}")
        return "posted"

    outcomes = at_once(CONNECTIONS, resolve)

    posted, voided = outcomes["posted"], outcomes["voided"]
    assert posted + voided == 8
    assert outcomes["HoldAlreadyPosted"] == posted
    assert outcomes["HoldAlreadyVoided"] == voided
    assert ledger.balance(till.wallet) == Balance(posted=1000 - 100 * posted, held=0)
    assert HoldResolution.objects.count() == 8
    assert verify().ok


def test_a_transfer_is_reversed_once(till: Till) -> None:
    transfer = ledger.capture(hold=till.hold(150), key="c")

    outcomes = at_once(
        CONNECTIONS, lambda number: ledger.reverse(transfer=transfer, key=f"r:{number}", reason="a mistake")
    )

    assert outcomes == {"done": 1, "AlreadyReversed": 15}
    assert ledger.balance(till.wallet).posted == 1000


def test_earnings_are_paid_out_at_most_once(till: Till) -> None:
    ledger.capture(hold=till.hold(150), key="c")
    out = ledger.account("payout_clearing")

    outcomes = at_once(
        CONNECTIONS,
        lambda number: ledger.post(
            key=f"p:{number}", debit=till.earnings, credit=out, amount=40, kind="payout"
        ),
    )

    assert outcomes == {"done": 2, "InsufficientFunds": 14}
    assert ledger.balance(till.earnings).posted == 10


def test_an_account_that_sixteen_ask_for_is_opened_once(till: Till) -> None:
    outcomes = at_once(CONNECTIONS, lambda _: f"account {ledger.account('payout_clearing').pk}")

    assert list(outcomes.values()) == [16]


def test_whole_queries_by_sixteen_add_up(till: Till) -> None:
    def query(number: int) -> None:
        hold = till.hold(62)
        if number % 4 == 0:
            ledger.void(hold=hold, key=f"void:{hold.pk}")
        else:
            ledger.capture(hold=hold, key=f"capture:{hold.pk}")

    outcomes = at_once(CONNECTIONS, query)

    assert outcomes == {"done": 16}
    assert ledger.balance(till.wallet) == Balance(posted=1000 - 12 * 62, held=0)
    assert Hold.objects.pending().count() == 0
    assert verify().ok
