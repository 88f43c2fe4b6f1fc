"""Prices as people type them, in forms and in commands. People write euros; the market keeps micro-euros."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from market.ledger.models import MICROS
from market.ledger.money import micros_of, plain
from market.numbers import DecimalField, as_written

FINEST = Decimal("0.0001")  # a hundredth of a cent


def euros(text: str) -> int:
    """Read typed euros as micro-euros. Raises ValueError for text that is no amount, or finer than micro-euros.

    >>> euros("0.08")
    80000
    """
    try:
        return micros_of(Decimal(as_written(text)))
    except InvalidOperation:
        raise ValueError(f"{text} is no amount of euros") from None


class EurosInput(forms.NumberInput):
    template_name = "components/euros_input.html"


class EurosField(DecimalField):
    """Clean to an int of micro-euros. Shows such an int as euros."""

    widget = EurosInput

    def __init__(self, *, max_micros: int, **kwargs: Any) -> None:
        super().__init__(
            min_value=Decimal(0),
            max_value=Decimal(max_micros) / MICROS,
            decimal_places=4,
            max_digits=12,
            **kwargs,
        )
        self.widget.attrs |= {"step": str(FINEST), "inputmode": "decimal"}

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            whole, fraction = plain(value).split(".")
            return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
        return value

    def clean(self, value: Any) -> Any:
        euros = super().clean(value)
        return None if euros is None else micros_of(euros)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
