"""Delete what attempts left in the storage: old previews, and files of attempts that failed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.core.files.storage import default_storage
from django.utils import timezone

from market.jobs.models import Job, LastSweep

CLEAR_UP_AFTER = timedelta(hours=1)
"""So long after a job's end no late attempt runs any more, and no page shows a preview."""
AT_ONCE = 200


def preview_folder(pk: UUID) -> str:
    return f"jobs/previews/{pk}"


def clear_up_after_jobs() -> int:
    """Delete what jobs left behind that ended a while ago, the oldest first. Give how many jobs."""
    last = LastSweep.objects.filter(pk=1).first()
    if last is None:
        return 0
    ended = Job.objects.filter(finished_at__lte=timezone.now() - CLEAR_UP_AFTER)
    if last.cleared_until is not None:
        ended = ended.filter(finished_at__gt=last.cleared_until)
    first = list(ended.order_by("finished_at")[:AT_ONCE])
    if not first:
        return 0
    until = first[-1].finished_at
    jobs = ended.filter(finished_at__lte=until)  # include those that ended at the same moment as the last
    for job in jobs:
        empty_folder(preview_folder(job.pk))
        job.meaning.clear_up(job)
    LastSweep.objects.filter(pk=1).update(cleared_until=until)
    return len(jobs)


def empty_folder(folder: str) -> None:
    """Delete the files in a folder of the storage, and the folder itself if the storage has folders."""
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)
