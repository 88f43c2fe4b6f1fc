"""What the market needs of a payment gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from market.ledger.models import LARGEST

if TYPE_CHECKING:
    from market.payments.models import TopUp


class PaymentError(Exception):
    """A gateway's message or answer cannot be acted on."""


class BadSignature(PaymentError):
    """The message is not from the gateway, was changed on its way, or is too old."""


class BadMessage(PaymentError):
    """The signature is right, but the message is not one that the market understands."""


class UnknownPayment(PaymentError):
    """The gateway reports a payment that the market did not start."""


class PaymentMismatch(PaymentError):
    """The gateway was paid a different amount, or in a different currency, than was asked for."""


class GatewayUnavailable(PaymentError):
    """There is no such gateway, it is not switched on, or it does not know this market."""


class GatewayDown(PaymentError):
    """The gateway does not answer, or asks to try again later. Whether it has acted is unknown."""


class GatewayRefused(PaymentError):
    """The gateway answered no, and would do so again."""


class PaymentStatus(StrEnum):
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


TAKEN_BACK = (PaymentStatus.REFUNDED, PaymentStatus.DISPUTED)


@dataclass(frozen=True)
class Checkout:
    """Where the person pays, and how the gateway calls the payment."""

    reference: str
    url: str


@dataclass(frozen=True)
class Payment:
    """A payment as the gateway knows it.

    The amount, in micro-units, is what was asked for. For a refund or a dispute it is everything taken back so far. `charge` is
    the gateway's name for the money, if that differs from its name for the checkout; messages about refunds may have only this
    one. `card` is its name for the card, the same for all who pay with that card, if the gateway tells it.
    """

    reference: str
    status: PaymentStatus
    amount: int
    currency: str
    charge: str = ""
    card: str = ""


@dataclass(frozen=True)
class Event:
    """A webhook whose signature was checked. `kept` is the part of its body worth keeping."""

    id: str
    payment: Payment
    kept: dict[str, object]


class Gateway(Protocol):
    """One way to take money in."""

    name: str
    label: str
    note: str
    """What a person should know before choosing it."""
    pay_at: str
    """Where its payment pages are (https://host), if they are not the market's own."""

    def missing(self) -> list[str]:
        """Name the settings without which it cannot work."""

    def start(self, top_up: TopUp) -> Checkout:
        """Open a checkout for the top-up. A second call gives the same one. Raises GatewayDown or GatewayRefused."""

    def look_up(self, reference: str) -> Payment:
        """Ask the gateway how a payment stands. Raises UnknownPayment, GatewayDown or GatewayRefused."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        """Check a webhook's signature and read it. None if it does not concern the market. Raises BadSignature or BadMessage."""


def parsed(body: bytes) -> dict[str, Any]:
    """Read a webhook's body as a JSON object that the database can keep. Raises BadMessage."""
    try:
        message = json.loads(body, parse_constant=_no_number)
        kept = json.dumps(message, ensure_ascii=False)
        kept.encode()
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"The message is not JSON: {str(error)[:100]}") from error
    if not isinstance(message, dict) or "\\u0000" in kept:
        raise BadMessage("The message has to be a JSON object without NUL characters.")
    return message


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def whole_amount(amount: object) -> int:
    """Return an amount from a gateway's message, if the ledger could hold it. Raises BadMessage."""
    if type(amount) is not int or not 0 < amount <= LARGEST:
        raise BadMessage(f"An amount is a whole number from 1 to {LARGEST}; found {str(amount)[:40]}.")
    return amount
