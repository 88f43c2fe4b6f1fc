"""How requests fare: from asked for to paid, how many fail, and how long people wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Aggregate,
    Count,
    DateField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    Q,
)
from django.db.models.functions import Extract, TruncDate, TruncMonth, TruncWeek

from market.generation.requesting import KIND
from market.jobs.models import Job
from market.jobs.states import LIVE, JobState
from market.reports import figures
from market.reports.periods import Grain, Period


class Quantile(Aggregate):
    """A quantile of numbers, between the two nearest where it lies between them (PostgreSQL's percentile_cont)."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: object, *, fraction: float, **extra: Any) -> None:
        super().__init__(expression, fraction=fraction, **extra)


@dataclass(frozen=True)
class Waits:
    """Seconds until a worker took a request up, and from then until it ended: of half of them at most, of 95 %, and the longest."""

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
    waits: Waits


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


_STATES = {
    "drawn": Count("pk", filter=Q(state=JobState.SUCCEEDED)),
    "failed": Count("pk", filter=Q(state=JobState.FAILED)),
    "cancelled": Count("pk", filter=Q(state=JobState.CANCELLED)),
}
_BEGINS: dict[Grain, Func] = {
    Grain.DAY: TruncDate("created_at"),
    Grain.WEEK: TruncWeek("created_at", output_field=DateField()),
    Grain.MONTH: TruncMonth("created_at", output_field=DateField()),
}


def _seconds(end: str, begin: str) -> Extract:
    return Extract(ExpressionWrapper(F(end) - F(begin), output_field=DurationField()), "epoch")


def _jobs(period: Period) -> Any:
    return (
        Job.objects.filter(kind=KIND, created_at__gte=period.start, created_at__lt=period.end)
        .order_by()
        .annotate(wait=_seconds("started_at", "created_at"), work=_seconds("finished_at", "started_at"))
    )


def funnel(period: Period) -> Funnel:
    """Count the requests of a period."""
    found = _jobs(period).aggregate(
        asked=Count("pk"),
        free=Count("pk", filter=Q(generation_request__total_micros=0)),
        waiting=Count("pk", filter=Q(state__in=[state.value for state in LIVE])),
        wait_median=Quantile("wait", fraction=0.5),
        wait_p95=Quantile("wait", fraction=0.95),
        wait_longest=Quantile("wait", fraction=1.0),
        work_median=Quantile("work", fraction=0.5),
        work_p95=Quantile("work", fraction=0.95),
        **_STATES,
    )
    totals = figures.totals(figures.sums_in(period))
    waits = Waits(*(found.pop(name) for name in Waits.__dataclass_fields__))
    return Funnel(paid=totals.queries, taken_back=totals.taken_back, waits=waits, **found)


def by_span(period: Period, grain: Grain) -> list[SpanOfRequests]:
    """Give a row for every day, week or month in which something was asked for."""
    rows = (
        _jobs(period)
        .annotate(begins=_BEGINS[grain])
        .values("begins")
        .annotate(
            asked=Count("pk"),
            wait_median=Quantile("wait", fraction=0.5),
            wait_p95=Quantile("wait", fraction=0.95),
            **_STATES,
        )
        .order_by("begins")
    )
    # Weeks and months begin where they do in a calendar; the period may have only a part of its first and last one.
    spans = {grain.first_of(span.first): span for span in period.spans(grain)}
    return [SpanOfRequests(spans[row.pop("begins")], **row) for row in rows]


def reasons(period: Period, most: int = 10) -> list[tuple[str, int]]:
    """Give why requests failed, the most frequent reason first."""
    rows = _jobs(period).filter(state=JobState.FAILED).values("error").annotate(number=Count("pk"))
    return [(row["error"], row["number"]) for row in rows.order_by("-number", "error")[:most]]
