"""How far a long job came, kept on this machine for its next attempt."""

from __future__ import annotations

from market.jobs.checkpoints import checkpoint_folder
from market.jobs.models import Job
from plugins_engine import Checkpoints

EVERY = 60.0
"""Seconds between two savings of a training. A large base's take a second or two."""


def checkpoints_of(job: Job) -> Checkpoints:
    """Give where a job's attempts keep how far they came. It is deleted when the job has ended (`market.jobs.checkpoints`)."""
    return Checkpoints(checkpoint_folder(job.pk), every=EVERY)
