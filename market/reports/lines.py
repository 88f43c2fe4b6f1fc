"""Query lines page by page, each page found from a line of the one before it: nobody counts millions of lines, or skips over them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet, Sum

from market.ledger.models import Entry, Figure, Transfer

ROWS = 50
OLDEST = "oldest"
_ASKED = re.compile(r"(older|newer)-([0-9]{1,18})\.([0-9]{1,4})", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Where a line stands in the order: the latest transfer first, and of one transfer the first position first."""

    at: datetime
    transfer: int
    position: int

    def beyond(self, *, older: bool) -> Q:
        """What comes after this place, or before it."""
        at, there, here = ("lt", "lt", "gt") if older else ("gt", "gt", "lt")
        return Q(**{f"transfer__created_at__{at}e": self.at}) & (
            Q(**{f"transfer__created_at__{at}": self.at})
            | Q(**{"transfer__created_at": self.at, f"transfer__{there}": self.transfer})
            | Q(**{"transfer": self.transfer, f"position__{here}": self.position})
        )


@dataclass(frozen=True)
class LinePage:
    """Some lines, and what asks for those before and after them; "" where there are none."""

    lines: list[Entry]
    newer: str = ""
    older: str = ""


def page_of(lines: QuerySet[Entry], sums: QuerySet[Figure], asked: str, rows: int = ROWS) -> LinePage:
    """Give the page that an address asks for: the latest lines for "", and for whatever asks for none.

    `sums` are the day sums of the same lines: they tell how many days to look through for a page.
    """
    place, older = _asked(asked)
    if asked != OLDEST and place is None:
        older = True
    found = _lines(lines, sums, place, older=older, rows=rows)
    more, found = len(found) > rows, found[:rows]
    if older:
        if not found and place:
            return page_of(lines, sums, "", rows)
        return LinePage(
            found, _name("newer", found[0]) if place else "", _name("older", found[-1]) if more else ""
        )
    if not more:
        # The first page, which may have more above its last line than was found here.
        return page_of(lines, sums, "", rows)
    found.reverse()
    return LinePage(found, _name("newer", found[0]), _name("older", found[-1]) if place else "")


def _asked(asked: str) -> tuple[Place | None, bool]:
    """Read "older-123.2", from line 2 of transfer 123 on; a place that is none is nowhere."""
    said = _ASKED.fullmatch(asked)
    transfer = Transfer.objects.filter(pk=said[2]).first() if said else None
    if said is None or transfer is None:
        return None, False
    return Place(transfer.created_at, transfer.pk, int(said[3])), said[1] == "older"


def _name(direction: str, line: Entry) -> str:
    return f"{direction}-{line.transfer_id}.{line.position}"


def _lines(
    lines: QuerySet[Entry], sums: QuerySet[Figure], place: Place | None, *, older: bool, rows: int
) -> list[Entry]:
    """Find the next lines from a place on, one more than asked for where there are more."""
    window = _window(sums, place.at.astimezone(UTC).date() if place else None, older=older, enough=rows + 1)
    if window is None:
        return []
    # The transfer's time is the entry's as well: the one has an index over all accounts, the other one that begins with the account.
    begin, end = _begin(window[0]), _begin(window[1] + timedelta(days=1))
    lines = lines.filter(created_at__gte=begin, created_at__lt=end)
    lines = lines.filter(transfer__created_at__gte=begin, transfer__created_at__lt=end)
    if place:
        lines = lines.filter(place.beyond(older=older))
    order = ("-transfer__created_at", "-transfer_id", "position")
    return list((lines.order_by(*order) if older else lines.order_by(*order).reverse())[: rows + 1])


def _window(
    sums: QuerySet[Figure], day: date | None, *, older: bool, enough: int
) -> tuple[date, date] | None:
    """Give the days in which enough lines are found, going from `day` or from the end; None where there are none.

    A sum says of how many transfers it is, each of which has at least one such line.
    """
    if day:
        sums = sums.filter(day__lte=day) if older else sums.filter(day__gte=day)
    passed: list[date] = []
    number = 0
    for each, transfers in (
        sums.order_by("-day" if older else "day").values_list("day").annotate(number=Sum("transfers"))
    ):
        passed.append(each)
        # Of the place's own day nobody knows how much lies beyond it.
        number += int(transfers) if each != day else 0
        if number >= enough:
            break
    return (min(passed), max(passed)) if passed else None


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
