"""Put money into a wallet: start a top-up, and settle it exactly once, whoever reports the payment and how often."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import MICROS, AccountKind, TransferKind
from market.payments.gateways import (
    Event,
    Gateway,
    GatewayUnavailable,
    Payment,
    PaymentError,
    PaymentMismatch,
    PaymentStatus,
    UnknownPayment,
    gateway_named,
)
from market.payments.models import TopUp, TopUpState, WebhookEvent

log = logging.getLogger(__name__)

LEAST = 1 * MICROS
MOST = 500 * MICROS
FULL_WALLET = 2000 * MICROS
"""No top-up takes a wallet above this: it is for spending, not for saving."""

ASK_AFTER = timedelta(minutes=2)
ABANDON_AFTER = timedelta(days=1)


class TopUpRefused(Exception):
    """The amount is outside the caps."""


def room_of(person: User) -> int:
    """How much the person may put into their wallet now, in micro-units."""
    return max(0, min(MOST, FULL_WALLET - ledger.balance(ledger.account(AccountKind.WALLET, person)).posted))


def start_top_up(
    *, person: User, amount: int, gateway: Gateway, request_id: uuid.UUID, next_url: str = ""
) -> TopUp:
    """Record the wish and open the gateway's checkout. The same request again returns the same top-up."""
    existing = TopUp.objects.filter(pk=request_id).first()
    if existing is None:
        if amount < LEAST or amount > room_of(person):
            raise TopUpRefused("The amount is outside the limits.")
        existing, _ = TopUp.objects.get_or_create(
            pk=request_id,
            defaults={"person": person, "amount": amount, "gateway": gateway.name, "next_url": next_url},
        )
    if existing.person_id != person.pk:
        raise TopUpRefused("This request was used by somebody else.")
    if not existing.gateway_reference:
        # Outside a transaction: a real gateway answers over the network.
        checkout = gateway_named(existing.gateway).start(existing)
        existing.gateway_reference, existing.checkout_url = checkout.reference, checkout.url
        existing.save(update_fields=["gateway_reference", "checkout_url"])
    return existing


def settle(gateway: str, payment: Payment) -> TopUp:
    """Act on what the gateway says of a payment. Any number of calls, in any order, credit the wallet once.

    Paid outweighs everything: a payment that arrives after the top-up failed or was abandoned is still credited.
    """
    top_up = TopUp.objects.select_related("person").filter(
        gateway=gateway, gateway_reference=payment.reference
    ).first()  # fmt: skip
    if top_up is None:
        raise UnknownPayment(f"The market did not start a payment {payment.reference}.")
    if payment.status == PaymentStatus.PAID:
        if (payment.amount, payment.currency) != (top_up.amount, top_up.currency):
            raise PaymentMismatch(
                f"{payment.amount} {payment.currency} were paid for {top_up}, which asked for {top_up.amount} "
                f"{top_up.currency}. Nothing was credited."
            )
        with transaction.atomic():
            transfer = ledger.post(
                key=f"top-up:{top_up.pk}",
                debit=ledger.account(AccountKind.GATEWAY_CLEARING, currency=top_up.currency),
                credit=ledger.account(AccountKind.WALLET, top_up.person, currency=top_up.currency),
                amount=top_up.amount,
                kind=TransferKind.TOP_UP,
                subject=f"gateway:{gateway}",
                reference=f"top-up:{top_up.pk}",
            )
            TopUp.objects.filter(pk=top_up.pk, transfer=None).update(
                state=TopUpState.PAID, transfer=transfer, settled_at=timezone.now()
            )
    elif payment.status == PaymentStatus.FAILED:
        TopUp.objects.filter(pk=top_up.pk, state=TopUpState.PENDING).update(
            state=TopUpState.FAILED, settled_at=timezone.now()
        )
    top_up.refresh_from_db()
    return top_up


def receive(gateway: Gateway, event: Event) -> TopUp:
    """Keep a webhook whose signature was checked, and settle what it reports."""
    kept, _ = WebhookEvent.objects.get_or_create(
        gateway=gateway.name, event_id=event.id, defaults={"body": event.body}
    )
    WebhookEvent.objects.filter(pk=kept.pk).update(deliveries=F("deliveries") + 1)
    try:
        top_up = settle(gateway.name, event.payment)
    except PaymentError as error:
        WebhookEvent.objects.filter(pk=kept.pk).update(outcome=str(error)[:200])
        raise
    WebhookEvent.objects.filter(pk=kept.pk).update(outcome=top_up.state)
    return top_up


def ask_gateway(top_up: TopUp) -> TopUp:
    """Settle a pending top-up by asking its gateway, for when the webhook is late or lost."""
    if not top_up.is_pending or not top_up.gateway_reference:
        return top_up
    try:
        return settle(top_up.gateway, gateway_named(top_up.gateway).look_up(top_up.gateway_reference))
    except (UnknownPayment, GatewayUnavailable, PaymentMismatch) as error:
        log.warning("Top-up %s could not be settled: %s", top_up.pk, error)
        return top_up


def reconcile() -> int:
    """Ask for top-ups that waited a while, and give up those nobody paid for a day. Returns how many ended."""
    now = timezone.now()
    ended = 0
    waiting = TopUp.objects.filter(state=TopUpState.PENDING, asked_at__lt=now - ASK_AFTER).order_by(
        "asked_at"
    )
    for top_up in list(waiting[:100]):
        # Before the gateway is asked, so that one that makes it fail does not hold up the others for ever.
        TopUp.objects.filter(pk=top_up.pk).update(asked_at=now)
        ended += not ask_gateway(top_up).is_pending
    return ended + TopUp.objects.filter(created_at__lt=now - ABANDON_AFTER, state=TopUpState.PENDING).update(
        state=TopUpState.ABANDONED, settled_at=now
    )
