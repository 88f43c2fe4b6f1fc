"""Versions of plug-ins, however they are made: from works, from a file, by combining, by an extraction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max
from django.db.models.fields.files import FieldFile
from django.urls import reverse
from PIL import Image, UnidentifiedImageError

from market.accounts.models import User
from market.basemodels.card import spread_out
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.prompts import style_called, styled
from market.basemodels.samples import Sample
from market.catalog.changelog import write_line
from market.catalog.merged import FoundPart, parts_of, rows_of
from market.catalog.models import (
    Concept,
    ConceptKind,
    PlugIn,
    PlugInPart,
    PlugInSample,
    PlugInSketch,
    PlugInState,
    PlugInVersion,
)
from market.catalog.models.plugins import free_slug
from market.catalog.offering import bars_to_a_version
from market.catalog.publishing import use_version
from market.catalog.terms import Terms, change_terms
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.refusals import Refused
from market.safetensors import NotSafetensors, header_of
from market.stored_files import files_undone

MAX_SAMPLES = 6


@dataclass(frozen=True)
class VersionOutput:
    """What a worker made. The hashes are checked against the bytes before anything is kept. sketch: see `plugin_likeness`."""

    adapter: bytes
    file_sha256: str
    tensors_sha256: str
    base_fingerprint: str
    rank: int
    figures: dict[str, Any] = field(default_factory=dict)
    samples: Sequence[Sample] = ()
    sketch: Sequence[float] = ()


def obstacles_to_a_version(concept: Concept, base: BaseModel, by: User) -> list[str]:
    """Say why no version of the concept can be made now, in any way."""
    found = []
    if concept.is_combination:
        found.append(
            f"{concept.name} is combined of plug-ins, and not made of works. Combine it again instead."
        )
    if concept.artist_id != by.pk:
        found.append("Only the artist of a concept can make its plug-in.")
    if not by.is_artist:
        found.append("Take on the role of an artist first.")
    if not concept.has_current_affirmation():
        found.append("Affirm your rights to the works first.")
    if not base.listed:
        found.append(f"{base.name} does not take additions at present.")
    plugin = PlugIn.objects.filter(concept=concept, base=base).select_related("latest_job").first()
    if plugin is not None and is_running(plugin):
        found.append(f"A version of {concept.name} for {base.name} is already under way.")
    return found + bars_to_a_version(concept, by)


def is_running(plugin: PlugIn) -> bool:
    return plugin.latest_job is not None and not plugin.latest_job.has_ended


def enqueue_version(
    kind: str,
    concept: Concept,
    base: BaseModel,
    by: User,
    *,
    terms: Terms | None,
    works: list[int],
    **more: Any,
) -> Job:
    """Queue a job of this kind that makes a version of the concept's plug-in for a base, which may be its first.

    Raises Refused for terms that a plug-in on the market cannot have.
    """
    affirmation = concept.affirmations.filter(person=by).latest("pk")
    plugin = PlugIn.objects.filter(concept=concept, base=base).select_related("current_version").first()
    if plugin is None:
        plugin = new_draft(concept, base, terms=terms)
    elif terms is not None:
        change_terms(plugin, terms)
    job = Job.objects.enqueue(
        kind=kind,
        owner=by,
        parameters={
            "plugin": plugin.pk,
            "concept": concept.pk,
            "concept_name": concept.name,
            "base_name": base.name,
            "base_fingerprint": base.fingerprint,
            "affirmation": affirmation.pk,
            "works": works,
            **more,
        },
    )
    PlugIn.objects.filter(pk=plugin.pk).update(latest_job=job)
    return job


def new_draft(concept: Concept, base: BaseModel, *, terms: Terms | None = None) -> PlugIn:
    """Make the concept's plug-in for a base, still without a version. Without `terms` it is free of charge."""
    return PlugIn.objects.create(
        concept=concept,
        base=base,
        owner=concept.artist,
        slug=free_slug(concept, base),
        **(terms or Terms(price_micros=0)).as_fields(),
    )


def sample_prompts(concept: Concept, base: BaseModel) -> list[str]:
    """Prompts that show a concept: a style on things it may not have drawn, a character in several styles."""
    if concept.is_combination:
        return base.example_subjects[:MAX_SAMPLES] or [concept.name]
    if concept.kind == ConceptKind.STYLE:
        drawn = list(concept.works.exclude(caption="").values_list("caption", flat=True))
        fresh = [subject for subject in base.example_subjects if subject not in drawn]
        subjects = spread_out(fresh or drawn, MAX_SAMPLES)
        return [styled(subject, concept.name) for subject in subjects] or [style_called(concept.name)]
    return [styled(concept.name, style) for style in base.example_styles[:MAX_SAMPLES]] or [concept.name]


def complete_version(*, job: Job | UUID, token: int, output: VersionOutput) -> PlugInVersion:
    """Keep what a worker made as a new version and end its job, in one transaction.

    Raises BadResult if the bytes do not match their hashes, and jobs' LeaseLost if the attempt no longer holds the job. Then
    nothing is kept.
    """
    job_id = job.pk if isinstance(job, Job) else job
    with files_undone() as stored, transaction.atomic():
        ended = Job.objects.succeed(job_id, token=token, result={})
        version = add_version(
            ended.parameters["plugin"],
            ended,
            output,
            affirmation=ended.parameters["affirmation"],
            works_count=len(ended.parameters["works"]),
            stored=stored,
        )
        Job.objects.filter(pk=ended.pk).update(
            result={"plugin": version.plugin_id, "version": version.pk, "number": version.number}
        )
        return version


def add_version(
    plugin_id: int,
    job: Job,
    output: VersionOutput,
    *,
    affirmation: int | None,
    works_count: int,
    stored: list[FieldFile],
    parts: Sequence[FoundPart] | None = None,
    only_release: BaseRelease | None = None,
    take_up: bool = True,
) -> PlugInVersion:
    """Add a version to a plug-in, within the caller's transaction; `stored` is told of every file written.

    Its parts are those that the file names, unless the caller knows them. A plug-in that is not published uses the new version
    at once, unless told not to. A published one keeps its version until its artist changes it. Raises BadResult if the bytes do
    not match their hashes, or for other weights.
    """
    _check(output)
    plugin = PlugIn.objects.select_for_update(of=("self",)).select_related("base", "owner").get(pk=plugin_id)
    if output.base_fingerprint != plugin.base.fingerprint:
        raise BadResult(
            f"The plug-in was made for base {output.base_fingerprint[:12]}…, but {plugin.base.name} is "
            f"{plugin.base.fingerprint[:12]}… now. Start the {job.meaning.label.lower()} again."
        )
    if parts is None:
        parts = _parts(plugin, output)
    last = plugin.versions.aggregate(last=Max("number"))["last"] or 0
    version = PlugInVersion(
        plugin=plugin,
        number=last + 1,
        file=ContentFile(output.adapter, name="adapter.safetensors"),
        byte_size=len(output.adapter),
        file_sha256=output.file_sha256,
        tensors_sha256=output.tensors_sha256,
        base_fingerprint=output.base_fingerprint,
        rank=output.rank,
        figures=output.figures,
        works_count=works_count,
        parts_count=len(parts),
        job=job,
        affirmation_id=affirmation,
        only_release=only_release,
    )
    stored.append(version.file)
    version.save(force_insert=True)
    PlugInPart.objects.bulk_create(rows_of(version, parts))
    if output.sketch:
        PlugInSketch.objects.create(version=version, sketch=output.sketch)
    for position, sample in enumerate(output.samples):
        shown = PlugInSample(version=version, position=position, **sample.as_fields())
        stored.append(shown.file)
        if sample.plain:
            shown.plain = ContentFile(sample.plain, name="plain.png")
            stored.append(shown.plain)
        shown.save(force_insert=True)
    write_line(version, job.parameters.get("changes", ""))
    if take_up and plugin.state != PlugInState.PUBLISHED:
        use_version(plugin, version)
    return version


def _parts(plugin: PlugIn, output: VersionOutput) -> list[FoundPart]:
    """Find what the file was combined from, under the licences of now."""
    try:
        return parts_of(BytesIO(output.adapter), plugin.owner)
    except Refused as refusal:
        raise BadResult(str(refusal)) from refusal


def _check(output: VersionOutput) -> None:
    found = hashlib.sha256(output.adapter).hexdigest()
    if found != output.file_sha256:
        raise BadResult(f"The adapter's SHA-256 is {found}, but {output.file_sha256} was reported.")
    try:
        header_of(BytesIO(output.adapter))
    except NotSafetensors as wrong:
        raise BadResult(f"The adapter is not a safetensors file: {wrong}.") from wrong
    for sample in output.samples:
        try:
            for png in filter(None, (sample.png, sample.plain)):
                with Image.open(BytesIO(png), formats=["PNG"]) as picture:
                    picture.verify()
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise BadResult(f"The sample for “{sample.prompt}” is not a PNG picture: {error}.") from error


def result_url(job: Job) -> str | None:
    return reverse("catalog:desk_plugin", args=[job.parameters["plugin"]])


def origin_url(job: Job) -> str | None:
    return reverse("catalog:concept", args=[job.parameters["concept"]])
