"""Webhooks: believed only when signed, acted on once, however hostile, late or repeated."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.ledger.models import Transfer
from market.payments.gateways.offline import sign
from market.payments.models import OfflineCheckout, TopUp, TopUpState, WebhookEvent
from market.payments.models.top_ups import ASK_AFTER
from market.payments.top_ups import ABANDON_AFTER, ask_gateway, reconcile
from tests.market.payments.conftest import TEN, WEBHOOK, balance_of, message

Notify = Callable[..., Any]
pytestmark = pytest.mark.django_db


def assert_nothing_moved(top_up: TopUp) -> None:
    top_up.refresh_from_db()
    assert top_up.state == TopUpState.PENDING
    assert balance_of(top_up.person) == 0
    assert not Transfer.objects.exists()


def test_a_payment_is_credited_when_the_gateway_reports_it(waiting: TopUp, notify: Notify) -> None:
    response = notify(message(waiting))

    waiting.refresh_from_db()
    assert response.status_code == 200
    assert response.json() == {"top_up": str(waiting.pk), "state": "paid"}
    assert waiting.is_paid
    assert Transfer.objects.get(top_up=waiting).key == f"top-up:{waiting.pk}"
    assert balance_of(waiting.person) == TEN


def test_the_same_event_twice_credits_once(waiting: TopUp, notify: Notify) -> None:
    event = message(waiting)

    assert [notify(event).status_code for _ in range(3)] == [200, 200, 200]

    assert balance_of(waiting.person) == TEN
    assert WebhookEvent.objects.get().deliveries == 3
    assert Transfer.objects.count() == 1


def test_two_events_of_one_payment_credit_once(waiting: TopUp, notify: Notify) -> None:
    notify(message(waiting))
    notify(message(waiting))

    assert balance_of(waiting.person) == TEN


def test_a_failure_reported_after_the_payment_changes_nothing(waiting: TopUp, notify: Notify) -> None:
    notify(message(waiting))
    notify(message(waiting, status="failed"))

    waiting.refresh_from_db()
    assert waiting.is_paid
    assert balance_of(waiting.person) == TEN


@pytest.mark.parametrize("state", [TopUpState.FAILED, TopUpState.ABANDONED])
def test_a_payment_that_arrives_after_the_end_is_still_credited(
    waiting: TopUp, notify: Notify, state: TopUpState
) -> None:
    TopUp.objects.filter(pk=waiting.pk).update(state=state, settled_at=timezone.now())

    notify(message(waiting))

    waiting.refresh_from_db()
    assert waiting.is_paid
    assert balance_of(waiting.person) == TEN


def test_a_reported_failure_ends_the_top_up(waiting: TopUp, notify: Notify) -> None:
    notify(message(waiting, status="failed"))

    waiting.refresh_from_db()
    assert waiting.state == TopUpState.FAILED
    assert balance_of(waiting.person) == 0


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=,v1=",
        "t=1,v1=00",
        "nonsense",
        "v1=abc",
        "t=9e9,v1=abc",
        "t=²,v1=abc",
        "t=1,v1=\u00e9",
        "t=" + "9" * 400,
    ],
)
def test_a_message_without_a_right_signature_is_refused(
    waiting: TopUp, notify: Notify, signature: str
) -> None:
    response = notify(message(waiting), signature=signature)

    assert response.status_code == 400
    assert response.json()["error"] == "BadSignature"
    assert not WebhookEvent.objects.exists()
    assert_nothing_moved(waiting)


def test_a_signature_of_another_message_is_refused(waiting: TopUp, notify: Notify) -> None:
    other = json.dumps(message(waiting, amount_micros=1)).encode()

    assert notify(message(waiting), signature=sign(other)).status_code == 400
    assert_nothing_moved(waiting)


@pytest.mark.parametrize("age", [-3600, 3600])
def test_an_old_or_future_signature_is_refused(waiting: TopUp, notify: Notify, age: int) -> None:
    body = json.dumps(message(waiting)).encode()

    response = notify(body, signature=sign(body, at=time.time() - age))

    assert response.json() == {"error": "BadSignature", "message": "The signature is too old."}
    assert_nothing_moved(waiting)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"id": "x"}',
        b"[" * 60_000,
        b'{"id": "\\ud800"}',
        b'{"id": Infinity}',
        b"9" * 5000,
    ],
)
def test_a_signed_message_that_makes_no_sense_is_refused(waiting: TopUp, notify: Notify, body: bytes) -> None:
    response = notify(body)

    assert response.status_code == 422
    assert response.json()["error"] == "BadMessage"
    assert_nothing_moved(waiting)


@pytest.mark.parametrize(
    "changes",
    [{"status": "stolen"}, {"status": None}, {"amount_micros": 1.5}, {"amount_micros": 10_000_000.0}, {"amount_micros": "10"},
     {"amount_micros": True}, {"amount_micros": None}, {"amount_micros": 0}, {"amount_micros": -TEN}, {"amount_micros": 2**63},
     {"amount_micros": 10**30}, {"amount_micros": float("nan")}, {"id": ""}, {"id": "x" * 61}, {"currency": "E\0R"}],
)  # fmt: skip
def test_a_message_with_a_strange_field_is_refused(
    waiting: TopUp, notify: Notify, changes: dict[str, Any]
) -> None:
    assert notify(message(waiting, **changes)).status_code == 422
    assert_nothing_moved(waiting)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_micros": TEN - 1},
        {"amount_micros": 2**63 - 1},
        {"currency": "USD"},
        {"currency": "usd", "status": "failed"},
        {"amount_micros": TEN + 1, "status": "refunded"},
        {"currency": "USD", "status": "disputed"},
    ],
)
def test_another_amount_than_asked_for_is_not_credited(
    waiting: TopUp, notify: Notify, changes: dict[str, Any]
) -> None:
    response = notify(message(waiting, **changes))

    assert response.status_code == 409
    assert response.json()["error"] == "PaymentMismatch"
    assert "Nothing was credited" in WebhookEvent.objects.get().outcome
    assert_nothing_moved(waiting)


def test_an_unknown_payment_is_refused_and_kept_for_the_admins(waiting: TopUp, notify: Notify) -> None:
    response = notify(message(waiting, payment="test_of_somebody_else"))

    assert response.status_code == 404
    assert response.json()["error"] == "UnknownPayment"
    assert "did not start" in WebhookEvent.objects.get().outcome
    assert_nothing_moved(waiting)


@pytest.mark.parametrize("gateway", ["stripe", "nothing"])
def test_a_gateway_that_is_not_switched_on_is_refused(waiting: TopUp, notify: Notify, gateway: str) -> None:
    assert notify(message(waiting), url=f"/payments/webhooks/{gateway}/").status_code == 404
    assert_nothing_moved(waiting)


def test_the_offline_gateway_can_be_switched_off(waiting: TopUp, notify: Notify, settings: Any) -> None:
    settings.PAYMENT_GATEWAYS = []

    assert notify(message(waiting)).status_code == 404
    assert_nothing_moved(waiting)


def test_a_message_that_is_too_large_is_refused(waiting: TopUp, notify: Notify) -> None:
    assert notify(message(waiting, padding="x" * 70_000)).status_code == 413
    assert_nothing_moved(waiting)


def test_a_webhook_is_posted() -> None:
    assert Client().get(WEBHOOK).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_sixteen_webhooks_at_once_credit_once(waiting: TopUp) -> None:
    start, statuses = threading.Barrier(16), []

    def send(number: int) -> None:
        body = json.dumps(message(waiting, id=f"evt_{number // 2}")).encode()
        start.wait(timeout=60)
        response = Client().post(
            WEBHOOK, body, content_type="application/json", headers={"X-Test-Gateway-Signature": sign(body)}
        )
        statuses.append(response.status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 16
    assert balance_of(waiting.person) == TEN
    assert Transfer.objects.count() == 1


class TestLostWebhooks:
    """A webhook that never comes: the market asks."""

    def pay(self, top_up: TopUp, state: str) -> None:
        OfflineCheckout.objects.filter(pk=top_up.gateway_reference).update(
            state=state, decided_at=timezone.now()
        )

    def age(self, top_up: TopUp, by: timedelta) -> None:
        then = timezone.now() - by
        TopUp.objects.filter(pk=top_up.pk).update(created_at=then, ask_at=then + ASK_AFTER)

    def test_asking_the_gateway_settles_a_paid_top_up(self, waiting: TopUp) -> None:
        self.pay(waiting, "paid")
        assert ask_gateway(waiting).is_paid
        assert balance_of(waiting.person) == TEN

    def test_reconciliation_finds_what_was_paid(self, waiting: TopUp) -> None:
        self.pay(waiting, "paid")
        self.age(waiting, timedelta(minutes=3))
        assert reconcile() == 1
        assert reconcile() == 0
        assert balance_of(waiting.person) == TEN

    def test_reconciliation_leaves_fresh_top_ups_alone(self, waiting: TopUp) -> None:
        self.pay(waiting, "paid")
        assert reconcile() == 0
        assert balance_of(waiting.person) == 0

    def test_a_late_webhook_after_reconciliation_credits_nothing_more(
        self, waiting: TopUp, notify: Notify
    ) -> None:
        self.pay(waiting, "paid")
        self.age(waiting, timedelta(minutes=3))
        reconcile()
        assert notify(message(waiting)).status_code == 200
        assert balance_of(waiting.person) == TEN

    def test_what_nobody_pays_for_a_day_is_abandoned(self, waiting: TopUp, user: User) -> None:
        self.age(waiting, ABANDON_AFTER + timedelta(minutes=1))
        assert reconcile() == 1
        waiting.refresh_from_db()
        assert waiting.state == TopUpState.ABANDONED
        assert balance_of(user) == 0

    def test_a_gateway_that_forgot_the_payment_changes_nothing(self, waiting: TopUp) -> None:
        TopUp.objects.filter(pk=waiting.pk).update(gateway_reference="test_gone")
        self.age(waiting, timedelta(minutes=3))
        assert reconcile() == 0
        assert_nothing_moved(waiting)
