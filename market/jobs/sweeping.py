"""What the market does after a message, a worker or a whole machine went missing. Every step may run at any time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import Now
from django.utils import timezone

from market.jobs import dispatch
from market.jobs.models import Job, LastSweep, Worker

log = logging.getLogger(__name__)

REDISPATCH_AFTER = timedelta(seconds=20)
FORGET_WORKERS_AFTER = timedelta(days=1)

LATE = timedelta(seconds=30)


@dataclass(frozen=True)
class Sweep:
    """An app's sweep, and the minimum of seconds between two runs. 0: it runs in every round."""

    run: Callable[[], int]
    every: int = 0


_sweeps: dict[str, Sweep] = {}


@dataclass(frozen=True)
class Swept:
    """How many rows one sweep changed."""

    reaped: int
    woken: int
    others: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.reaped or self.woken or any(self.others.values()))


def register_sweep(name: str, sweep: Sweep) -> None:
    """Add an app's own sweep to the rounds. `market/wiring.py` lists them."""
    _sweeps[name] = sweep


def sweep() -> Swept:
    """Take back expired leases, repeat wake-ups that had no effect, and run what the apps registered."""
    reaped = Job.objects.reap()
    woken = redispatch()
    forget_old_workers()
    others = {name: _cleared(name, each) for name, each in _sweeps.items()}
    LastSweep.objects.update_or_create(pk=1, defaults={"ended_at": Now()})
    return Swept(reaped=reaped, woken=woken, others=others)


def went_round_lately() -> bool:
    """Whether the sweeper does its rounds."""
    late = LATE + timedelta(seconds=2 * settings.CONFIG.number("SWEEP_SECONDS"))
    return LastSweep.objects.filter(ended_at__gt=timezone.now() - late).exists()


def _cleared(name: str, sweep: Sweep) -> int:
    """Run an app's sweep so that its failure stops neither the others nor the jobs."""
    try:
        if sweep.every and not cache.add(f"sweep:{name}", 1, sweep.every):
            return 0
        return sweep.run()
    except Exception:
        log.exception("the sweep of %s failed; the next one comes", name)
        return 0


def redispatch() -> int:
    """Wake workers for jobs that were not picked up.

    A worker continues until its queue is empty. So one wake-up for each worker of a kind is enough, however many jobs wait.
    """
    now = timezone.now()
    waiting = Job.objects.undelivered(since=now - REDISPATCH_AFTER)
    woken = 0
    for row in waiting.values("kind").annotate(jobs=Count("pk")).order_by("kind"):
        kind, jobs = row["kind"], row["jobs"]
        workers = Worker.objects.alive().filter(kinds__contains=[kind]).count()
        sent = [dispatch.wake(kind) for _ in range(min(jobs, max(1, workers)))]
        if all(sent):
            woken += waiting.filter(kind=kind).update(dispatched_at=now)
    return woken


def forget_old_workers() -> int:
    deleted, _ = Worker.objects.filter(seen_at__lt=timezone.now() - FORGET_WORKERS_AFTER).delete()
    return deleted
