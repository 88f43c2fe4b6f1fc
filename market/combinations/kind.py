"""What other apps are told about combinations: their jobs, their clearing-up, and their names in the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.urls import reverse

from market.combinations.finishing import settle_unfinished
from market.combinations.models import Combination
from market.combinations.requesting import KIND
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.ledger.describing import Described


def _describe(job: Job) -> str:
    return f"Combination of {' and '.join(job.parameters['parts'])} for {job.parameters['base_name']}"


def _page(job: Job) -> str | None:
    return reverse("combinations:combination", args=[job.pk])


def _origin(job: Job) -> str | None:
    return reverse("combinations:list")


def named(ids: Iterable[str]) -> dict[str, Described]:
    found = Combination.objects.filter(pk__in=[pk for pk in ids if _is_uuid(pk)])
    return {
        str(each.pk): Described(label=f"Combining {each.plugin.concept.name}", group="combinations")
        for each in found.select_related("plugin__concept")
    }


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


JOB = JobKind(
    name=KIND,
    label="Combination",
    by_turns=True,
    settle=settle_unfinished,
    describe=_describe,
    result_url=_page,
    origin_url=_origin,
    result_template="combinations/_result.html",
)
