"""Where workers keep how far long jobs came: a private folder for each job, on the machine that does it, until the job has ended.

A checkpoint lies beside the worker that made it. Where the next attempt is on another machine, it finds none and begins anew.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from django.conf import settings

from market.jobs.models import Job


def checkpoint_folder(pk: UUID) -> Path:
    """Give the folder of a job; what it lies in is made, for this user alone."""
    with contextlib.suppress(OSError):  # a job that can keep no checkpoint goes on without
        _place().mkdir(parents=True, exist_ok=True, mode=0o700)
    return _place() / str(pk)


def forget_checkpoint(pk: UUID) -> None:
    """Delete a job's checkpoint if the job has ended, in whatever way."""
    if (_place() / str(pk)).is_dir():
        _delete_but_of_living([pk])


def sweep_checkpoints() -> int:
    """Delete this machine's checkpoints of jobs that have ended, or are not there any more; say of how many."""
    try:
        names = [each.name for each in _place().iterdir()]
    except (FileNotFoundError, PermissionError):
        return 0
    return _delete_but_of_living([pk for name in names if (pk := _as_key(name)) is not None])


def _delete_but_of_living(jobs: Collection[UUID]) -> int:
    if not jobs:
        return 0
    living = set(Job.objects.live().filter(pk__in=jobs).values_list("pk", flat=True))
    ended = [pk for pk in jobs if pk not in living]
    for pk in ended:
        shutil.rmtree(_place() / str(pk), ignore_errors=True)
    return len(ended)


def _place() -> Path:
    place: Path = settings.CHECKPOINTS_DIR
    return place


def _as_key(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
