"""How the market talks to Stripe: one client, with its errors turned into the market's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import stripe
from django.conf import settings

from market.payments.gateways.protocol import GatewayDown, GatewayRefused, GatewayUnavailable, UnknownPayment
from market.payments.models.payouts import CENT

log = logging.getLogger(__name__)

TIMEOUT = 10
"""Seconds to wait for an answer: a person waits for the page, or the sweeper for its next task."""

RETRIES = 1


def api() -> stripe.StripeClient:
    """Return a client of the market's account. Raises GatewayUnavailable where no key is set."""
    if not settings.STRIPE_SECRET_KEY:
        raise GatewayUnavailable("Stripe is not set up: STRIPE_SECRET_KEY is missing.")
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
        max_network_retries=RETRIES,
        base_addresses={"api": settings.STRIPE_API_URL},
    )


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Raise Stripe's errors, or its silence, as a PaymentError.

    A conflict (409) is a GatewayDown: another request under the same key is still running.
    """
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        log.error("Stripe does not take the market's key: %s", _said(error))  # which is nobody else's to read
        raise GatewayUnavailable("Stripe is not set up: it does not take the market's key.") from error
    except (stripe.CardError, stripe.IdempotencyError, stripe.InvalidRequestError) as error:
        if error.http_status == 404:
            raise UnknownPayment(f"Stripe knows no such thing: {_said(error)}") from error
        raise GatewayRefused(f"Stripe refused: {_said(error)}") from error
    except stripe.StripeError as error:
        raise GatewayDown(
            f"Stripe does not answer at the moment ({_said(error)}). Try again later."
        ) from error


def cents(micros: int) -> int:
    """Return micro-units as whole cents, as Stripe counts. Raises GatewayRefused if they are not whole cents."""
    whole, rest = divmod(micros, CENT)
    if rest:
        raise GatewayRefused(f"Stripe moves whole cents; {micros} micro-units are none.")
    return whole


def _said(error: stripe.StripeError) -> str:
    return (error.user_message or type(error).__name__)[:150]
