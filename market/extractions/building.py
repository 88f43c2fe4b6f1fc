"""Build a release: merge a base's approved extractions, test them as a whole, and make the release in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.fields.files import FieldFile

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.card import spread_out
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.prompts import in_styles
from market.basemodels.samples import Sample
from market.catalog.models import ErasedConcept, PlugIn, PlugInVersion
from market.catalog.versions import MAX_SAMPLES, VersionOutput, add_version, new_draft
from market.extractions.access import governs
from market.extractions.grids import Grids, rows_of
from market.extractions.models import (
    BuildPart,
    BuildPicture,
    BuildState,
    Extraction,
    ExtractionState,
    ReleaseBuild,
    Retest,
    RetestPicture,
)
from market.extractions.retesting import has_dropped
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.refusals import invalid
from market.stored_files import files_undone

KIND = "release"
FIXED = "fixed prompts"
"""Title of the grid that every release has, with the same prompts and seeds."""
_FIXED_PROMPTS = 8


@dataclass(frozen=True)
class RetestOutput:
    """What a published version draws on the release that was in use before, and on the new one."""

    version: int
    before: int
    figures: Mapping[str, Any]
    grids: Grids


@dataclass(frozen=True)
class BuildOutput:
    """What was measured for a merged eraser. `samples` are pictures by an extraction's plug-in on the new release."""

    figures: Mapping[str, Any]
    grids: Grids
    samples: Mapping[int, Sequence[Sample]]
    retests: Sequence[RetestOutput]


def fixed_prompts(base: BaseModel) -> list[str]:
    """List a few prompts for what a base knows: its subjects, in its styles by turns. They are the same for each release."""
    return in_styles(spread_out(base.example_subjects, _FIXED_PROMPTS), base.example_styles)


def wanted_samples(build: ReleaseBuild) -> dict[int, list[str]]:
    """Give the sample prompts of each plug-in of which a build makes a version, by extraction."""
    parts = build.parts.select_related("extraction")
    return {
        part.extraction_id: spread_out(part.extraction.erasure["targets"], MAX_SAMPLES)
        for part in parts
        if part.extraction.awaits_version
    }


def release_of_approved(base: BaseModel) -> BaseRelease | None:
    """Give the latest release that lacks exactly the approved extractions. If none is approved, that is one that lacks nothing."""
    approved = set(Extraction.objects.for_release(base).values_list("pk", flat=True))
    releases = base.releases.filter(fingerprint=base.fingerprint).order_by("-number")
    for release in releases.prefetch_related("build__parts"):
        build = getattr(release, "build", None)
        lacks = {part.extraction_id for part in build.parts.all()} if build else set()
        if lacks == approved:
            return release
    return None


def start_build(base: BaseModel, by: User) -> ReleaseBuild:
    """Queue the building of a release that lacks everything approved. Raises Refused."""
    if not governs(by, base):
        raise invalid(f"Only the owner of {base.name} builds its releases.")
    try:
        with transaction.atomic():
            # The approved extractions must not change between this check and the build.
            BaseModel.objects.select_for_update(no_key=True).get(pk=base.pk)
            included = list(Extraction.objects.for_release(base))
            if not included:
                raise invalid(
                    f"Nothing is approved to be taken out of {base.name}: approve an extraction first."
                )
            job = Job.objects.enqueue(
                kind=KIND,
                owner=by,
                parameters={
                    "base_name": base.name,
                    "base": base.slug,
                    "concepts": [each.name for each in included],
                },
                work_units=len(included) + PlugIn.objects.published().filter(base=base).count(),
            )
            build = ReleaseBuild.objects.create(base=base, base_fingerprint=base.fingerprint, by=by, job=job)
            BuildPart.objects.bulk_create(
                BuildPart(build=build, extraction=each, position=position)
                for position, each in enumerate(included)
            )
            record("release.build_started", by=by, target=build, details={"base": base.slug})
            return build
    except IntegrityError as error:
        if "one_at_a_time" not in str(error):
            raise
        raise invalid(
            f"A release of {base.name} is being built. Wait until it is ready, or cancel its job."
        ) from error


def complete_build(*, job: Job, token: int, output: BuildOutput) -> BaseRelease:
    """Make the release, with all measurements and the resulting plug-ins, and end the job; or keep nothing.

    It is not in use until the base's owner says so. Raises BadResult and LeaseLost.
    """
    with files_undone() as written, transaction.atomic():
        Job.objects.succeed(job.pk, token=token, result={})
        build = ReleaseBuild.objects.select_for_update(of=("self",)).get(job=job, state=BuildState.BUILDING)
        base = BaseModel.objects.select_for_update().get(pk=build.base_id)
        if base.fingerprint != build.base_fingerprint:
            raise BadResult(
                f"{base.name} has other weights now than this release was built on. Extract again."
            )
        parts = list(
            build.parts.select_related("extraction__concept", "extraction__job", "extraction__version")
        )
        if any(part.extraction.state != ExtractionState.APPROVED for part in parts):
            raise BadResult("An approval was taken back meanwhile. Build a release of what is approved.")
        last = base.releases.aggregate(last=Max("number"))["last"] or 0
        names = ", ".join(part.extraction.name for part in parts)
        release = BaseRelease.objects.create(
            base=base,
            number=last + 1,
            fingerprint=base.fingerprint,
            upload=base.upload,
            notes=f"Without {names}.",
        )
        _keep_retests(build, output.retests, written)
        pictures = rows_of(BuildPicture, output.grids, of=build)
        written += [each.file for each in pictures]
        BuildPicture.objects.bulk_create(pictures)
        for part in parts:
            version = _offer(part.extraction, output.samples.get(part.extraction_id, ()), written)
            _note_erased(release, part, version)
        ReleaseBuild.objects.filter(pk=build.pk).update(
            state=BuildState.READY, release=release, figures=dict(output.figures)
        )
        Job.objects.filter(pk=job.pk).update(result={"build": build.pk, "release": release.pk})
        return release


def _keep_retests(build: ReleaseBuild, retests: Sequence[RetestOutput], written: list[FieldFile]) -> None:
    for each in retests:
        retest = Retest.objects.create(
            build=build,
            version_id=each.version,
            before_id=each.before,
            figures=dict(each.figures),
            dropped=has_dropped(each.figures),
        )
        pictures = rows_of(RetestPicture, each.grids, of=retest)
        written += [one.file for one in pictures]
        RetestPicture.objects.bulk_create(pictures)


def _note_erased(release: BaseRelease, part: BuildPart, version: PlugInVersion | None) -> None:
    extraction = part.extraction
    ErasedConcept.objects.create(
        release=release,
        position=part.position,
        name=extraction.name,
        aliases=extraction.aliases,
        concept=extraction.concept,
        version=version,
    )


def _offer(
    extraction: Extraction, samples: Sequence[Sample], written: list[FieldFile]
) -> PlugInVersion | None:
    """Give the version of an extraction's plug-in, made once. Its owner prices and publishes it."""
    concept = extraction.concept
    if concept is None or not extraction.awaits_version:
        return extraction.version
    affirmation = concept.affirmations.filter(person=concept.artist_id).latest("pk")
    base = extraction.base
    plugin = PlugIn.objects.filter(concept=concept, base=base).first() or new_draft(concept, base)
    with extraction.plugin_file.open("rb") as stored:
        content = stored.read()
    version = add_version(
        plugin.pk,
        extraction.job,
        VersionOutput(
            adapter=content,
            file_sha256=extraction.plugin_file_sha256,
            tensors_sha256=extraction.plugin_tensors_sha256,
            base_fingerprint=extraction.base_fingerprint,
            rank=extraction.rank,
            figures=_figures(extraction),
            samples=samples,
        ),
        affirmation=affirmation.pk,
        works_count=0,
        stored=written,
    )
    Extraction.objects.filter(pk=extraction.pk).update(version=version)
    return version


def _figures(extraction: Extraction) -> dict[str, Any]:
    """Give what a plug-in's page tells about an extraction."""
    found: dict[str, Any] = {"seconds": extraction.figures.get("seconds", 0.0)}
    if extraction.is_judged:
        restored = extraction.figures["target"]["accuracy"]["restored"]["rate"]
        found[f"{extraction.kind}_accuracy"] = restored
    return found


def settle_unfinished(job: Job) -> None:
    """Mark the build of a job that failed or was cancelled, in the transaction that ends the job."""
    ReleaseBuild.objects.filter(job=job, state=BuildState.BUILDING).update(state=BuildState.FAILED)
