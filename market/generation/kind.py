"""What other apps are told about jobs of generation."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse

from market.generation.finishing import discard_late_files, settle_unfinished
from market.generation.requesting import KIND
from market.jobs.kinds import JobKind
from market.jobs.models import Job


def _describe(job: Job) -> str:
    prompt, pictures = job.parameters["prompt"], job.parameters["pictures"]
    if len(prompt) > 60:
        prompt = f"{prompt[:59]}…"
    return f"“{prompt}”, {pictures} pictures" if pictures > 1 else f"“{prompt}”"


def _result_url(job: Job) -> str | None:
    pictures = job.result.get("pictures", [])
    if len(pictures) == 1:
        return reverse("generation:picture", args=[pictures[0]])
    return reverse("generation:pictures")


def _origin_url(job: Job) -> str | None:
    return f"{reverse('generation:studio')}?like={job.pk}"


JOB = JobKind(
    name=KIND,
    label="Pictures",
    # People wait for these at their screens. Trainings, which take minutes, come after.
    priority=10,
    settle=settle_unfinished,
    clear_up=discard_late_files,
    describe=_describe,
    result_url=_result_url,
    origin_url=_origin_url,
    result_template="generation/_result.html",
    free=Q(generation_request__total_micros=0),
)
