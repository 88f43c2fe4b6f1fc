"""The test gateway on its worse days: whatever comes of its webhooks, and in whatever order, the wallet is right in the end."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.accounts.models import User
from market.ledger.models import Transfer
from market.ledger.verification import verify
from market.payments.gateways.offline import (
    SIGNATURE,
    Reporting,
    TakingBack,
    decide,
    deliver_due,
    sign,
    take_back,
)
from market.payments.gateways.registry import gateway_named
from market.payments.models import OfflineCheckout, OfflineNotification, TopUp, TopUpState, WebhookEvent
from market.payments.top_ups import ABANDON_AFTER, reconcile, start_top_up
from market.payments.webhooks import handle, send_to_market
from tests.market.payments.conftest import TEN, balance_of

pytestmark = pytest.mark.django_db


def pass_by(by: timedelta) -> None:
    """Let time pass: for the gateway's webhooks, and until the market asks of its own accord."""
    for notification in OfflineNotification.objects.all():
        notification.deliver_at -= by
        notification.save(update_fields=["deliver_at"])
    for top_up in TopUp.objects.all():
        top_up.created_at -= by
        top_up.ask_at = top_up.ask_at and top_up.ask_at - by
        top_up.save(update_fields=["created_at", "ask_at"])


def told() -> list[str]:
    """What the market was told, in the order in which it came."""
    return [event.body["status"] for event in WebhookEvent.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("reporting", "paid", "statuses"),
    [
        (Reporting.PROMPT, True, ["processing", "paid"]),
        (Reporting.PROMPT, False, ["processing", "failed"]),
        (Reporting.TWICE, True, ["processing", "paid"]),
        (Reporting.RETRIED, True, ["processing", "failed", "processing", "paid"]),
        (Reporting.REORDERED, True, ["paid", "processing", "failed", "processing"]),
        (Reporting.LATE, True, []),
        (Reporting.NEVER, True, []),
    ],
)
def test_the_gateway_reports_as_it_was_asked_to(
    waiting: TopUp, checkout: OfflineCheckout, reporting: Reporting, paid: bool, statuses: list[str]
) -> None:
    decide(checkout, paid=paid, reporting=reporting)
    deliver_due(send_to_market)

    assert told() == statuses
    waiting.refresh_from_db()
    assert waiting.is_paid == ("paid" in statuses)
    assert balance_of(waiting.person) == (TEN if "paid" in statuses else 0)
    if statuses:
        assert WebhookEvent.objects.first().deliveries == (2 if reporting == Reporting.TWICE else 1)  # type: ignore[union-attr]


def test_what_is_late_comes_a_minute_later(waiting: TopUp, checkout: OfflineCheckout) -> None:
    decide(checkout, paid=True, reporting=Reporting.LATE)
    assert deliver_due(send_to_market) == 0
    pass_by(timedelta(minutes=1))
    assert deliver_due(send_to_market) == 2
    assert balance_of(waiting.person) == TEN


def test_a_payment_under_way_is_not_given_up(waiting: TopUp, checkout: OfflineCheckout) -> None:
    decide(checkout, paid=True, reporting=Reporting.PROMPT)
    OfflineNotification.objects.latest("pk").delete()  # "paid" is lost
    OfflineCheckout.objects.update(state="open", decided_at=None)  # and takes days
    deliver_due(send_to_market)
    pass_by(ABANDON_AFTER * 3)
    reconcile()
    waiting.refresh_from_db()
    assert waiting.state == TopUpState.PROCESSING
    OfflineCheckout.objects.update(state="paid", decided_at=timezone.now())
    pass_by(timedelta(days=1))
    assert reconcile() == 1
    assert balance_of(waiting.person) == TEN


def test_a_payment_that_failed_at_first_is_found_though_nobody_tells_of_the_second_try(
    waiting: TopUp, checkout: OfflineCheckout
) -> None:
    decide(checkout, paid=True, reporting=Reporting.RETRIED)
    for notification in OfflineNotification.objects.order_by("pk")[2:]:
        notification.delete()
    deliver_due(send_to_market)
    waiting.refresh_from_db()
    assert waiting.state == TopUpState.FAILED
    pass_by(timedelta(minutes=3))
    assert reconcile() == 1
    assert balance_of(waiting.person) == TEN


def test_a_refund_that_nobody_tells_of_is_found(waiting: TopUp, checkout: OfflineCheckout) -> None:
    decide(checkout, paid=True)
    deliver_due(send_to_market)
    take_back(checkout, TakingBack.DISPUTE, reporting=Reporting.NEVER)
    pass_by(timedelta(hours=1))
    assert reconcile() == 0  # what is paid is asked about daily at first
    pass_by(timedelta(days=1))
    assert reconcile() == 1
    assert balance_of(waiting.person) == 0


def test_a_top_up_is_asked_about_ever_more_seldom_and_not_for_ever(waiting: TopUp) -> None:
    asked = 0
    while TopUp.objects.filter(ask_at__isnull=False).exists():
        ask_at = TopUp.objects.get().ask_at
        assert ask_at is not None
        pass_by(max(ask_at - timezone.now(), timedelta()) + timedelta(seconds=1))
        reconcile()
        asked += 1
    assert asked < 80
    assert TopUp.objects.get().state == TopUpState.ABANDONED


def test_nothing_is_taken_back_of_what_was_not_paid_and_no_more_than_was(checkout: OfflineCheckout) -> None:
    assert not take_back(checkout, TakingBack.REFUND)
    decide(checkout, paid=True)
    assert take_back(checkout, TakingBack.REFUND_HALF)
    assert take_back(checkout, TakingBack.REFUND)
    assert not take_back(checkout, TakingBack.REFUND_HALF)
    assert not take_back(checkout, TakingBack.DISPUTE)
    assert OfflineCheckout.objects.get().taken_back == TEN


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_becomes_of_the_webhooks_the_wallet_has_what_the_gateway_was_paid(
    user: User, data: st.DataObject
) -> None:
    """Each of a payment's events is lost, or comes up to three times, in any order; then the market asks."""
    paid, reporting = (
        data.draw(st.booleans()),
        data.draw(st.sampled_from([Reporting.PROMPT, Reporting.RETRIED])),
    )
    taking_back = data.draw(st.none() | st.sampled_from(TakingBack)) if paid else None
    with transaction.atomic():
        made = start_top_up(person=user, amount=TEN, gateway=gateway_named("test"), request_id=uuid.uuid4())
        checkout = OfflineCheckout.objects.get(pk=made.gateway_reference)
        decide(checkout, paid=paid, reporting=reporting)
        if taking_back:
            take_back(checkout, taking_back)
        bodies = [notification.body.encode() for notification in checkout.notifications.order_by("pk")]
        times = data.draw(st.lists(st.integers(0, 3), min_size=len(bodies), max_size=len(bodies)))
        arrivals = data.draw(
            st.permutations([body for body, count in zip(bodies, times, strict=True) for _ in range(count)])
        )
        asks_after = data.draw(st.integers(0, len(arrivals)))

        for number, body in enumerate(arrivals):
            if number == asks_after:
                pass_by(timedelta(minutes=5))
                reconcile()
            status, _ = handle("test", body, {SIGNATURE: sign(body)})
            assert status == 200
        pass_by(timedelta(days=2))
        reconcile()

        made.refresh_from_db()
        whole = taking_back in (TakingBack.REFUND, TakingBack.DISPUTE)
        part = TEN // 2 if taking_back == TakingBack.REFUND_HALF else 0
        assert balance_of(user) == (TEN if paid and not whole else 0)
        assert made.taken_back == (TEN if whole else part)
        credited = [transfer.key for transfer in Transfer.objects.filter(kind="top_up")]
        assert credited == ([f"top-up:{made.pk}"] if paid else [])
        assert verify().ok
        assert json.loads(bodies[0])["status"] == "processing"
        transaction.set_rollback(True)
