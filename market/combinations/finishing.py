"""What a worker is told about a combination, and how it ends: version, pictures and money in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.merged import FoundPart, StatedPart, refusals
from market.catalog.models import Concept, PlugIn, PlugInVersion
from market.catalog.on_release import restores, unneeded_on
from market.catalog.royalties import parts_within
from market.catalog.terms import within_rise
from market.catalog.versions import VersionOutput, add_version
from market.combinations.models import Combination, CombinationPart, CombinationPicture
from market.combinations.requesting import KIND
from market.extractions.grids import Grids, rows_of
from market.extractions.releases import Weights, weights_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.errors import HoldAlreadyVoided
from market.stored_files import files_undone

STOPPED = (
    "A part of it has been taken down meanwhile. Nothing was charged. Combine it again without that one."
)
TOO_LATE = "It waited for two days and no worker could do it. Nothing was charged."


@dataclass(frozen=True)
class Learned:
    """A concept that a part draws, and what calls it."""

    name: str
    kind: str  # "style" or "character"


@dataclass(frozen=True)
class Part:
    """A version to combine: its weights on the release, its share, and the concepts it draws (its own or its parts')."""

    version: PlugInVersion
    weights: Weights
    share: int
    concepts: tuple[Learned, ...]

    @property
    def name(self) -> str:
        return self.version.plugin.name


@dataclass(frozen=True)
class Inputs:
    """All that a worker needs to know for a combination."""

    name: str
    release: BaseRelease
    parts: tuple[Part, ...]
    subjects: tuple[str, ...]
    styles: tuple[str, ...]


def inputs(job: Job) -> Inputs:
    """Read what a worker needs for a combination's job. Raises BadResult if a part may not be combined any more."""
    combination = Combination.objects.select_related("release__base", "plugin__concept").get(job=job)
    rows = _parts(combination)
    _require_allowed(combination, rows)
    base: BaseModel = combination.release.base
    return Inputs(
        name=combination.plugin.concept.name,
        release=combination.release,
        parts=tuple(_part(each, combination.release) for each in rows),
        subjects=tuple(base.example_subjects),
        styles=tuple(base.example_styles),
    )


def _parts(combination: Combination) -> list[CombinationPart]:
    return list(combination.parts.select_related("version__plugin__concept", "version__plugin__owner"))


def _part(row: CombinationPart, release: BaseRelease) -> Part:
    weights = weights_of(row.version, release)
    if weights is None:
        raise BadResult(_idle(row.version, release))
    return Part(row.version, weights, row.share, _learned(row.version))


def _idle(version: PlugInVersion, release: BaseRelease) -> str:
    return f"“{version.plugin.name}” has nothing to restore on {release}."


def _require_allowed(combination: Combination, rows: Sequence[CombinationPart]) -> None:
    reasons = refusals([each.version for each in rows], combination.person)
    idle = unneeded_on(combination.release, [each.version for each in rows])
    reasons += [_idle(each.version, combination.release) for each in rows if each.version_id in idle]
    if reasons:
        raise BadResult(" ".join(reasons))


def _learned(version: PlugInVersion) -> tuple[Learned, ...]:
    """List the concepts that a version draws, each once. A part that the market does not know goes by its name."""
    within = parts_within([version])
    if version.pk not in within:
        concept: Concept = version.plugin.concept
        return (Learned(concept.name, concept.kind),)
    found: dict[Learned, None] = {}
    waiting = list(within[version.pk])
    for each in waiting:
        if each.part is not None and each.part_id in within:
            waiting += within[each.part_id]
        elif each.part is not None:
            found[Learned(each.part.plugin.concept.name, each.part.plugin.concept.kind)] = None
        else:
            found[Learned(each.name, "character")] = None
    return tuple(found)


def complete(*, job: Job, token: int, output: VersionOutput, grids: Grids) -> PlugInVersion:
    """Keep what a worker combined as a version with its parts, charge what was held, and end the job.

    Raises BadResult, and jobs' LeaseLost if the attempt no longer holds the job; then nothing is kept or charged.
    """
    with files_undone() as written, transaction.atomic():
        Job.objects.succeed(job.pk, token=token, result={})
        combination = Combination.objects.select_related("hold", "release", "person", "plugin__concept").get(
            job=job
        )
        rows = _parts(combination)
        _require_allowed(combination, rows)
        version = add_version(
            combination.plugin_id,
            job,
            output,
            affirmation=None,
            works_count=0,
            stored=written,
            parts=[
                FoundPart(
                    StatedPart(each.version.plugin.name, each.share, (each.version.tensors_sha256,)),
                    each.version,
                )
                for each in rows
            ],
            only_release=combination.release if any(restores(each.version) for each in rows) else None,
        )
        # A published one keeps its price and its version until its owner changes them.
        for unpublished in PlugIn.objects.filter(pk=combination.plugin_id, current_version=version):
            unpublished.price_micros = within_rise(unpublished, combination.price_micros)
            unpublished.save(update_fields=["price_micros"])
        pictures = rows_of(CombinationPicture, grids, of=combination)
        written += [each.file for each in pictures]
        CombinationPicture.objects.bulk_create(pictures)
        Combination.objects.filter(pk=combination.pk).update(figures=dict(output.figures))
        if combination.hold is not None:
            ledger.capture(hold=combination.hold, key=f"{combination.reference}:capture")
        Job.objects.filter(pk=job.pk).update(
            result={"plugin": version.plugin_id, "version": version.pk, "number": version.number}
        )
        return version


def settle_unfinished(job: Job) -> None:
    """Release the money of a combination that failed or was cancelled, in the transaction that ends its job."""
    combination = Combination.objects.select_related("hold").filter(job=job).first()
    if combination is not None and combination.hold is not None:
        # An expired hold has released the money already.
        with suppress(HoldAlreadyVoided):
            ledger.void(
                hold=combination.hold, key=f"{combination.reference}:void", reason=job.get_state_display()
            )


def stop_combinations(versions: Collection[int]) -> int:
    """Fail the running combinations of any of these versions, which releases their money. Give how many."""
    return Job.objects.filter(kind=KIND, combination__parts__version__in=versions).abandon_all(error=STOPPED)


def give_up_expired(now: datetime | None = None) -> int:
    """Fail combinations that no worker did in time, which releases the money."""
    expired = Job.objects.filter(combination__expires_at__lt=now or timezone.now())
    return expired.abandon_all(error=TOO_LATE)
