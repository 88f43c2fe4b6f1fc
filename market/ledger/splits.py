"""Divide an amount among receivers so that the parts sum to it exactly. Pure functions, used wherever money is split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

BASIS_POINTS = 10_000


class _Ordered(Protocol):
    def __lt__(self, other: object, /) -> bool: ...


Receiver = TypeVar("Receiver", bound="int | str | _Ordered")


def split(amount: int, parts: Sequence[tuple[Receiver, int]]) -> list[tuple[Receiver, int]]:
    """Divide `amount` in proportion to whole weights, by largest remainder; ties go to the lower receiver.

    Returns one pair per part, in the given order. Each gets its exact share rounded down or up to a micro-unit.
    """
    if not _is_whole(amount) or amount < 0:
        raise ValueError(f"The amount is a whole number of micro-units, zero or more; found {amount!r}.")
    receivers = [receiver for receiver, _ in parts]
    if len(set(receivers)) != len(receivers):
        raise ValueError("Each receiver may occur once; add up the weights first.")
    if any(not _is_whole(weight) or weight < 0 for _, weight in parts):
        raise ValueError("Weights are whole numbers, zero or more.")
    whole = sum(weight for _, weight in parts)
    if whole == 0:
        raise ValueError("At least one weight must be above zero.")

    shares = [amount * weight // whole for _, weight in parts]
    remainders = [amount * weight % whole for _, weight in parts]
    missing = amount - sum(shares)  # fewer than there are parts with a remainder
    first = sorted(range(len(parts)), key=lambda index: (-remainders[index], receivers[index]))
    for index in first[:missing]:
        shares[index] += 1
    return list(zip(receivers, shares, strict=True))


def _is_whole(number: object) -> bool:
    """Whether it is an integer. True and False do not count as numbers."""
    return isinstance(number, int) and not isinstance(number, bool)


def take_out(amount: int, basis_points: int) -> tuple[int, int]:
    """Divide an amount into (the rest, what a rate takes out of it). A tie goes to the rest."""
    if not 0 <= basis_points <= BASIS_POINTS:
        raise ValueError(f"A rate is 0 to {BASIS_POINTS} basis points; found {basis_points}.")
    (_, left), (_, taken) = split(amount, [(0, BASIS_POINTS - basis_points), (1, basis_points)])
    return left, taken


def in_percent(basis_points: int) -> str:
    """Write a rate for people.

    >>> in_percent(1000), in_percent(1550)
    ('10%', '15.5%')
    """
    return f"{basis_points / 100:g}%"
