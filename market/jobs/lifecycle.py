"""How a job changes state. Every change is one conditional UPDATE, and only changed rows are acted on.

    queued ──claim──▶ running ──succeed──▶ succeeded
      ▲  │               │ │
      │  └──cancel──▶ cancelled ◀──cancel asked─┘
      └── reap, release, retry ──┘ └──fail──▶ failed

Times are the database's, so that workers on several machines agree about a lease.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest, Now

from market.jobs import dispatch
from market.jobs.kinds import kind_named
from market.jobs.states import LIVE, JobState

if TYPE_CHECKING:
    from market.accounts.models import User
    from market.jobs.models import Job

log = logging.getLogger(__name__)

LOST_TOO_OFTEN = "The worker stopped before it finished, {attempts} times in a row. Please try again later."


class LeaseLost(Exception):
    """The attempt no longer holds the job: another has the lease, the job ended, or its owner asked to cancel it."""


class BadResult(Exception):
    """A worker's result cannot be kept, and would not be after another try."""


def lease_duration() -> timedelta:
    return timedelta(seconds=settings.JOBS.lease_seconds)


RETRY_AT_MOST = timedelta(minutes=5)


def wait_after(attempt: int) -> timedelta:
    """Give how long a job waits after an attempt failed: twice as long each time, shortened at random by up to half.

    So jobs that failed together are not tried again together.
    """
    first = timedelta(seconds=settings.JOBS.retry_seconds)
    longest: timedelta = min(first * 2 ** (attempt - 1), RETRY_AT_MOST)
    return longest * random.uniform(0.5, 1)  # noqa: S311  # no secret


def _from_now(duration: timedelta) -> Combinable:
    return Now() + Value(duration, output_field=models.DurationField())


class JobQuerySet(models.QuerySet["Job"]):
    def live(self) -> JobQuerySet:
        return self.filter(state__in=LIVE)

    def owned_by(self, person: User) -> JobQuerySet:
        return self.filter(owner=person)

    def enqueue(
        self,
        *,
        kind: str,
        owner: User,
        parameters: dict[str, Any],
        batch_key: str = "",
        work_units: int = 1,
        job_id: UUID | None = None,
        max_attempts: int = 3,
    ) -> Job:
        """Record a job and wake a worker for it once the surrounding transaction commits."""
        identity = {} if job_id is None else {"pk": job_id}
        job = self.create(
            kind=kind,
            owner=owner,
            parameters=parameters,
            batch_key=batch_key,
            work_units=work_units,
            priority=kind_named(kind).priority,
            max_attempts=max_attempts,
            **identity,
        )
        self._wake_on_commit(job)
        return job

    def claim(self, *, kinds: Collection[str], worker: str, limit: int = 1) -> list[Job]:
        """Take the next job of these kinds, and with it up to `limit` in all that share its batch key.

        Rows that another worker is claiming at this moment are skipped, not waited for.
        """
        with transaction.atomic():
            ready = (
                self._waiting()
                .filter(kind__in=list(kinds), cancel_requested_at=None)
                .order_by("-priority", "created_at", "pk")
            )
            first = ready.select_for_update(skip_locked=True).first()
            if first is None:
                return []
            if kind_named(first.kind).by_turns:
                in_turn = ready.filter(kind=first.kind).by_turns()
                first = in_turn.select_for_update(skip_locked=True)[0]
            claimed = [first.pk]
            if limit > 1 and first.batch_key:
                companions = ready.filter(kind=first.kind, batch_key=first.batch_key).exclude(pk=first.pk)
                claimed += companions.select_for_update(skip_locked=True).values_list("pk", flat=True)[
                    : limit - 1
                ]
            self.filter(pk__in=claimed, state=JobState.QUEUED).update(
                state=JobState.RUNNING,
                attempt=F("attempt") + 1,
                fencing_token=F("fencing_token") + 1,
                worker=worker,
                started_at=Coalesce(F("started_at"), Now()),
                heartbeat_at=Now(),
                lease_expires_at=_from_now(lease_duration()),
                progress={},
            )
            return list(self.filter(pk__in=claimed).order_by("-priority", "created_at", "pk"))

    def heartbeat(
        self,
        pk: UUID,
        *,
        token: int,
        progress: dict[str, Any] | None = None,
        preview: str | None = None,
    ) -> bool:
        """Extend the lease and report progress. False: stop, because the lease is lost or the owner asked to cancel."""
        report: dict[str, Any] = {}
        if progress is not None:
            report["progress"] = progress
        if preview is not None:
            report["preview"] = preview
        changed = self._held(pk, token).update(
            heartbeat_at=Now(), lease_expires_at=_from_now(lease_duration()), **report
        )
        return changed == 1

    def succeed(self, pk: UUID, *, token: int, result: dict[str, Any]) -> Job:
        """End a job with its result. Call it first in the transaction that records what the job made.

        Raises LeaseLost, which rolls that transaction back, unless `token` is still the job's and nobody has asked to
        cancel it.
        """
        changed = self._held(pk, token).update(
            state=JobState.SUCCEEDED, result=result, error="", finished_at=Now(), lease_expires_at=None
        )
        if changed != 1:
            raise LeaseLost(f"job {pk}: attempt {token} no longer holds it; its result is discarded")
        return self.get(pk=pk)

    def fail(self, pk: UUID, *, token: int, error: str, retry: bool = False) -> bool:
        """End a job that cannot be done. With `retry`, queue it again for later while it has attempts left.

        Returns whether this attempt still held the job. A job whose owner asked to cancel it ends as cancelled.
        """
        with transaction.atomic():
            job = self._locked_attempt(pk, token)
            if job is None:
                return False
            if job.cancel_requested_at is not None:
                self._end(job, JobState.CANCELLED)
            elif retry and job.attempt < job.max_attempts:
                self._requeue(job, wait=wait_after(job.attempt))
            else:
                self._end(job, JobState.FAILED, error=error)
            return True

    def release(self, pk: UUID, *, token: int) -> bool:
        """Hand a job back unfinished, because its worker is stopping. The attempt does not count."""
        with transaction.atomic():
            job = self._locked_attempt(pk, token)
            if job is None:
                return False
            if job.cancel_requested_at is not None:
                self._end(job, JobState.CANCELLED)
            else:
                self._requeue(job, attempt=job.attempt - 1)
            return True

    def cancel(self, pk: UUID, *, token: int) -> bool:
        """End a running job whose owner asked to cancel it. Returns False if there is no such job."""
        with transaction.atomic():
            job = self._locked_attempt(pk, token)
            if job is None or job.cancel_requested_at is None:
                return False
            self._end(job, JobState.CANCELLED)
            return True

    def request_cancel(self, pk: UUID) -> bool:
        """Cancel a waiting job at once, or ask the worker of a running one to stop. False: it had already ended.

        From here on a running job can no longer succeed, so nothing can be charged for it.
        """
        with transaction.atomic():
            job = self.select_for_update().filter(pk=pk, state__in=LIVE).first()
            if job is None:
                return False
            if job.state == JobState.QUEUED:
                self._end(job, JobState.CANCELLED)
            elif job.cancel_requested_at is None:
                self.filter(pk=pk).update(cancel_requested_at=Now())
            return True

    def abandon(self, pk: UUID, *, error: str) -> bool:
        """Fail a job that nobody will do any more, whatever its attempt."""
        with transaction.atomic():
            job = self.select_for_update().filter(pk=pk, state__in=LIVE).first()
            if job is None:
                return False
            self._end(job, JobState.FAILED, error=error)
            return True

    def abandon_all(self, *, error: str) -> int:
        """Fail those of these jobs that have not ended. Give how many.

        It goes in a fixed order, so that two callers at once do not wait for each other.
        """
        numbers = sorted(set(self.live().values_list("pk", flat=True)))
        return sum(self.model.objects.abandon(pk, error=error) for pk in numbers)

    def reap(self) -> int:
        """Take jobs away from workers whose lease has run out: queue them again, or fail them after the last attempt."""
        reaped = 0
        expired = self.filter(state=JobState.RUNNING, lease_expires_at__lt=Now())
        for pk in list(expired.values_list("pk", flat=True)):
            with transaction.atomic():
                job = expired.select_for_update(skip_locked=True).filter(pk=pk).first()
                if job is None:
                    continue
                log.warning("job %s: the lease of %s ran out in attempt %d", job.pk, job.worker, job.attempt)
                if job.cancel_requested_at is not None:
                    self._end(job, JobState.CANCELLED)
                elif job.attempt < job.max_attempts:
                    self._requeue(job)
                else:
                    self._end(job, JobState.FAILED, error=LOST_TOO_OFTEN.format(attempts=job.attempt))
                reaped += 1
        return reaped

    def undelivered(self, *, since: datetime) -> JobQuerySet:
        """Select waiting jobs whose wake-up was never sent, or was sent before `since` without effect."""
        return self._waiting().filter(models.Q(dispatched_at=None) | models.Q(dispatched_at__lt=since))

    def _waiting(self) -> JobQuerySet:
        """Select what a worker may take up now."""
        return self.filter(models.Q(ready_at=None) | models.Q(ready_at__lte=Now()), state=JobState.QUEUED)

    def by_turns(self) -> JobQuerySet:
        """Order jobs of one kind so that owners take turns: owners with none running first, then by the time of their turn.

        The time of a job's turn is when it was asked for or, if later, when its owner's last job started. So a person who has
        just had a job goes to the end of the queue, and no job can be overtaken for ever.
        """
        theirs = self.model.objects.filter(kind=OuterRef("kind"), owner=OuterRef("owner")).exclude(
            pk=OuterRef("pk")
        )
        last = theirs.filter(started_at__isnull=False).order_by("-started_at").values("started_at")[:1]
        return self.order_by(
            Exists(theirs.filter(state=JobState.RUNNING)),
            Greatest("created_at", Subquery(last)),
            "created_at",
            "pk",
        )

    def _held(self, pk: UUID, token: int) -> JobQuerySet:
        return self.filter(
            pk=pk, fencing_token=token, state=JobState.RUNNING, cancel_requested_at__isnull=True
        )

    def _locked_attempt(self, pk: UUID, token: int) -> Job | None:
        return self.select_for_update().filter(pk=pk, fencing_token=token, state=JobState.RUNNING).first()

    def _requeue(self, job: Job, *, attempt: int | None = None, wait: timedelta | None = None) -> None:
        self.filter(pk=job.pk).update(
            state=JobState.QUEUED,
            attempt=job.attempt if attempt is None else attempt,
            worker="",
            lease_expires_at=None,
            dispatched_at=None,
            progress={},
            ready_at=None if wait is None else _from_now(wait),
        )
        if wait is None:
            self._wake_on_commit(job)  # else the sweeper does, when it is time

    def _end(self, job: Job, state: JobState, *, error: str = "") -> None:
        """End a locked job without a result, and let its app settle its debts, in this transaction."""
        cancelled = {"cancel_requested_at": Coalesce(F("cancel_requested_at"), Now())}
        self.filter(pk=job.pk).update(
            state=state,
            error=error,
            finished_at=Now(),
            lease_expires_at=None,
            **(cancelled if state == JobState.CANCELLED else {}),
        )
        job.refresh_from_db()
        job.meaning.settle(job)

    def _wake_on_commit(self, job: Job) -> None:
        def wake() -> None:
            if dispatch.wake(job.kind):
                self.model.objects.filter(pk=job.pk, state=JobState.QUEUED).update(dispatched_at=Now())

        # robust: if the broker is down, a committed request must not become an error. The sweeper sends the wake-up again.
        transaction.on_commit(wake, robust=True)
