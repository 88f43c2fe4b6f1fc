"""Payment lines page by page. Each page is found from a line of the one before, so millions of lines are never counted or skipped."""

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
    """A line's place in the order: the latest transfer first, and within a transfer the first position first."""

    at: datetime
    transfer: int
    position: int

    def beyond(self, *, older: bool) -> Q:
        """A condition for what comes after this place, or before it."""
        at, there, here = ("lt", "lt", "gt") if older else ("gt", "gt", "lt")
        return Q(**{f"transfer__created_at__{at}e": self.at}) & (
            Q(**{f"transfer__created_at__{at}": self.at})
            | Q(**{"transfer__created_at": self.at, f"transfer__{there}": self.transfer})
            | Q(**{"transfer": self.transfer, f"position__{here}": self.position})
        )


@dataclass(frozen=True)
class LinePage:
    """Some lines, and the parameters that ask for the lines before and after them. "" if there are none."""

    lines: list[Entry]
    newer: str = ""
    older: str = ""


def page_of(lines: QuerySet[Entry], sums: QuerySet[Figure], asked: str, rows: int = ROWS) -> LinePage:
    """Give the page that an address asks for. "" and anything invalid give the latest lines.

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
        # It is the first page, which may have more lines than were found here.
        return page_of(lines, sums, "", rows)
    found.reverse()
    return LinePage(found, _name("newer", found[0]), _name("older", found[-1]) if place else "")


def _asked(asked: str) -> tuple[Place | None, bool]:
    """Read "older-123.2": from line 2 of transfer 123 on. An invalid place gives None."""
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
    """Find the next lines from a place on. If there are more, give one more than asked for."""
    window = _window(sums, place.at.astimezone(UTC).date() if place else None, older=older, enough=rows + 1)
    if window is None:
        return []
    # The transfer's time equals the entry's. One has an index over all accounts, the other an index that begins with the
    # account.
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
    """Give the days in which enough lines are found, going from `day` or from the end. None if there are none.

    A sum says how many transfers it covers, and each of these has at least one such line.
    """
    if day:
        sums = sums.filter(day__lte=day) if older else sums.filter(day__gte=day)
    passed: list[date] = []
    number = 0
    for each, transfers in (
        sums.order_by("-day" if older else "day").values_list("day").annotate(number=Sum("transfers"))
    ):
        passed.append(each)
        # For the place's own day it is unknown how many lines lie beyond it.
        number += int(transfers) if each != day else 0
        if number >= enough:
            break
    return (min(passed), max(passed)) if passed else None


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
