"""Abandoned holds are voided when their time is over, and only then."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from market.ledger import operations as ledger
from market.ledger.models import HoldResolution
from market.ledger.operations import Balance
from market.ledger.verification import verify
from tests.market.ledger.conftest import Till

pytestmark = pytest.mark.django_db


def test_holds_past_their_time_are_voided_and_the_others_stay(till: Till) -> None:
    late = till.hold(100, expires_at=timezone.now() + timedelta(milliseconds=50))
    later = till.hold(200)
    time.sleep(0.06)

    assert ledger.expire_holds() == [late.pk]
    assert ledger.expire_holds() == []
    assert ledger.balance(till.wallet) == Balance(posted=1000, held=200)
    assert later.state == "pending"
    assert HoldResolution.objects.get().reason == "expired"
    assert verify().ok


def test_an_expired_hold_can_still_be_captured_while_nobody_voided_it(till: Till) -> None:
    late = till.hold(100, expires_at=timezone.now() + timedelta(milliseconds=20))
    time.sleep(0.03)

    ledger.capture(hold=late, key="c")

    assert ledger.expire_holds() == []
    assert ledger.balance(till.wallet).posted == 900


def test_a_capture_after_the_expiry_is_refused(till: Till) -> None:
    late = till.hold(100, expires_at=timezone.now() + timedelta(milliseconds=20))
    time.sleep(0.03)
    ledger.expire_holds()

    with pytest.raises(ledger.HoldAlreadyVoided):
        ledger.capture(hold=late, key="c")


def test_expiry_takes_at_most_the_given_number_the_oldest_first(till: Till) -> None:
    now = timezone.now()
    holds = [till.hold(100, expires_at=now + timedelta(milliseconds=60 - n)) for n in range(3)]
    time.sleep(0.1)

    assert ledger.expire_holds(limit=2) == [holds[2].pk, holds[1].pk]
    assert ledger.expire_holds(limit=2) == [holds[0].pk]
