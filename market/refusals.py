"""Refusals: why something is not done, in words for the person who asked.

Code that raises one has changed nothing. Pages show its words (`acting`); the API answers with them as a problem
(`api.problems`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator


@dataclass(frozen=True)
class Reason:
    """One sentence of a refusal. `field` is the sent field it is about. "" means all of them."""

    text: str
    field: str = ""

    def __str__(self) -> str:
        return self.text


def outside(field: str, value: float, least: float, most: float) -> Iterator[Reason]:
    """If a number is outside its bounds, say so in the words of forms."""
    for judge in (MinValueValidator(least), MaxValueValidator(most)):
        try:
            judge(value)
        except ValidationError as error:
            yield Reason(error.messages[0], field)


class Refused(Exception):
    """Not done, and nothing changed. `status` is the HTTP status; by default it says that the present state does not allow it."""

    def __init__(
        self, *reasons: str | Reason, field: str = "", status: HTTPStatus = HTTPStatus.CONFLICT
    ) -> None:
        self.reasons = [each if isinstance(each, Reason) else Reason(each, field) for each in reasons]
        self.status = status
        super().__init__(" ".join(map(str, self.reasons)))


def invalid(*reasons: str | Reason, field: str = "") -> Refused:
    """Refuse an invalid order, rather than a valid one at the wrong time."""
    return Refused(*reasons, field=field, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def invalid_model(error: ValidationError) -> Refused:
    """Refuse what a model's validation refuses, in its words."""
    return invalid(
        *(
            Reason(message, "" if name == NON_FIELD_ERRORS else name)
            for name, messages in error.message_dict.items()
            for message in messages
        )
    )


def too_many(reason: str) -> Refused:
    """Refuse one more of something, because unfinished ones have to end first."""
    return Refused(reason, status=HTTPStatus.TOO_MANY_REQUESTS)


def gone_on(what: str) -> Refused:
    """Refuse a step because somebody else took a step before it."""
    return Refused(f"That is not possible any more: the {what} has gone on meanwhile.")


class PriceChanged(Refused):
    """The price is not the one that the person agreed to. `quote` is the present one, to be shown."""

    def __init__(self, reason: str, *, quote: object) -> None:
        super().__init__(reason)
        self.quote = quote


class BalanceTooLow(Refused):
    """The wallet does not hold the price. Amounts are in micro-units."""

    def __init__(self, reason: str, *, needed: int, available: int) -> None:
        super().__init__(reason, status=HTTPStatus.PAYMENT_REQUIRED)
        self.needed = needed
        self.available = available

    @property
    def missing(self) -> int:
        return self.needed - self.available
