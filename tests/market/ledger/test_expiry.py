"""Abandoned holds are voided when their time is over, and only then."""

from __future__ import annotations

import pytest

from market.ledger import operations as ledger
from market.ledger.models import HoldResolution
from market.ledger.operations import Balance
from market.ledger.verification import verify
from tests.market.ledger.conftest import Till, let_expire

pytestmark = pytest.mark.django_db


def test_holds_past_their_time_are_voided_and_the_others_stay(till: Till) -> None:
    late = let_expire(till.hold(100))
    later = till.hold(200)

    assert ledger.expire_holds() == [late.pk]
    assert ledger.expire_holds() == []
    assert ledger.balance(till.wallet) == Balance(posted=1000, held=200)
    assert later.state == "pending"
    assert HoldResolution.objects.get().reason == "expired"
    assert verify().ok


def test_an_expired_hold_can_still_be_captured_while_nobody_voided_it(till: Till) -> None:
    late = let_expire(till.hold(100))

    ledger.capture(hold=late, key="c")

    assert ledger.expire_holds() == []
    assert ledger.balance(till.wallet).posted == 900


def test_a_capture_after_the_expiry_is_refused(till: Till) -> None:
    late = let_expire(till.hold(100))
    ledger.expire_holds()

    with pytest.raises(ledger.HoldAlreadyVoided):
        ledger.capture(hold=late, key="c")


def test_expiry_takes_at_most_the_given_number_the_oldest_first(till: Till) -> None:
    holds = [let_expire(till.hold(100), seconds_ago=n + 1) for n in range(3)]

    assert ledger.expire_holds(limit=2) == [holds[2].pk, holds[1].pk]
    assert ledger.expire_holds(limit=2) == [holds[0].pk]


def test_a_hundred_are_voided_at_a_time_where_nothing_is_said(till: Till) -> None:
    for _ in range(101):
        let_expire(till.hold(1))

    assert len(ledger.expire_holds()) == 100
    assert len(ledger.expire_holds()) == 1
