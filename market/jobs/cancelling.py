"""Cancelling a job, by its owner or by an admin."""

from __future__ import annotations

from django.db import transaction

from market.accounts.models import User
from market.audit.recording import record
from market.jobs.models import Job


def cancel_job(job: Job, by: User) -> bool:
    """Ask a job to stop, and reload its state. False: it had ended already."""
    with transaction.atomic():
        asked = Job.objects.request_cancel(job.pk)
        if asked and job.owner_id != by.pk:
            record("job.cancelled", by=by, target=job)
    job.refresh_from_db()
    return asked
