"""Amounts in micro-units, as people read and type them."""

from __future__ import annotations

from decimal import Decimal

from market.ledger.models import MICROS

SYMBOLS = {"EUR": "€"}


def formatted(micros: int, currency: str = "EUR") -> str:
    """Write an amount in full: always two decimals, and more where the micro-units need them.

    >>> formatted(12_400_000), formatted(-50_500), formatted(1)
    ('€12.40', '-€0.0505', '€0.000001')
    """
    whole, fraction = divmod(abs(micros), MICROS)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    symbol = SYMBOLS.get(currency, f"{currency} ")
    return f"{'-' if micros < 0 else ''}{symbol}{whole:,}.{decimals}"


def plain(micros: int) -> str:
    """Write an amount for a CSV file: a decimal number in whole units, exactly.

    >>> plain(12_400_000), plain(-1)
    ('12.400000', '-0.000001')
    """
    whole, fraction = divmod(abs(micros), MICROS)
    return f"{'-' if micros < 0 else ''}{whole}.{fraction:06d}"


def micros_of(amount: Decimal) -> int:
    """Return an amount in whole units as micro-units. Raises ValueError when it is not a whole number of them."""
    micros = amount * MICROS
    if not micros.is_finite() or micros != micros.to_integral_value():
        raise ValueError(f"{amount} is not a whole number of micro-units")
    return int(micros)
