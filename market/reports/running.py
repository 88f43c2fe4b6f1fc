"""What happens to requests: how many are paid or fail, and how long people wait."""

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
    """Seconds until a worker took a request, and from then until it ended: the median, the 95th percentile, and the longest.

    Correct to within one per cent; the longest is exact.
    """

    wait_median: float | None
    wait_p95: float | None
    wait_longest: float | None
    work_median: float | None
    work_p95: float | None


@dataclass(frozen=True)
class Funnel:
    """The requests of a period by their result, and what was paid for in the period.

    asked: priced, agreed to and, if they cost something, with a hold.
    free: those of `asked` that cost nothing.
    paid: captures in the period. A request of its last minutes is paid for after it.
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
    """The requests of a day, a week or a month."""

    span: Period
    asked: int
    drawn: int
    failed: int
    cancelled: int
    wait_median: float | None
    wait_p95: float | None


@dataclass(frozen=True)
class Reason:
    """A reason, and how many requests failed for it. Without a text it stands for all other reasons."""

    text: str
    number: int


def days_in(period: Period, *, only_counts: bool = False) -> list[JobDay]:
    """The days of a period with requests. All figures below are made from these."""
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
    """Say how long the requests of some days waited, and how long drawing them took."""
    waited, worked = Spread.of(day.wait_spread for day in days), Spread.of(day.work_spread for day in days)
    wait_median, wait_p95 = waited.quantiles(0.5, 0.95)
    work_median, work_p95 = worked.quantiles(0.5, 0.95)
    return Waits(wait_median, wait_p95, waited.longest_seconds, work_median, work_p95)


def by_span(period: Period, grain: Grain, days: Sequence[JobDay]) -> list[SpanOfRequests]:
    """Give a row for every day, week or month with requests."""
    # Weeks and months are those of the calendar. The period may contain only a part of its first and last one.
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
    """Give why requests failed, the most frequent reason first and all others last. The numbers sum to all failed ones."""
    numbers: Counter[str] = Counter()
    for day in days:
        numbers.update(dict(day.reasons))
    first = sorted(numbers.items(), key=lambda each: (-each[1], each[0]))[:most]
    others = sum(day.failed for day in days) - sum(number for _, number in first)
    # It would be negative if one failed after its day was counted.
    return [Reason(text, number) for text, number in first] + ([Reason("", others)] if others > 0 else [])
