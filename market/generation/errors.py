"""Why a request was refused. Each says what to tell the person, and the HTTP status that fits."""

from __future__ import annotations

from http import HTTPStatus

from market.generation.pricing import Quote


class Refused(Exception):
    """Nothing was charged and nothing enqueued. `field` is the form field it is about, "" for the whole form."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class PlugInUnavailable(Refused):
    """A plug-in is unknown, not published, or was withdrawn meanwhile."""


class PlugInMismatch(Refused):
    """Plug-ins that do not go with this base, or with each other."""


class PriceChanged(Refused):
    """The price is not the one the person agreed to. It is shown again, and not charged."""

    status = HTTPStatus.CONFLICT

    def __init__(self, message: str, *, quote: Quote) -> None:
        super().__init__(message)
        self.quote = quote


class BalanceTooLow(Refused):
    status = HTTPStatus.PAYMENT_REQUIRED

    def __init__(self, message: str, *, needed: int, available: int) -> None:
        super().__init__(message)
        self.needed = needed
        self.available = available


class TooManyWaiting(Refused):
    status = HTTPStatus.TOO_MANY_REQUESTS
