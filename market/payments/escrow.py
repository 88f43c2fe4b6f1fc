"""What people have in escrow, whatever the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from market.accounts.models import User


@dataclass(frozen=True)
class Frozen:
    """What one person has in escrow, in micro-units."""

    person: User
    amount: int


def by_person(amounts: Iterable[tuple[User, int]]) -> list[Frozen]:
    """Add up what each person has, in the order of first appearance."""
    sums: dict[User, int] = {}
    for person, amount in amounts:
        sums[person] = sums.get(person, 0) + amount
    return [Frozen(person, amount) for person, amount in sums.items()]
