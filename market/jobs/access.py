"""Who may see a job."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404

from market.accounts.models import User
from market.jobs.models import Job


def own_job(person: object, pk: UUID) -> Job:
    """Fetch a job for its owner, or for an admin. For everybody else it does not exist."""
    job = Job.objects.filter(pk=pk).first()
    if job is None or not isinstance(person, User) or not (job.owner_id == person.pk or person.is_admin):
        raise Http404("There is no such job.")
    return job
