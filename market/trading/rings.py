"""Rings: accounts that pay mostly each other, so that money goes round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PART_OF_SPENDING = 0.2
"""A payer leads on to whom they spend so much of their money on: at most five others, so that a market is not one ring."""
MOSTLY = 0.5
LARGEST = 30
"""More accounts than this that pay each other are a market."""

Payments = Mapping[tuple[int, int], int]
"""What one account paid another, by (payer, receiver)."""


def rings_in(paid: Payments) -> list[frozenset[int]]:
    """Find groups in which money can go round, whose members pay, and are paid by, mostly each other."""
    spent: dict[int, int] = {}
    for (payer, _), amount in paid.items():
        spent[payer] = spent.get(payer, 0) + amount
    leads: dict[int, set[int]] = {}
    for (payer, receiver), amount in paid.items():
        if amount >= PART_OF_SPENDING * spent[payer]:
            leads.setdefault(payer, set()).add(receiver)
    return [ring for ring in _circles(leads) if len(ring) <= LARGEST and _closed(ring, paid)]


def _closed(ring: frozenset[int], paid: Payments) -> bool:
    """Whether more than half of what the members spend, and of what they earn, stays among them."""
    inside = sum(amount for (payer, receiver), amount in paid.items() if payer in ring and receiver in ring)
    spent = sum(amount for (payer, _), amount in paid.items() if payer in ring)
    earned = sum(amount for (_, receiver), amount in paid.items() if receiver in ring)
    return inside > MOSTLY * spent and inside > MOSTLY * earned


def _circles(leads: Mapping[int, set[int]]) -> Iterable[frozenset[int]]:
    """Give the strongly connected groups of two or more, by Kosaraju's two walks."""
    back: dict[int, set[int]] = {}
    for one, others in leads.items():
        for other in others:
            back.setdefault(other, set()).add(one)
    seen: set[int] = set()
    for start in reversed(_in_order_of_end(leads)):
        group: set[int] = set()
        left = [start]
        while left:
            one = left.pop()
            if one not in seen:
                seen.add(one)
                group.add(one)
                left += back.get(one, set()) - seen
        if len(group) > 1:
            yield frozenset(group)


def _in_order_of_end(leads: Mapping[int, set[int]]) -> list[int]:
    """Walk into depth, and give everybody in the order in which their walk ended."""
    order: list[int] = []
    seen: set[int] = set()
    for start in sorted(leads):
        left = [(start, False)]
        while left:
            one, walked = left.pop()
            if walked:
                order.append(one)
            elif one not in seen:
                seen.add(one)
                left.append((one, True))
                left += [(other, False) for other in sorted(leads.get(one, set()) - seen)]
    return order
