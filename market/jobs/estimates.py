"""A job's place in the queue, and how long it will probably take, judged by jobs finished lately."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from market.jobs.models import Job, Worker
from market.jobs.states import JobState

SAMPLE = 20


@dataclass(frozen=True)
class Standing:
    """`ahead`: jobs before this one. `seconds`: until it is done, or None while nothing is known about its kind."""

    ahead: int
    seconds: int | None
    has_worker: bool


def seconds_per_unit(kind: str) -> float | None:
    """Measure the recent pace of a kind of job. None before the first has been finished."""
    recent = Job.objects.filter(kind=kind, state=JobState.SUCCEEDED).order_by("-finished_at")[:SAMPLE]
    totals = Job.objects.filter(pk__in=recent.values("pk")).aggregate(
        took=Sum(F("finished_at") - F("started_at")), units=Sum("work_units")
    )
    return totals["took"].total_seconds() / totals["units"] if totals["units"] else None


def standing(job: Job) -> Standing:
    """Say how many jobs workers do before this one ends, and about how long that takes."""
    if job.state == JobState.RUNNING:
        return Standing(ahead=0, seconds=seconds_left(job), has_worker=True)
    workers = Worker.objects.alive().filter(kinds__contains=[job.kind])
    served = {kind for kinds in workers.values_list("kinds", flat=True) for kind in kinds} or {job.kind}
    before = Q(priority__gt=job.priority) | Q(priority=job.priority, created_at__lt=job.created_at)
    ahead = 0
    seconds: float | None = 0.0
    pace = {kind: seconds_per_unit(kind) for kind in served}
    running = Job.objects.filter(kind__in=served, state=JobState.RUNNING)
    for other in running.only("kind", "work_units", "started_at", "progress"):
        rate = pace[other.kind]
        left = seconds_left(other)
        if left is None and rate is not None:
            left = math.ceil(rate * other.work_units)
        ahead += 1
        seconds = None if left is None or seconds is None else seconds + left
    queue = Job.objects.filter(before, kind__in=served, state=JobState.QUEUED)
    # Summed in the database: every waiting page asks for this, and the queue may be long.
    for row in queue.order_by().values("kind").annotate(jobs=Count("pk"), units=Sum("work_units")):
        rate = pace[row["kind"]]
        ahead += row["jobs"]
        seconds = None if rate is None or seconds is None else seconds + rate * row["units"]
    own = pace.get(job.kind)
    count = max(1, workers.count())
    total = None if seconds is None or own is None else math.ceil(seconds / count + own * job.work_units)
    return Standing(ahead=ahead, seconds=total, has_worker=workers.exists())


def seconds_left(job: Job, now: datetime | None = None) -> int | None:
    """Say how long a running job still needs: as its worker reports, or judged by its own steps so far."""
    reported: float | None = (job.progress or {}).get("seconds_left")
    if reported is not None:
        return max(0, math.ceil(reported))
    if not job.fraction or job.started_at is None:
        return None
    elapsed: timedelta = (now or timezone.now()) - job.started_at
    return math.ceil(elapsed.total_seconds() * (1 - job.fraction) / job.fraction)
