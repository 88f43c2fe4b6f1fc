"""Times and names on the pages of jobs."""

from __future__ import annotations

from pathlib import PurePosixPath

from django import template

from market.jobs.models import Job

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """Write a duration as a person says it: 40 s, 3 min, 2 h 5 min."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{max(1, whole)} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@register.filter
def took(job: Job) -> float | None:
    """Give the seconds from the start of a job to its end."""
    if job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()


@register.filter
def preview_version(name: str) -> str:
    """Give each preview its own name, so that a browser fetches each."""
    return PurePosixPath(name).stem
