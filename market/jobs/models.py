"""Job, the one record of asynchronous work, and the workers that do it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from market.jobs.kinds import JobKind, kind_named
from market.jobs.lifecycle import JobQuerySet
from market.jobs.spreads import Spread
from market.jobs.states import ENDED, JobState

SILENCE = timedelta(seconds=30)
"""After this long without a report a worker counts as gone."""

_RUNNING = Q(state=JobState.RUNNING)
_ENDED = Q(state__in=[state.value for state in ENDED])


class Job(models.Model):
    """One piece of work for a worker, from the request to its end.

    The row is also the outbox: a Celery message only wakes a worker, which then claims rows. `fencing_token` grows with every
    claim. Every later write by a worker names the token it was given, so an attempt that lost its lease changes nothing. Change
    the state only through `Job.objects`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.QUEUED)
    parameters = models.JSONField(default=dict)
    progress = models.JSONField(default=dict, blank=True)
    preview = models.FileField(upload_to="jobs/previews", max_length=200, blank=True)
    result = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)

    priority = models.SmallIntegerField(default=0)
    batch_key = models.CharField(max_length=200, blank=True)
    work_units = models.PositiveIntegerField(
        default=1,
        help_text="How much work this is compared with others of its kind, e.g. steps times pictures",
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    fencing_token = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(
        null=True, blank=True, help_text="Not taken up again before: an attempt has failed."
    )
    dispatched_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                name="job_state_is_known", condition=Q(state__in=[value for value, _ in JobState.choices])
            ),
            models.CheckConstraint(
                name="job_holds_a_lease_only_while_running",
                condition=(
                    _RUNNING & Q(lease_expires_at__isnull=False, started_at__isnull=False) & ~Q(worker="")
                )
                | (~_RUNNING & Q(lease_expires_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_has_an_end_time_when_ended",
                condition=(_ENDED & Q(finished_at__isnull=False)) | (~_ENDED & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_attempts_within_limit",
                condition=Q(attempt__lte=F("max_attempts"), max_attempts__gte=1),
            ),
            models.CheckConstraint(
                name="job_token_grows_with_attempts", condition=Q(fencing_token__gte=F("attempt"))
            ),
            models.CheckConstraint(
                name="job_attempted_before_it_runs_or_succeeds",
                condition=~Q(state__in=[JobState.RUNNING.value, JobState.SUCCEEDED.value])
                | Q(attempt__gte=1),
            ),
            models.CheckConstraint(
                name="job_says_why_it_failed", condition=~Q(state=JobState.FAILED) | ~Q(error="")
            ),
            models.CheckConstraint(name="job_work_is_positive", condition=Q(work_units__gte=1)),
        )
        indexes = (
            models.Index(
                "kind",
                F("priority").desc(),
                "created_at",
                name="job_queue",
                condition=Q(state=JobState.QUEUED),
            ),
            models.Index("lease_expires_at", name="job_leases", condition=_RUNNING),
            models.Index("owner", F("created_at").desc(), name="job_of_owner"),
            # It includes every column that the figures on requests are made from.
            models.Index(
                fields=["kind", "created_at"],
                include=["id", "state", "started_at", "finished_at"],
                name="job_made",
            ),
            models.Index("kind", F("finished_at").desc(), name="job_finished", condition=_ENDED),
            models.Index("kind", "created_at", name="job_failed", condition=Q(state=JobState.FAILED)),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("jobs:job", args=[self.pk])

    @property
    def meaning(self) -> JobKind:
        return kind_named(self.kind)

    @property
    def description(self) -> str:
        describe = self.meaning.describe
        return describe(self) if describe else self.meaning.label

    @property
    def result_url(self) -> str | None:
        return self.meaning.result_url(self)

    @property
    def origin_url(self) -> str | None:
        return self.meaning.origin_url(self)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def waits_to_retry(self) -> bool:
        return self.state == JobState.QUEUED and self.ready_at is not None and self.ready_at > timezone.now()

    @property
    def is_cancelling(self) -> bool:
        return self.cancel_requested_at is not None and not self.has_ended

    @property
    def fraction(self) -> float | None:
        """Say how much is done, 0 to 1. None before the first step."""
        progress: dict[str, Any] = self.progress or {}
        steps = progress.get("steps") or 0
        return min(1.0, progress.get("step", 0) / steps) if steps else None

    @property
    def percent(self) -> int | None:
        return None if self.fraction is None else round(100 * self.fraction)


class JobDay(models.Model):
    """What happened to the jobs of one kind that were made on one day, in UTC.

    `market.jobs.days` writes a row once the day is over and all its jobs have ended. From then on triggers refuse changes to
    the row and to those jobs. For other days the same is counted when it is needed, and never saved. `reasons` are pairs of a
    reason and how many jobs failed for it, the most frequent first. If there are many, rare ones are left out.
    """

    kind = models.CharField(max_length=40)
    day = models.DateField()
    asked = models.PositiveIntegerField()
    free = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    cancelled = models.PositiveIntegerField()
    waits = models.JSONField(help_text="From being asked for to being taken up, by bucket")
    works = models.JSONField(help_text="From being taken up to the end, by bucket")
    reasons = models.JSONField(default=list, blank=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-day", "kind")
        constraints = (
            models.UniqueConstraint(fields=("kind", "day"), name="jobday_once_a_kind"),
            models.CheckConstraint(
                name="jobday_every_job_ended",
                condition=Q(asked=F("succeeded") + F("failed") + F("cancelled")),
            ),
            models.CheckConstraint(name="jobday_free_are_some_of_all", condition=Q(free__lte=F("asked"))),
        )

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"

    @property
    def live(self) -> int:
        """How many still wait or run."""
        return self.asked - self.succeeded - self.failed - self.cancelled

    @cached_property
    def wait_spread(self) -> Spread:
        return Spread.from_json(self.waits)

    @cached_property
    def work_spread(self) -> Spread:
        return Spread.from_json(self.works)


class WorkerQuerySet(models.QuerySet["Worker"]):
    def report(self, *, name: str, kinds: Collection[str], device: str) -> None:
        """Say that a worker is there now."""
        self.bulk_create(
            [Worker(name=name, kinds=sorted(kinds), device=device, started_at=Now(), seen_at=Now())],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["kinds", "device", "seen_at"],
        )

    def alive(self) -> WorkerQuerySet:
        return self.filter(seen_at__gt=Now() - Value(SILENCE, output_field=models.DurationField()))


class Worker(models.Model):
    """A worker process that has reported, and when it last did. /readyz and the time estimates use it."""

    name = models.CharField(max_length=200, unique=True)
    kinds = ArrayField(models.CharField(max_length=40), default=list)
    device = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        indexes = (models.Index("seen_at", name="worker_seen"),)

    def __str__(self) -> str:
        return self.name


class LastSweep(models.Model):
    """When the sweeper last made its round, and up to which jobs it has cleared up. There is only one row."""

    ended_at = models.DateTimeField()
    cleared_until = models.DateTimeField(
        null=True, blank=True, help_text="The end of the last job whose leavings were deleted."
    )

    class Meta:
        constraints = (models.CheckConstraint(name="lastsweep_is_one_row", condition=Q(id=1)),)

    def __str__(self) -> str:
        return f"{self.ended_at}"
