"""Jobs by the day they were made on. A past day is summed up once. Other days are counted when they are needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from django.db.models import Count, F, Max, Q, Window
from django.db.models.functions import Left, RowNumber, TruncDate
from django.utils import timezone

from market.jobs.kinds import kind_named, known_kinds
from market.jobs.models import Job, JobDay
from market.jobs.spreads import Spread, bucket_of, time_between
from market.jobs.states import JobState

MARGIN = timedelta(hours=1)
"""A day is summed up this long after its end. By then its jobs are committed, even if machines' clocks differ."""
DAYS_A_SWEEP = 10
"""The most days that are summed up at a time, so that a sweep stays short even after years."""
REASONS = 20
"""How many reasons for failures are kept for a day, the most frequent. The others only count among the failed."""
REASON_LENGTH = 200

_DAY = timedelta(days=1)


def days_of(kind: str, first: date, last: date, *, only_counts: bool = False) -> list[JobDay]:
    """Give the days on which jobs of a kind were made, in order. `only_counts` leaves out times and reasons."""
    kept = JobDay.objects.filter(kind=kind, day__gte=first, day__lte=last)
    if only_counts:
        kept = kept.defer("waits", "works", "reasons")
    found = {each.day: each for each in kept}
    for begin, end in _runs(day for day in _days(first, last) if day not in found):
        found |= {each.day: each for each in _count(kind, begin, end, only_counts=only_counts)}
    return [found[day] for day in sorted(found) if found[day].asked]


def sum_up_days(most: int = DAYS_A_SWEEP) -> int:
    """Sum up past days on which every job has ended, the earliest first. Give how many.

    May run at any time, and twice at once: a day is kept once, and its jobs do not change any more.
    """
    last = (timezone.now() - MARGIN).astimezone(UTC).date() - _DAY
    made = 0
    for kind in known_kinds():
        for day in islice(_open_days(kind, last), most - made):
            # A day without jobs is kept as well. Otherwise it would be looked at for ever.
            counted = _count(kind, day, day) or [_nothing(kind, day)]
            values = {
                name: getattr(counted[0], name)
                for name in ("asked", "free", "succeeded", "failed", "cancelled", "waits", "works", "reasons")
            }
            _, is_new = JobDay.objects.get_or_create(kind=kind, day=day, defaults=values)
            made += is_new
    return made


def _open_days(kind: str, last: date) -> list[date]:
    """The days since the first job of a kind that can be summed up and are not yet."""
    jobs = Job.objects.filter(kind=kind).order_by("created_at")
    first = jobs.values_list("created_at", flat=True).first()
    if first is None:
        return []
    kept = set(JobDay.objects.filter(kind=kind).values_list("day", flat=True))
    # One state at a time: the indexes of waiting and of running jobs are used, and not all jobs searched.
    for state in (JobState.QUEUED, JobState.RUNNING):
        live = _made(kind, first.astimezone(UTC).date(), last).filter(state=state)
        kept |= set(live.values_list("day", flat=True).distinct())
    return [day for day in _days(first.astimezone(UTC).date(), last) if day not in kept]


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + offset * _DAY


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """Join consecutive days: give the first and the last of each run."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and runs[-1][1] + _DAY == day:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _made(kind: str, first: date, last: date) -> Any:
    """Jobs of a kind that were made between two days, both included, with the `day` of each."""
    start, end = (datetime.combine(day, time.min, UTC) for day in (first, last + _DAY))
    made = Job.objects.filter(kind=kind, created_at__gte=start, created_at__lt=end).order_by()
    return made.annotate(day=TruncDate("created_at", tzinfo=UTC))


def _count(kind: str, first: date, last: date, *, only_counts: bool = False) -> list[JobDay]:
    """Count the jobs of the days on which there were any."""
    jobs = _made(kind, first, last)
    counted = jobs.values("day").annotate(
        asked=Count("pk"),
        succeeded=Count("pk", filter=Q(state=JobState.SUCCEEDED)),
        failed=Count("pk", filter=Q(state=JobState.FAILED)),
        cancelled=Count("pk", filter=Q(state=JobState.CANCELLED)),
    )
    found = {row["day"]: _nothing(kind, **row) for row in counted}
    figures: dict[str, dict[date, Any]] = {}
    free = kind_named(kind).free
    if found and free is not None:
        numbers = jobs.filter(free).values("day").annotate(number=Count("pk"))
        figures["free"] = dict(numbers.values_list("day", "number"))
    if found and not only_counts:
        figures["waits"] = _spreads(jobs, "created_at", "started_at")
        figures["works"] = _spreads(jobs, "started_at", "finished_at")
        figures["reasons"] = _reasons(jobs)
    for name, by_day in figures.items():
        for day, figure in by_day.items():
            # A day may have got its first job after the days were counted.
            if day in found:
                setattr(found[day], name, figure)
    return list(found.values())


def _nothing(kind: str, day: date, **counts: int) -> JobDay:
    """A day without times and reasons. Its counts are zero unless given."""
    empty = Spread().as_json()
    numbers = {"asked": 0, "succeeded": 0, "failed": 0, "cancelled": 0} | counts
    return JobDay(kind=kind, day=day, waits=empty, works=empty, **numbers)


def _spreads(jobs: Any, begin: str, end: str) -> dict[date, dict[str, Any]]:
    """Give the spread of the time between two moments of jobs, by day, in stored form. Only jobs with both moments count."""
    timed = jobs.annotate(time=time_between(begin, end), bucket=bucket_of("time")).exclude(time=None)
    found: dict[date, Spread] = defaultdict(Spread)
    for row in timed.values("day", "bucket").annotate(number=Count("pk"), longest=Max("time")):
        found[row["day"]].add({row["bucket"]: row["number"]}, row["longest"])
    return {day: spread.as_json() for day, spread in found.items()}


def _reasons(jobs: Any) -> dict[date, list[tuple[str, int]]]:
    """Give why jobs failed, by day, at most REASONS a day."""
    rows = (
        jobs.filter(state=JobState.FAILED)
        .annotate(reason=Left("error", REASON_LENGTH))
        .values("day", "reason")
        .annotate(number=Count("pk"))
        .annotate(
            place=Window(RowNumber(), partition_by=F("day"), order_by=[F("number").desc(), F("reason").asc()])
        )
        .filter(place__lte=REASONS)
        .order_by("day", "place")
    )
    found: dict[date, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        found[row["day"]].append((row["reason"], row["number"]))
    return found
