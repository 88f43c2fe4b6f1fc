"""What the jobs app is told about extractions and releases."""

from __future__ import annotations

from django.urls import reverse

from market.extractions import building, retraining, starting
from market.jobs.kinds import JobKind
from market.jobs.models import Job


def _describe_extraction(job: Job) -> str:
    return f"Extraction of {job.parameters['concept_name']} from {job.parameters['base_name']}"


def _describe_release(job: Job) -> str:
    return f"Release of {job.parameters['base_name']} without {', '.join(job.parameters['concepts'])}"


def _extraction_url(job: Job) -> str | None:
    made = job.result.get("extraction")
    return reverse("extractions:extraction", args=[made]) if made else None


def _again_url(job: Job) -> str | None:
    return f"{reverse('extractions:start', args=[job.parameters['base']])}?like={job.pk}"


def _build_url(job: Job) -> str | None:
    made = job.result.get("build")
    return reverse("extractions:build", args=[made]) if made else None


def _base_url(job: Job) -> str | None:
    return reverse("extractions:base", args=[job.parameters["base"]])


def _describe_retraining(job: Job) -> str:
    said = job.parameters
    return f"{said['concept_name']} trained again for release {said['release']} of {said['base_name']}"


def _retest_url(job: Job) -> str | None:
    return reverse("extractions:retest", args=[job.parameters["retest"]])


EXTRACTION = JobKind(
    name=starting.KIND,
    label="Extraction",
    settle=starting.settle_unfinished,
    describe=_describe_extraction,
    result_url=_extraction_url,
    origin_url=_again_url,
)

RELEASE = JobKind(
    name=building.KIND,
    label="Release",
    settle=building.settle_unfinished,
    describe=_describe_release,
    result_url=_build_url,
    origin_url=_base_url,
)

RETRAINING = JobKind(
    name=retraining.KIND,
    label="Retraining",
    settle=retraining.settle_unfinished,
    describe=_describe_retraining,
    result_url=_retest_url,
    origin_url=_retest_url,
)
