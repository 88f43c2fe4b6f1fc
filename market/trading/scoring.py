"""From sums of trade to signs: what is noticed about each payer and whom they paid. It reads nothing: all it needs is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from market.payments.models import TraceSort
from market.payments.traces import Shared
from market.trading.rings import rings_in
from market.trading.signs import Sign, points_of
from market.trading.trades import Trade

HALF = 0.5
NEARLY_ALL = 0.8
ENOUGH = 5
"""From how many requests on there is a habit."""
SEVERAL = 3
"""So many payers who buy from one person alone are several."""
PUBLIC = 6
"""An address or a device that more accounts than this use, is an office's, a school's or a network's: it says nothing of two of them."""
TOGETHER = timedelta(days=1)
MANY = 20
QUARTER = 0.25
"""Whom more than 20 people and more than a quarter of all payers pay, everybody pays: such as the owner of the only base."""

_OF_TRACES = {
    TraceSort.CARD: Sign.CARD,
    TraceSort.DEVICE: Sign.DEVICE,
    TraceSort.ADDRESS: Sign.ADDRESS,
}

Place = tuple[int, str]
"""A person and a kind of fee."""


@dataclass(frozen=True)
class Scored:
    """One trade with its signs."""

    trade: Trade
    signs: frozenset[Sign]

    @property
    def points(self) -> int:
        return points_of(self.signs)


class Market:
    """All trade of some days, and what is known of the accounts in it."""

    def __init__(
        self, trades: Sequence[Trade], shared: Iterable[Shared], joined: Mapping[int, datetime]
    ) -> None:
        self.trades = trades
        self.spent: Counter[Place] = Counter()
        self.earned: Counter[Place] = Counter()
        paid: Counter[tuple[int, int]] = Counter()
        for each in trades:
            self.spent[each.payer, each.line] += each.amount
            self.earned[each.receiver, each.line] += each.amount
            paid[each.payer, each.receiver] += each.amount
        lines = {each.line for each in trades}
        payers = {line: len({each.payer for each in trades if each.line == line}) for line in lines}
        paying = Counter((each.receiver, each.line) for each in trades)
        self.paid_by_all = {
            place for place, count in paying.items() if count > MANY and count > QUARTER * payers[place[1]]
        }
        self.faithful: dict[Place, list[Trade]] = {}
        for each in trades:
            if self.buys_from_nobody_else(each):
                self.faithful.setdefault((each.receiver, each.line), []).append(each)
        self.rings = rings_in(paid)
        self.joined_together = {
            place: _close_together(
                {each.payer: joined[each.payer] for each in faithful if each.payer in joined}
            )
            for place, faithful in self.faithful.items()
        }
        self._read(list(shared))

    def _read(self, shared: Sequence[Shared]) -> None:
        """Note who shares what with whom: two accounts, and several payers of one person."""
        self.pairs: dict[frozenset[int], set[Sign]] = {}
        self.one_hand: dict[Place, set[int]] = {}
        paid_by: dict[int, set[int]] = {}
        for each in self.trades:
            paid_by.setdefault(each.payer, set()).add(each.receiver)
        payers = {place: {each.payer for each in faithful} for place, faithful in self.faithful.items()}
        places_of: dict[int, set[Place]] = {}
        for place, people in payers.items():
            for person in people:
                places_of.setdefault(person, set()).add(place)
        for thing in shared:
            if thing.sort == TraceSort.CARD or len(thing.people) <= PUBLIC:
                for payer in thing.people:
                    for receiver in paid_by.get(payer, set()) & thing.people:
                        self.pairs.setdefault(frozenset((payer, receiver)), set()).add(_OF_TRACES[thing.sort])
            for place in {place for person in thing.people for place in places_of.get(person, set())}:
                hands = payers[place] & thing.people
                others = len(thing.people - {place[0]})
                # Where most who were seen there buy elsewhere, it is a school's or a network's.
                if len(hands) >= SEVERAL and len(hands) > HALF * others:
                    self.one_hand.setdefault(place, set()).update(hands)

    def buys_from_nobody_else(self, trade: Trade) -> bool:
        if (trade.receiver, trade.line) in self.paid_by_all:
            return False
        return trade.amount >= NEARLY_ALL * self.spent[trade.payer, trade.line]

    def signs_of(self, trade: Trade) -> frozenset[Sign]:
        """Give the signs of one trade."""
        return frozenset(
            {*self._of_accounts(trade), *_of_requests(trade), *self._of_money(trade)},
        )

    def _of_accounts(self, trade: Trade) -> Iterable[Sign]:
        shared = self.pairs.get(frozenset((trade.payer, trade.receiver)), set())
        if shared:
            # A household shares all of them: only the strongest counts.
            yield max(shared, key=lambda sign: points_of([sign]))
        place = (trade.receiver, trade.line)
        if trade.payer in self.one_hand.get(place, set()):
            yield Sign.ONE_HAND
        if trade.payer in self.joined_together.get(place, set()):
            yield Sign.JOINED
        if any({trade.payer, trade.receiver} <= ring for ring in self.rings):
            yield Sign.RING

    def _of_money(self, trade: Trade) -> Iterable[Sign]:
        place = (trade.receiver, trade.line)
        if trade.promoted > HALF * trade.amount:
            yield Sign.CREDIT
            faithful = self.faithful.get(place, [])
            credit = sum(each.promoted for each in faithful)
            if (
                trade in faithful
                and sum(each.promoted > 0 for each in faithful) >= SEVERAL
                and credit > HALF * self.earned[place]
            ):
                yield Sign.LIVES_ON_CREDIT
        if trade.requests >= ENOUGH and self.buys_from_nobody_else(trade):
            yield Sign.ONLY_ONE
        if trade.requests >= ENOUGH and trade.amount > HALF * self.earned[place]:
            yield Sign.MAINSTAY

    def scored(self) -> list[Scored]:
        """Score every trade."""
        return [Scored(each, self.signs_of(each)) for each in self.trades]


def _of_requests(trade: Trade) -> Iterable[Sign]:
    if trade.requests < ENOUGH:
        return
    if trade.idle > HALF * trade.amount:
        yield Sign.IDLE
    if trade.hurried > HALF * trade.amount:
        yield Sign.HURRIED
    if trade.jumped > HALF * trade.amount:
        yield Sign.JUMPED
    if 0 < trade.different <= HALF * trade.requests:
        yield Sign.SAME


def _close_together(joined: Mapping[int, datetime]) -> set[int]:
    """Give those who joined within a day of at least two others."""
    order = sorted(joined, key=lambda person: joined[person])
    close: set[int] = set()
    for first in range(len(order) - SEVERAL + 1):
        some = order[first : first + SEVERAL]
        if joined[some[-1]] - joined[some[0]] <= TOGETHER:
            close.update(some)
    return close
