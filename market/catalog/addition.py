"""Addition: an artist's works become a plug-in."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.changelog import tidied
from market.catalog.models import Concept, PlugIn
from market.catalog.reserving import CONCEPT_RESERVED
from market.catalog.terms import Terms
from market.catalog.training_settings import AS_THE_BASE_ASKS, TrainingSettings
from market.catalog.versions import (
    enqueue_version,
    obstacles_to_a_version,
    origin_url,
    result_url,
    sample_prompts,
)
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.jobs.room import require_room
from market.refusals import Refused

KIND = "addition"
MAX_WAITING = 3
"""The most unfinished additions of one person."""
MIN_WORKS = 3


@dataclass(frozen=True)
class WorkInput:
    data: bytes  # an encoded picture, PNG or WebP
    caption: str


@dataclass(frozen=True)
class AdditionInputs:
    """All that a worker needs to know for an addition."""

    plugin_id: int
    name: str
    kind: str  # "style" or "character"
    base_fingerprint: str
    works: list[WorkInput]
    sample_prompts: list[str]
    settings: TrainingSettings = AS_THE_BASE_ASKS


def obstacles(concept: Concept, base: BaseModel, by: User) -> list[str]:
    """Say why an addition cannot start now; empty when it can."""
    found = obstacles_to_a_version(concept, base, by)
    if concept.not_for_training:
        return [*found, CONCEPT_RESERVED]
    works = concept.works.for_training().count()
    reserved = concept.works.count() - works
    if works < MIN_WORKS and reserved:
        found.append(
            f"At least {MIN_WORKS} works have to be for training; there are {works}. Of {reserved} more the files say that they are not."
        )
    elif works < MIN_WORKS:
        found.append(f"Upload at least {MIN_WORKS} works; there are {works} so far.")
    return found


def start_addition(
    concept: Concept,
    base: BaseModel,
    by: User,
    *,
    terms: Terms | None = None,
    settings: TrainingSettings = AS_THE_BASE_ASKS,
    changes: str = "",
) -> Job:
    """Queue the making of a plug-in version and return its job. A new plug-in is a draft from here on.

    Without `terms` an existing plug-in keeps its own, and a new one is free of charge. `changes`: the version's line of the
    changelog. Raises Refused.
    """
    changes = tidied(changes)
    with transaction.atomic():
        require_room(by, KIND, most=MAX_WAITING, named="additions")
        # One after the other for a concept, so that two clicks do not make two jobs.
        concept = Concept.objects.select_for_update().select_related("artist").get(pk=concept.pk)
        reasons = obstacles(concept, base, by)
        if reasons:
            raise Refused(*reasons)
        works = list(concept.works.for_training().values_list("pk", flat=True))
        return enqueue_version(
            KIND, concept, base, by, terms=terms, works=works, settings=settings.chosen(), changes=changes
        )


def inputs(job: Job) -> AdditionInputs:
    """Read what a worker needs for a job made by `start_addition`."""
    plugin = PlugIn.objects.select_related("concept", "base").get(pk=job.parameters["plugin"])
    concept, base = plugin.concept, plugin.base
    works = []
    for work in concept.works.filter(pk__in=job.parameters["works"]):
        with work.file.open("rb") as stored:
            works.append(WorkInput(data=stored.read(), caption=work.caption))
    return AdditionInputs(
        plugin_id=plugin.pk,
        name=concept.name,
        kind=concept.kind,
        base_fingerprint=base.fingerprint,
        works=works,
        sample_prompts=sample_prompts(concept, base),
        settings=TrainingSettings(**job.parameters.get("settings", {})),
    )


def describe(job: Job) -> str:
    return f"Addition of {job.parameters['concept_name']} to {job.parameters['base_name']}"


JOB = JobKind(
    name=KIND,
    label="Addition",
    by_turns=True,
    describe=describe,
    result_url=result_url,
    origin_url=origin_url,
    result_template="catalog/_addition_result.html",
)
