"""Top-ups through Stripe: each has a Checkout Session, whose outcome Stripe reports by signed webhooks.

A session is the checkout; its payment intent is the money. Refunds and disputes name only the payment intent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import stripe
from django.conf import settings

from market.ledger.models import KEY_LENGTH
from market.payments.gateways.protocol import (
    BadMessage,
    BadSignature,
    Checkout,
    Event,
    GatewayRefused,
    Payment,
    PaymentStatus,
    parsed,
    whole_amount,
)
from market.payments.gateways.stripe_api import api, cents, stripe_errors
from market.payments.models.payouts import CENT

if TYPE_CHECKING:
    from market.payments.models import TopUp

SIGNATURE = "Stripe-Signature"
OLDEST = timedelta(minutes=5)

PAYABLE_FOR = timedelta(hours=23)
"""How long a session can be paid. Stripe allows a day; after that the market gives up the top-up."""


class StripeGateway:
    """Stripe as the market sees it. Cards are typed on Stripe's page: the market only learns which ones are the same."""

    name = "stripe"
    label = "Card and other ways"
    note = "You pay on the pages of Stripe, and come back here."
    pay_at = "https://checkout.stripe.com"

    def missing(self) -> list[str]:
        return [
            name for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET") if not getattr(settings, name)
        ]

    def start(self, top_up: TopUp) -> Checkout:
        back = f"{settings.PUBLIC_URL}{top_up.get_absolute_url()}"
        known = {"top_up": str(top_up.pk)}
        with stripe_errors():
            # The same key and the same content: a repeated request gets the session of the first.
            session = api().v1.checkout.sessions.create(
                params={
                    "mode": "payment",
                    "adaptive_pricing": {
                        "enabled": False
                    },  # the wallet is credited in the currency that was asked for
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": top_up.currency.lower(),
                                "unit_amount": cents(top_up.amount),
                                "product_data": {"name": "Top-up of your wallet"},
                            },
                        }
                    ],
                    "client_reference_id": str(top_up.pk),
                    "customer_email": top_up.person.email,
                    "success_url": back,
                    "cancel_url": back,
                    "expires_at": int((top_up.created_at + PAYABLE_FOR).timestamp()),
                    "metadata": known,
                    "payment_intent_data": {"metadata": known},
                },
                options={"idempotency_key": f"top-up:{top_up.pk}"},
            )
        if not session.url:
            raise GatewayRefused(
                "Stripe gave no page to pay at: this top-up was paid or has expired. Start another."
            )
        return Checkout(reference=session.id, url=session.url)

    def look_up(self, reference: str) -> Payment:
        with stripe_errors():
            session = api().v1.checkout.sessions.retrieve(
                reference, params={"expand": ["payment_intent.latest_charge"]}
            )
        found = session.to_dict()
        payment = _of_session(found)
        charge = (found.get("payment_intent") or {}).get("latest_charge") or {}
        taken_back = _taken_back(charge) if payment.status == PaymentStatus.PAID else None
        found_so = replace(taken_back, reference=payment.reference) if taken_back else payment
        return replace(found_so, card=_card(charge))

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        try:
            stripe.WebhookSignature.verify_header(
                body, headers.get(SIGNATURE, ""), settings.STRIPE_WEBHOOK_SECRET, int(OLDEST.total_seconds())
            )
        except stripe.SignatureVerificationError as error:
            raise BadSignature(error.user_message or "The signature is not right.") from error
        except ValueError as error:
            raise BadMessage("The message is not text in UTF-8.") from error
        message = parsed(body)
        try:
            about, told = message["type"], message["data"]["object"]
            read = _READERS.get(about)
            payment = read(told) if read else None
            event_id = str(message["id"])
        except (KeyError, TypeError, AttributeError) as error:
            raise BadMessage(f"The message lacks what Stripe's have: {error}.") from error
        if payment is None:
            return None
        if not 0 < len(event_id) <= KEY_LENGTH:
            raise BadMessage(f"The message needs an id of at most {KEY_LENGTH} characters.")
        # Not the whole body: it contains the payer's name and address, which nobody here needs.
        kept = {
            "id": event_id,
            "type": about,
            "created": message.get("created"),
            "object": told.get("id"),
            "charge": payment.charge,
            "amount_micros": payment.amount,
            "currency": payment.currency,
        }
        return Event(id=event_id, payment=payment, kept=kept)


def _micros(amount: object) -> int:
    return whole_amount(whole_amount(amount) * CENT)


def _name(thing: object) -> str:
    """Return the id of an object that a message either names or contains (expanded)."""
    return str(thing["id"] if isinstance(thing, dict) else thing or "")


def _of_session(session: dict[str, Any], status: PaymentStatus | None = None) -> Payment:
    return Payment(
        reference=str(session["id"]),
        status=status or _status(session),
        amount=_micros(session["amount_total"]),
        currency=str(session["currency"]).upper(),
        charge=_name(session.get("payment_intent")),
    )


def _status(session: dict[str, Any]) -> PaymentStatus:
    """Say the state of a session. A complete one may still wait for a slow payment, such as a direct debit."""
    if session["payment_status"] == "paid":
        return PaymentStatus.PAID
    intent = session.get("payment_intent")
    over = isinstance(intent, dict) and intent.get("status") in ("requires_payment_method", "canceled")
    if session["status"] == "expired" or (session["status"] == "complete" and over):
        return PaymentStatus.FAILED
    return PaymentStatus.PROCESSING if session["status"] == "complete" else PaymentStatus.OPEN


def _of_charge(charge: dict[str, Any]) -> Payment:
    return Payment(
        reference="",
        status=PaymentStatus.REFUNDED,
        amount=_micros(charge["amount_refunded"]),
        currency=str(charge["currency"]).upper(),
        charge=_name(charge["payment_intent"]),
    )


def _of_dispute(dispute: dict[str, Any]) -> Payment | None:
    # An inquiry takes no money yet. One that was won, or did not become a dispute, has given it back.
    if dispute["status"].startswith("warning_") or dispute["status"] in ("won", "prevented"):
        return None
    return Payment(
        reference="",
        status=PaymentStatus.DISPUTED,
        amount=_micros(dispute["amount"]),
        currency=str(dispute["currency"]).upper(),
        charge=_name(dispute["payment_intent"]),
    )


def _taken_back(charge: dict[str, Any]) -> Payment | None:
    """Give what was taken back of a paid charge, or None."""
    if charge.get("disputed"):
        with stripe_errors():
            disputes = api().v1.disputes.list(params={"charge": charge["id"], "limit": 1})
        disputed = [_of_dispute(dispute.to_dict()) for dispute in disputes.data]
        if any(disputed):
            return disputed[0]
    return _of_charge(charge) if charge.get("amount_refunded") else None


def _card(charge: dict[str, Any]) -> str:
    """Give Stripe's name for the card that paid, the same for all who pay with that card. "" if it was no card."""
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    return str(card.get("fingerprint") or "")[:KEY_LENGTH]


def _own(status: PaymentStatus | None = None) -> Callable[[dict[str, Any]], Payment | None]:
    """Read only sessions that the market started: the account at Stripe may have other uses."""

    def read(session: dict[str, Any]) -> Payment | None:
        return _of_session(session, status) if "top_up" in (session.get("metadata") or {}) else None

    return read


_READERS: dict[str, Callable[[dict[str, Any]], Payment | None]] = {
    "checkout.session.completed": _own(),
    "checkout.session.async_payment_succeeded": _own(PaymentStatus.PAID),
    "checkout.session.async_payment_failed": _own(PaymentStatus.FAILED),
    "checkout.session.expired": _own(PaymentStatus.FAILED),
    "charge.refunded": _of_charge,
    "charge.dispute.created": _of_dispute,
    "charge.dispute.funds_withdrawn": _of_dispute,  # also of an inquiry that became a dispute
}
