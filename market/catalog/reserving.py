"""Works that are not for training: they are protected as all works are, and no addition learns from them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.catalog.models import Concept, Work
from market.refusals import Refused

CONCEPT_RESERVED = (
    "The works of this concept are not for training: you marked them so. Take the mark off first."
)
NOT_RESERVED = "This work may be learned from: there is nothing to lift."


def reserve(concept: Concept, by: User, *, is_reserved: bool) -> bool:
    """Mark a concept's works as not for training, or take the mark off. False: it was so before.

    Plug-ins that were made before stay as they are, and so does an addition that is running.
    """
    with transaction.atomic():
        changed = concept.reserve(is_reserved)
        if changed:
            record("concept.reserved" if is_reserved else "concept.released", by=by, target=concept)
    return changed


def lift(work: Work, by: User) -> None:
    """Take what a file's own content credentials forbid off its work: its artist says that they made these credentials. Raises Refused."""
    with transaction.atomic():
        changed = Work.objects.filter(pk=work.pk, lifted_at=None).exclude(reservation="")
        if not changed.update(lifted_at=timezone.now()):
            raise Refused(NOT_RESERVED)
        record("work.reservation_lifted", by=by, target=work, reason=work.reservation)
