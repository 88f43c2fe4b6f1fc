"""Verify the whole ledger: every night, or when an admin asks. A worker does it, and the result is kept."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.accounts.roles import admins, require_admin
from market.audit.recording import record
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.ledger.models import Transfer
from market.ledger.verification import CHECKS, Verification
from market.reports.models import VerificationRun

KIND = "verification"
STEPS = len(CHECKS) + 1
"""The stages that a verification reports: its checks, and the tree of sealed transfers."""
NIGHT = 2  # o'clock in UTC, when few people wait for pictures
CANCELLED = "It was cancelled."


def request_verification(admin: User) -> VerificationRun:
    """Let a worker verify the ledger. If a verification is running or queued, give that one."""
    require_admin(admin)
    with transaction.atomic():
        run = _begin(asked_by=admin, owner=admin, at=timezone.now())
        if run is None:
            return VerificationRun.objects.select_related("job").latest("pk")
        record("ledger.verification_asked", by=admin, target="ledger")
    return run


def verify_nightly(now: datetime | None = None) -> int:
    """Begin the night's verification, once, or later if the market was down. Give how many were begun.

    Its job belongs to the longest-serving admin. If there is no admin, or nothing was posted yet, nothing is begun.
    """
    now = (now or timezone.now()).astimezone(UTC)
    due = now.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    if due > now:
        due -= timedelta(days=1)
    if VerificationRun.objects.filter(asked_at__gte=due).exists() or not Transfer.objects.exists():
        return 0
    owner = admins().first()
    return int(owner is not None and _begin(asked_by=None, owner=owner, at=now) is not None)


def _begin(*, asked_by: User | None, owner: User, at: datetime) -> VerificationRun | None:
    """Queue a verification. None if one is running: a constraint decides that, which is safer than a check before."""
    try:
        with transaction.atomic():
            job = Job.objects.enqueue(kind=KIND, owner=owner, parameters={})
            return VerificationRun.objects.create(job=job, asked_by=asked_by, asked_at=at)
    except IntegrityError:
        return None


def complete_verification(*, job: Job, token: int, found: Verification) -> VerificationRun:
    """Keep what a worker found. Raises LeaseLost if the attempt no longer holds the job."""
    with transaction.atomic():
        Job.objects.succeed(job.pk, token=token, result={"right": found.ok})
        run = VerificationRun.objects.get(job=job)
        run.ended_at = found.at
        run.counts = found.counts
        run.checks = found.checks
        run.findings = [asdict(finding) for finding in found.findings]
        run.save(update_fields=["ended_at", "counts", "checks", "findings"])
        record(
            "ledger.verified",
            by=run.asked_by,
            target="ledger",
            details={
                "right": found.ok,
                "wrong": [finding.check for finding in found.findings],
                **found.counts,
            },
        )
    return run


def last_verification() -> VerificationRun | None:
    """Give the latest one with a result."""
    return VerificationRun.objects.exclude(ended_at=None).filter(error="").select_related("asked_by").first()


def verification_since(run: VerificationRun | None) -> VerificationRun | None:
    """Give the one that was asked for after that: it is running, or it failed."""
    later = VerificationRun.objects.select_related("job")
    return (later if run is None else later.filter(pk__gt=run.pk)).first()


def _note_failure(job: Job) -> None:
    VerificationRun.objects.filter(job=job, ended_at=None).update(
        ended_at=timezone.now(), error=job.error or CANCELLED
    )


def _describe(_job: Job) -> str:
    return "Verification of the ledger"


def _ledger_section(_job: Job) -> str:
    return f"{reverse('reports:overview')}#ledger"


JOB = JobKind(
    name=KIND,
    label="Verification",
    # Nobody waits for it at a screen, and it may take minutes.
    priority=-10,
    settle=_note_failure,
    describe=_describe,
    result_url=_ledger_section,
    origin_url=_ledger_section,
    result_template="reports/_verification_result.html",
)
