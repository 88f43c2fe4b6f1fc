"""Start an extraction: by the owner of the base or an admin, on an accepted claim or of their own accord."""

from __future__ import annotations

import math
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseModel
from market.claims.models import Claim, ClaimState
from market.extractions.access import governs
from market.extractions.models import Extraction, ExtractionState, Method, key_of
from market.extractions.orders import ExtractionOrder
from market.jobs.estimates import seconds_per_unit
from market.jobs.models import Job
from market.refusals import invalid

KIND = "extraction"
# The cost of a run besides drawing, counted in drawn pictures: training takes about one step a picture.
_MADE_IN = {Method.HYBRID: 400, Method.REVERSE_LORA: 4000, Method.CLOSED_FORM: 20}
_ATTACKED_IN = 350
_SETS = 12  # of pictures: three groups, before, after, restored, and once more for comparison


def accepted_claims(base: BaseModel) -> QuerySet[Claim]:
    """Give the accepted claims on which a concept can be taken out of a base."""
    accepted = Claim.objects.filter(base=base, state=ClaimState.ACCEPTED)
    return accepted.select_related("concept", "claimant")


def accepted_claim(base: BaseModel, pk: int | None) -> Claim | None:
    """Find one of these by its number. Raises Refused if there is none."""
    if pk is None:
        return None
    claim = accepted_claims(base).filter(pk=pk).first()
    if claim is None:
        raise invalid(f"There is no accepted claim {pk} about {base.name}.", field="claim")
    return claim


def from_claim(claim: Claim) -> dict[str, Any]:
    """Give the initial values of an extraction on an accepted claim."""
    concept = claim.concept
    return {"claim": claim.pk, "name": concept.name, "kind": concept.kind, "aliases": concept.aliases}


def start_extraction(
    base: BaseModel, by: User, order: ExtractionOrder, *, claim: Claim | None = None
) -> Extraction:
    """Record an extraction and queue its job. Raises Refused, and then records nothing."""
    if not governs(by, base):
        raise invalid(f"Only the owner of {base.name} takes concepts out of it.")
    if claim is not None and not (claim.accepted and claim.base_id == base.pk):
        raise invalid(f"The claim is not an accepted one about {base.name}. Choose another, or none.")
    if claim is not None and claim.concept.kind != order.kind:
        raise invalid(f"The claim is about a {claim.concept.kind}, {claim.concept.name}: choose that kind.")
    release = base.releases.filter(is_default=True).first()
    if release is None or release.fingerprint != base.fingerprint:
        raise invalid(f"{base.name} has no release of its weights in use: make one the default first.")
    same = Extraction.objects.for_release(base).filter(kind=order.kind, key=key_of(order.name))
    if same.exists():
        raise invalid(f"{order.name} is taken out of {base.name} already: that was approved.")
    try:
        with transaction.atomic():
            job = Job.objects.enqueue(
                kind=KIND,
                owner=by,
                parameters={"concept_name": order.name, "base_name": base.name, "base": base.slug},
                work_units=work_units(order.method, order.pictures),
            )
            extraction = Extraction.objects.create(
                base=base,
                base_fingerprint=base.fingerprint,
                name=order.name,
                key=key_of(order.name),
                kind=order.kind,
                aliases=list(order.aliases),
                anchor=order.anchor,
                retained=list(order.retained),
                method=order.method,
                pictures=order.pictures,
                by=by,
                claim=claim,
                job=job,
            )
            record("extraction.started", by=by, target=extraction, details={"method": order.method})
            return extraction
    except IntegrityError as error:
        if "one_at_a_time" not in str(error):
            raise
        raise invalid(
            f"{order.name} is being taken out of {base.name} already: wait for that run, or cancel its job."
        ) from error


def work_units(method: str, pictures: int) -> int:
    """Say how much work an extraction is, in drawn pictures."""
    return _MADE_IN[Method(method)] + _SETS * pictures + _ATTACKED_IN


def minutes_for(method: str, pictures: int) -> int | None:
    """Estimate how long an extraction takes, from the latest ones. None before the first."""
    pace = seconds_per_unit(KIND)
    return None if pace is None else max(1, math.ceil(pace * work_units(method, pictures) / 60))


def settle_unfinished(job: Job) -> None:
    """Mark the extraction of a job that failed or was cancelled, in the transaction that ends the job."""
    Extraction.objects.filter(job=job, state=ExtractionState.MAKING).update(state=ExtractionState.FAILED)
