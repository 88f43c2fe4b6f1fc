"""A payment gateway that takes no money: stateful, offline, with signed webhooks, and a page that says so.

It behaves like a real one, if asked to also on a bad day. It keeps its own record of each payment, and decides when the person
does. It tells the market by webhooks, several for a payment. They may come late, twice, in the wrong order or never.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from market.payments.gateways.protocol import (
    TAKEN_BACK,
    BadMessage,
    BadSignature,
    Checkout,
    Event,
    Payment,
    PaymentStatus,
    UnknownPayment,
    parsed,
    whole_amount,
)
from market.payments.models import CheckoutState, OfflineCheckout, OfflineNotification
from market.payments.models.payouts import CENT

if TYPE_CHECKING:
    from market.payments.models import TopUp

log = logging.getLogger(__name__)

SIGNATURE = "X-Test-Gateway-Signature"
OLDEST = timedelta(minutes=5)
LATE_BY = timedelta(minutes=1)
_STATUS = {
    CheckoutState.OPEN.value: PaymentStatus.OPEN,
    CheckoutState.PAID.value: PaymentStatus.PAID,
    CheckoutState.DECLINED.value: PaymentStatus.FAILED,
    CheckoutState.REFUNDED.value: PaymentStatus.REFUNDED,
    CheckoutState.DISPUTED.value: PaymentStatus.DISPUTED,
}


class Reporting(models.TextChoices):
    """How the gateway tells the market what was decided."""

    PROMPT = "prompt", "once, at once"
    TWICE = "twice", "twice"
    LATE = "late", "a minute late"
    RETRIED = "retried", "as refused at first, then again"
    REORDERED = "reordered", "the same, in the wrong order"
    NEVER = "never", "never (the market has to ask)"


class TakingBack(models.TextChoices):
    """What may become of a payment after it was made."""

    REFUND = "refund", "Refund it"
    REFUND_HALF = "refund_half", "Refund half of it"
    DISPUTE = "dispute", "Charge it back"


class OfflineGateway:
    """The gateway as the market sees it."""

    name = "test"
    label = "Test payment"
    note = "No money moves: this is for trying the market out."
    pay_at = ""

    def missing(self) -> list[str]:
        return []

    def start(self, top_up: TopUp) -> Checkout:
        checkout, _ = OfflineCheckout.objects.get_or_create(
            reference=f"test_{top_up.pk.hex}",
            defaults={
                "amount": top_up.amount,
                "currency": top_up.currency,
                "return_url": top_up.get_absolute_url(),
            },
        )
        return Checkout(
            reference=checkout.reference, url=reverse("payments:test_checkout", args=[checkout.reference])
        )

    def look_up(self, reference: str) -> Payment:
        checkout = OfflineCheckout.objects.filter(pk=reference).first()
        if checkout is None:
            raise UnknownPayment(f"The test gateway has no payment {reference}.")
        return Payment(
            reference=checkout.reference,
            status=_STATUS[checkout.state],
            amount=checkout.taken_back or checkout.amount,
            currency=checkout.currency,
        )

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event:
        check_signature(body, headers.get(SIGNATURE, ""))
        message = parsed(body)
        try:
            payment = Payment(
                reference=str(message["payment"]),
                status=PaymentStatus(message["status"]),
                amount=whole_amount(message["amount_micros"]),
                currency=str(message["currency"]),
            )
            event_id = str(message["id"])
        except (ValueError, KeyError) as error:
            raise BadMessage(f"The message cannot be read: {error}") from error
        if not 0 < len(event_id) <= 60:
            raise BadMessage("The message needs an id of at most 60 characters.")
        return Event(id=event_id, payment=payment, kept=message)


def sign(body: bytes, *, at: float | None = None) -> str:
    """Return the signature header of a webhook: its time, and the HMAC-SHA-256 of time and body."""
    stamp = str(int(time.time() if at is None else at))
    return f"t={stamp},v1={_mac(stamp, body)}"


def check_signature(body: bytes, header: str) -> None:
    """Raise BadSignature unless the header signs this body, at most five minutes ago."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    stamp, mac = parts.get("t", ""), parts.get("v1", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and mac.isascii()):
        raise BadSignature(f"The header {SIGNATURE} is missing or malformed.")
    if not hmac.compare_digest(mac, _mac(stamp, body)):
        raise BadSignature("The signature does not fit the message.")
    if abs(time.time() - int(stamp)) > OLDEST.total_seconds():
        raise BadSignature("The signature is too old.")


def _mac(stamp: str, body: bytes) -> str:
    # The market and its test gateway are one program, so its secret comes from the program's own.
    secret = salted_hmac("market.payments.offline_gateway", "webhook", algorithm="sha256").digest()
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def decide(checkout: OfflineCheckout, *, paid: bool, reporting: Reporting = Reporting.PROMPT) -> bool:
    """Record what the person did on the gateway's page, once, and queue the webhooks. False: it was decided before."""
    state = CheckoutState.PAID if paid else CheckoutState.DECLINED
    attempts = 2 if reporting in (Reporting.RETRIED, Reporting.REORDERED) else 1
    refused = [PaymentStatus.PROCESSING, PaymentStatus.FAILED] * (attempts - 1)
    with transaction.atomic():
        changed = OfflineCheckout.objects.filter(pk=checkout.pk, state=CheckoutState.OPEN).update(
            state=state, decided_at=timezone.now()
        )
        if changed:
            checkout.refresh_from_db()
            _report(checkout, [*refused, PaymentStatus.PROCESSING, _STATUS[state]], reporting)
    return bool(changed)


def take_back(checkout: OfflineCheckout, how: TakingBack, *, reporting: Reporting = Reporting.PROMPT) -> bool:
    """Give the payer their money back, as a refund or because their bank demands it, and queue the webhook.

    False: there is none to give.
    """
    half = checkout.amount // 2 // CENT * CENT
    amount = half if how == TakingBack.REFUND_HALF else checkout.amount
    state = CheckoutState.DISPUTED if how == TakingBack.DISPUTE else CheckoutState.REFUNDED
    with transaction.atomic():
        paid = OfflineCheckout.objects.filter(
            pk=checkout.pk, state__in=(CheckoutState.PAID, CheckoutState.REFUNDED), taken_back__lt=amount
        )
        changed = paid.update(state=state, taken_back=amount)
        if changed:
            checkout.refresh_from_db()
            _report(checkout, [_STATUS[state]], reporting)
    return bool(changed)


def _report(checkout: OfflineCheckout, statuses: list[PaymentStatus], reporting: Reporting) -> None:
    if reporting == Reporting.NEVER:
        return
    due = timezone.now() + (LATE_BY if reporting == Reporting.LATE else timedelta())
    for status in reversed(statuses) if reporting == Reporting.REORDERED else statuses:
        event_id = f"evt_{uuid.uuid4().hex}"
        body = {
            "id": event_id,
            "payment": checkout.reference,
            "status": status.value,
            "amount_micros": checkout.taken_back if status in TAKEN_BACK else checkout.amount,
            "currency": checkout.currency,
        }
        OfflineNotification.objects.create(
            checkout=checkout,
            event_id=event_id,
            body=json.dumps(body),
            deliver_at=due,
            deliveries_left=2 if reporting == Reporting.TWICE else 1,
        )


def deliver_due(send: Callable[[bytes, Mapping[str, str]], int]) -> int:
    """Send the due webhooks. `send` returns an HTTP status. A refused one stays for a later try."""
    sent = 0
    due = OfflineNotification.objects.filter(deliveries_left__gt=0, deliver_at__lte=timezone.now())
    for notification in list(due[:100]):
        for _ in range(notification.deliveries_left):
            body = notification.body.encode()
            status = send(body, {SIGNATURE: sign(body)})
            if status >= 300:
                log.warning("The market answered %s to test notification %s.", status, notification.event_id)
                OfflineNotification.objects.filter(pk=notification.pk).update(
                    deliver_at=timezone.now() + timedelta(minutes=1)
                )
                break
            OfflineNotification.objects.filter(pk=notification.pk, deliveries_left__gt=0).update(
                deliveries_left=F("deliveries_left") - 1
            )
            sent += 1
    return sent
