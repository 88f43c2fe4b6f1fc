"""Starting an extraction: by the owner of the base or an admin, on an accepted claim or of their own accord."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseModel
from market.claims.models import Claim
from market.extractions.access import governs
from market.extractions.models import Extraction, ExtractionState, Method, key_of
from market.jobs.estimates import seconds_per_unit
from market.jobs.models import Job
from market.refusals import invalid

KIND = "extraction"
# What a run takes beside drawing, as so many drawn pictures: training at one step a picture, about.
_MADE_IN = {Method.HYBRID: 400, Method.REVERSE_LORA: 4000, Method.CLOSED_FORM: 20}
_ATTACKED_IN = 350
_SETS = 12  # of pictures: three groups, before, after, restored, and once more to compare with


@dataclass(frozen=True)
class ExtractionWish:
    """What is to be taken out, and how. An empty anchor, or no retained prompts, leaves the choice to the engine."""

    name: str
    kind: str
    anchor: str = ""
    aliases: Sequence[str] = ()
    retained: Sequence[str] = field(default=())
    method: str = Method.HYBRID
    pictures: int = 100


def start_extraction(
    base: BaseModel, by: User, wish: ExtractionWish, *, claim: Claim | None = None
) -> Extraction:
    """Record an extraction and queue its job. Raises Refused, and then records nothing."""
    if not governs(by, base):
        raise invalid(f"Only the owner of {base.name} takes concepts out of it.")
    if claim is not None and not (claim.accepted and claim.base_id == base.pk):
        raise invalid(f"The claim is not an accepted one about {base.name}. Choose another, or none.")
    if claim is not None and claim.concept.kind != wish.kind:
        raise invalid(f"The claim is about a {claim.concept.kind}, {claim.concept.name}: choose that kind.")
    release = base.releases.filter(is_default=True).first()
    if release is None or release.fingerprint != base.fingerprint:
        raise invalid(f"{base.name} has no release of its weights in use: make one the default first.")
    same = Extraction.objects.for_release(base).filter(kind=wish.kind, key=key_of(wish.name))
    if same.exists():
        raise invalid(f"{wish.name} is taken out of {base.name} already: that was approved.")
    try:
        with transaction.atomic():
            job = Job.objects.enqueue(
                kind=KIND,
                owner=by,
                parameters={"concept_name": wish.name, "base_name": base.name, "base": base.slug},
                work_units=work_units(wish.method, wish.pictures),
            )
            extraction = Extraction.objects.create(
                base=base,
                base_fingerprint=base.fingerprint,
                name=wish.name,
                key=key_of(wish.name),
                kind=wish.kind,
                aliases=list(wish.aliases),
                anchor=wish.anchor,
                retained=list(wish.retained),
                method=wish.method,
                pictures=wish.pictures,
                by=by,
                claim=claim,
                job=job,
            )
            record("extraction.started", by=by, target=extraction, details={"method": wish.method})
            return extraction
    except IntegrityError as error:
        if "one_at_a_time" not in str(error):
            raise
        raise invalid(
            f"{wish.name} is being taken out of {base.name} already: wait for that run, or cancel its job."
        ) from error


def work_units(method: str, pictures: int) -> int:
    """Say how much work an extraction is, in drawn pictures."""
    return _MADE_IN[Method(method)] + _SETS * pictures + _ATTACKED_IN


def minutes_for(method: str, pictures: int) -> int | None:
    """Estimate how long an extraction takes by the latest ones; None before the first."""
    pace = seconds_per_unit(KIND)
    return None if pace is None else max(1, math.ceil(pace * work_units(method, pictures) / 60))


def settle_unfinished(job: Job) -> None:
    """Mark the extraction of a job that failed or was cancelled, in the transaction that ends the job."""
    Extraction.objects.filter(job=job, state=ExtractionState.MAKING).update(state=ExtractionState.FAILED)
