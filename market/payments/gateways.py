"""What the market needs of a payment gateway, and which ones are set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from django.conf import settings

if TYPE_CHECKING:
    from market.payments.models import TopUp


class PaymentError(Exception):
    """A gateway's message, or its answer, that cannot be acted on."""


class BadSignature(PaymentError):
    """The message is not from the gateway, was changed on its way, or is too old."""


class BadMessage(PaymentError):
    """The signature is right, but the message is not one that the market understands."""


class UnknownPayment(PaymentError):
    """The gateway speaks of a payment that the market did not start."""


class PaymentMismatch(PaymentError):
    """The gateway was paid another amount, or in another currency, than was asked for."""


class GatewayUnavailable(PaymentError):
    """There is no such gateway, or it is not switched on."""


class PaymentStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True)
class Checkout:
    """Where the person pays, and how the gateway calls the payment."""

    reference: str
    url: str


@dataclass(frozen=True)
class Payment:
    """A payment as the gateway knows it. The amount is in micro-units."""

    reference: str
    status: PaymentStatus
    amount: int
    currency: str


@dataclass(frozen=True)
class Event:
    """A webhook whose signature was checked."""

    id: str
    payment: Payment
    body: dict[str, object]


class Gateway(Protocol):
    """One way to take money in."""

    name: str
    label: str
    note: str
    """What a person should know before they choose it."""

    def start(self, top_up: TopUp) -> Checkout:
        """Open a checkout for the top-up; the same one when called again for it."""

    def look_up(self, reference: str) -> Payment:
        """Ask the gateway how a payment stands. Raises UnknownPayment."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Check a webhook's signature and read it. Raises BadSignature or BadMessage."""


def _known() -> dict[str, Gateway]:
    # Gateways import this module for its types.
    from market.payments.offline_gateway import OfflineGateway

    return {gateway.name: gateway for gateway in (OfflineGateway(),)}


def available() -> list[Gateway]:
    """Return the gateways that are switched on, in the configured order."""
    known = _known()
    return [known[name] for name in settings.PAYMENT_GATEWAYS if name in known]


def gateway_named(name: str) -> Gateway:
    """Return a gateway that is switched on. Raises GatewayUnavailable."""
    for gateway in available():
        if gateway.name == name:
            return gateway
    raise GatewayUnavailable(f"There is no payment gateway “{name}” here.")


def not_implemented() -> list[str]:
    """Names that the configuration switches on and this version does not have."""
    return [name for name in settings.PAYMENT_GATEWAYS if name not in _known()]
