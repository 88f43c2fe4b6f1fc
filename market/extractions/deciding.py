"""Approve an extraction, which builds a release; discard it; or take an approval back."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from market.accounts.models import User
from market.audit.recording import record
from market.basemodels.models import BaseModel
from market.catalog.models import Concept
from market.claims.answering import tell_taken_back
from market.extractions.access import governs
from market.extractions.building import release_of_approved, start_build
from market.extractions.degradation import limits_ahead
from market.extractions.limits import Limit, limits_of, missed
from market.extractions.models import BuildState, Extraction, ExtractionState, ReleaseBuild
from market.jobs.models import Job
from market.refusals import invalid

_DECIDED = "It was decided already, or is not ready: {state}."


def limits_for(extraction: Extraction) -> list[Limit]:
    """Give what an extraction has to reach to be approved now without a reason. Empty if no judge counted.

    The limits are on what was measured of it, and on what is predicted for the base after it.
    """
    measured = limits_of(extraction.figures)
    return [*measured, *limits_ahead(extraction.base)] if measured else []


def approve_extraction(
    extraction: Extraction, by: User, *, reason: str = "", offer: bool = False, ip_address: str | None = None
) -> ReleaseBuild:
    """Put an extraction into the base's next release, and queue the building of it. Raises Refused.

    The plug-in becomes the claimant's. Without a claim it becomes the base owner's if they `offer` it; by that they affirm
    their rights to the concept. Otherwise it is kept and not offered. A `reason` is needed if a limit was missed.
    """
    _require_ready(extraction, by)
    below = missed(limits_for(extraction))
    if below and not reason.strip():
        raise invalid("It misses what is asked for: say why it is approved all the same.", *below)
    try:
        with transaction.atomic():
            concept = _concept(extraction, by, offer=offer, ip_address=ip_address)
            if not extraction.approve(by=by, missed=below, reason=reason.strip(), concept=concept):
                raise invalid(_DECIDED.format(state=_state(extraction)))
            record("extraction.approved", by=by, target=extraction, reason=reason, details={"missed": below})
            return start_build(extraction.base, by)
    except IntegrityError as error:
        if "approved_once" in str(error):
            raise invalid(
                f"Another run that takes {extraction.name} out of {extraction.base} is approved already."
            ) from error
        raise


def discard_extraction(extraction: Extraction, by: User, *, reason: str = "") -> None:
    """Discard an extraction for good. Its files and figures stay. Raises Refused."""
    _require_ready(extraction, by)
    with transaction.atomic():
        if not extraction.discard(by=by, reason=reason.strip()):
            raise invalid(_DECIDED.format(state=_state(extraction)))
        record("extraction.discarded", by=by, target=extraction, reason=reason)


def take_back_extraction(extraction: Extraction, by: User, *, because: str) -> ReleaseBuild | None:
    """Undo an approval, and start a release without it if there is none yet. Return that build, or None.

    A running build that includes it is cancelled, and makes nothing. Releases made with it stay as they are, and so does its
    plug-in, which restores the concept on them. The claimant of the concept is told. Raises Refused.
    """
    if not governs(by, extraction.base):
        raise invalid(f"Only the owner of {extraction.base.name} decides on it.")
    because = because.strip()
    if not because:
        raise invalid("Say why it is taken back: it is kept, and shown to who claimed the concept.")
    with transaction.atomic():
        # The job before the base: the worker that ends the job locks them in this order.
        under_way = _under_way(extraction)
        if under_way is not None:
            Job.objects.request_cancel(under_way.job_id)
        base = BaseModel.objects.select_for_update(no_key=True).get(pk=extraction.base_id)
        if not extraction.take_back(by=by, because=because):
            raise invalid(f"Only what is approved is taken back; this is: {_state(extraction)}.")
        if _under_way(extraction) not in (None, under_way):
            raise invalid("A release is being built with it since just now. Try again.")
        record("extraction.taken_back", by=by, target=extraction, reason=because)
        if extraction.claim is not None:
            tell_taken_back(extraction.claim, by, because)
        return _without(extraction, base, by)


def _under_way(extraction: Extraction) -> ReleaseBuild | None:
    return ReleaseBuild.objects.filter(state=BuildState.BUILDING, parts__extraction=extraction).first()


def _without(extraction: Extraction, base: BaseModel, by: User) -> ReleaseBuild | None:
    """Start a release without an extraction, if one was made with it and none exists that lacks exactly the approved ones."""
    was_released = extraction.parts.filter(build__state=BuildState.READY).exists()
    if not was_released or extraction.base_fingerprint != base.fingerprint:
        return None
    if release_of_approved(base) is not None or base.builds.filter(state=BuildState.BUILDING).exists():
        return None
    return start_build(base, by)


def _require_ready(extraction: Extraction, by: User) -> None:
    if not governs(by, extraction.base):
        raise invalid(f"Only the owner of {extraction.base.name} decides on it.")
    if extraction.state != ExtractionState.READY:
        raise invalid(_DECIDED.format(state=_state(extraction)))
    if extraction.base_fingerprint != extraction.base.fingerprint:
        raise invalid(f"{extraction.base.name} has other weights now than this was made from. Run it again.")


def _state(extraction: Extraction) -> str:
    extraction.refresh_from_db(fields=["state"])
    return extraction.get_state_display().lower()


def _concept(extraction: Extraction, by: User, *, offer: bool, ip_address: str | None) -> Concept | None:
    """Find who gets the plug-in: the claimant, the base's owner, or nobody."""
    if extraction.claim is not None:
        concept = extraction.claim.concept
        if concept.current_affirmation() is None:
            raise invalid(
                f"{concept.artist} has to affirm their rights to {concept.name}, on its page at their desk, before the "
                "plug-in can become theirs."
            )
        return concept
    if not offer:
        return None
    if by.pk != extraction.base.owner_id:
        raise invalid("Only the base's owner can affirm their own rights. Approve it without offering it.")
    known = Concept.objects.filter(artist=by, name__iexact=extraction.name).first()
    if known is not None and known.kind != extraction.kind:
        raise invalid(
            f"You have a concept {known.name} already, a {known.get_kind_display().lower()}. Rename it, or approve this "
            "without offering it."
        )
    concept = known or Concept.objects.create(
        artist=by, name=extraction.name, kind=extraction.kind, aliases=list(extraction.aliases)
    )
    concept.affirm_rights(by, ip_address=ip_address)
    return concept
