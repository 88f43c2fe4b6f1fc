"""How requests fare: from asked for to paid, how many fail, and how long people wait."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from market.generation.requesting import KIND
from market.jobs.days import days_of
from market.jobs.models import JobDay
from market.jobs.spreads import Spread
from market.reports import figures
from market.reports.periods import Grain, Period


@dataclass(frozen=True)
class Waits:
    """Seconds until a worker took a request up, and from then until it ended: of half of them at most, of 95%, and the longest.

    Right to within one per cent; the longest is exact.
    """

    wait_median: float | None
    wait_p95: float | None
    wait_longest: float | None
    work_median: float | None
    work_p95: float | None


@dataclass(frozen=True)
class Funnel:
    """The requests that were asked for in a period, by what became of them, and what was paid for in it.

    asked: were priced, agreed to and, where they cost something, held for. free: of those, that cost nothing.
    paid: captures of the period's days; a request of its last minutes is paid for after it.
    """

    asked: int
    free: int
    drawn: int
    failed: int
    cancelled: int
    waiting: int
    paid: int
    taken_back: int


@dataclass(frozen=True)
class SpanOfRequests:
    """What was asked for on a day, or in a week or month."""

    span: Period
    asked: int
    drawn: int
    failed: int
    cancelled: int
    wait_median: float | None
    wait_p95: float | None


@dataclass(frozen=True)
class Reason:
    """Why so many requests failed; without a text, for all other reasons together."""

    text: str
    number: int


def days_in(period: Period, *, only_counts: bool = False) -> list[JobDay]:
    """The days of a period on which something was asked for: all that the figures below are made of."""
    return days_of(KIND, period.first, period.last, only_counts=only_counts)


def funnel(period: Period, days: Sequence[JobDay]) -> Funnel:
    """Count the requests of a period's days."""
    totals = figures.totals(figures.sums_in(period))
    return Funnel(
        asked=sum(day.asked for day in days),
        free=sum(day.free for day in days),
        drawn=sum(day.succeeded for day in days),
        failed=sum(day.failed for day in days),
        cancelled=sum(day.cancelled for day in days),
        waiting=sum(day.live for day in days),
        paid=totals.queries,
        taken_back=totals.taken_back,
    )


def waits(days: Sequence[JobDay]) -> Waits:
    """Say how long the requests of some days waited and were drawn."""
    waited, worked = Spread.of(day.wait_spread for day in days), Spread.of(day.work_spread for day in days)
    wait_median, wait_p95 = waited.quantiles(0.5, 0.95)
    work_median, work_p95 = worked.quantiles(0.5, 0.95)
    return Waits(wait_median, wait_p95, waited.longest_seconds, work_median, work_p95)


def by_span(period: Period, grain: Grain, days: Sequence[JobDay]) -> list[SpanOfRequests]:
    """Give a row for every day, week or month in which something was asked for."""
    # Weeks and months begin where they do in a calendar; the period may have only a part of its first and last one.
    spans = {grain.first_of(span.first): span for span in period.spans(grain)}
    parts: dict[date, list[JobDay]] = defaultdict(list)
    for day in days:
        parts[grain.first_of(day.day)].append(day)
    found = []
    for begins, those in sorted(parts.items()):
        median, p95 = Spread.of(day.wait_spread for day in those).quantiles(0.5, 0.95)
        row = SpanOfRequests(
            spans[begins],
            asked=sum(day.asked for day in those),
            drawn=sum(day.succeeded for day in those),
            failed=sum(day.failed for day in those),
            cancelled=sum(day.cancelled for day in those),
            wait_median=median,
            wait_p95=p95,
        )
        found.append(row)
    return found


def reasons(days: Sequence[JobDay], most: int = 10) -> list[Reason]:
    """Give why requests failed, the most frequent reason first and all others last: together, all that failed."""
    numbers: Counter[str] = Counter()
    for day in days:
        numbers.update(dict(day.reasons))
    first = sorted(numbers.items(), key=lambda each: (-each[1], each[0]))[:most]
    others = sum(day.failed for day in days) - sum(number for _, number in first)
    # Fewer than none where one failed after those of its day were counted.
    return [Reason(text, number) for text, number in first] + ([Reason("", others)] if others > 0 else [])
