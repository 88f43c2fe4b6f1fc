"""A payment gateway that takes no money: stateful, offline, with signed webhooks, and a page that says so.

It behaves like a real one: it keeps its own record of each payment, decides when the person does, and tells the
market by webhook, which may come late, twice or never. The market must cope with all of that.
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

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from market.payments.gateways import (
    BadMessage,
    BadSignature,
    Checkout,
    Event,
    Payment,
    PaymentStatus,
    UnknownPayment,
)
from market.payments.models import CheckoutState, OfflineCheckout, OfflineNotification

if TYPE_CHECKING:
    from market.payments.models import TopUp

log = logging.getLogger(__name__)

SIGNATURE = "X-Test-Gateway-Signature"
OLDEST = timedelta(minutes=5)
_STATUS = {
    CheckoutState.OPEN.value: PaymentStatus.OPEN,
    CheckoutState.PAID.value: PaymentStatus.PAID,
    CheckoutState.DECLINED.value: PaymentStatus.FAILED,
}


class OfflineGateway:
    """The gateway as the market sees it."""

    name = "test"
    label = "Test payment"
    note = "No money moves: this is for trying the market out."

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
            amount=checkout.amount,
            currency=checkout.currency,
        )

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event:
        check_signature(body, headers.get(SIGNATURE, ""))
        try:
            message = json.loads(body)
            payment = Payment(
                reference=str(message["payment"]),
                status=PaymentStatus(message["status"]),
                amount=message["amount_micros"],
                currency=str(message["currency"]),
            )
            event_id = str(message["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadMessage(f"The message cannot be read: {error}") from error
        if type(message["amount_micros"]) is not int or not 0 < len(event_id) <= 60:
            raise BadMessage("The message needs an id of at most 60 characters and a whole amount_micros.")
        return Event(id=event_id, payment=payment, body=message)


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


def decide(checkout: OfflineCheckout, *, paid: bool, deliveries: int = 1) -> bool:
    """Record what the person did on the gateway's page, once; queue the webhook. False when it was decided."""
    state = CheckoutState.PAID if paid else CheckoutState.DECLINED
    with transaction.atomic():
        changed = OfflineCheckout.objects.filter(pk=checkout.pk, state=CheckoutState.OPEN).update(
            state=state, decided_at=timezone.now()
        )
        if not changed:
            return False
        event_id = f"evt_{uuid.uuid4().hex}"
        body = {
            "id": event_id,
            "payment": checkout.reference,
            "status": _STATUS[state].value,
            "amount_micros": checkout.amount,
            "currency": checkout.currency,
        }
        OfflineNotification.objects.create(
            checkout=checkout, event_id=event_id, body=json.dumps(body), deliveries_left=deliveries
        )
    return True


def deliver_due(send: Callable[[bytes, Mapping[str, str]], int]) -> int:
    """Send the webhooks that are due; `send` returns an HTTP status. What is refused stays for a later try."""
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
