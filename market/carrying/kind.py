"""What the jobs app is told about carrying over."""

from __future__ import annotations

from django.urls import reverse

from market.carrying import finishing, starting
from market.jobs.kinds import JobKind
from market.jobs.models import Job


def _describe(job: Job) -> str:
    said = job.parameters
    return f"{said['concept_name']} carried over from {said['source_name']} to {said['base_name']}"


def _result_url(job: Job) -> str | None:
    made = job.result.get("carry_over")
    return reverse("carrying:carry_over", args=[made]) if made else None


JOB = JobKind(
    name=starting.KIND,
    label="Carrying over",
    by_turns=True,
    settle=finishing.settle_unfinished,
    describe=_describe,
    result_url=_result_url,
)
