"""File a dispute, and open it. An admin or a takedown opens it; from then on what the plug-in earns is frozen."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.catalog.models import PlugIn
from market.disputes.access import require_may_act
from market.disputes.freezing import freeze
from market.disputes.models import Dispute, DisputeState
from market.refusals import Refused

LEAST_WORDS = 20  # characters: "mine" is no reason


def file_dispute(*, plugin: PlugIn, claimant: User, reason: str) -> Dispute:
    """File a dispute: a plug-in is not its artist's to sell. Nothing is frozen before an admin has looked at it."""
    reason = reason.strip()
    if len(reason) < LEAST_WORDS:
        raise Refused(
            f"Say in at least {LEAST_WORDS} letters what is wrong, and how one can tell that it is yours."
        )
    if plugin.owner_id == claimant.pk:
        raise Refused("This plug-in is yours: withdraw it on your desk instead.")
    try:
        with transaction.atomic():
            return Dispute.objects.create(plugin=plugin, claimant=claimant, reason=reason)
    except IntegrityError as error:
        raise Refused("You have said so already; an admin will look at it.") from error


def open_dispute(dispute: Dispute, admin: User) -> Dispute:
    """Open a dispute: freeze what the plug-in earned and was not paid out, and what it will earn.

    A plug-in has at most one open dispute.
    """
    require_may_act(admin, dispute)
    with transaction.atomic():
        frozen = _open(dispute, admin)
        record(
            "dispute.opened",
            by=admin,
            target=dispute,
            changes={"state": (DisputeState.FILED, DisputeState.OPEN)},
            details={"transfers_into_escrow": frozen},
        )
    return dispute


def open_for_takedown(
    *, plugin: PlugIn, claimant: User | None, by: User, reason: str
) -> tuple[Dispute, bool]:
    """Freeze what a plug-in earned because it is taken down. Give the dispute, and whether it was opened for this.

    If a dispute is open already, that one is used. Call it in a transaction; the caller writes the audit line.
    """
    there = Dispute.objects.filter(plugin=plugin, state=DisputeState.OPEN).first()
    if there is not None:
        freeze(there)
        return there, False
    filed = (
        claimant
        and Dispute.objects.filter(plugin=plugin, claimant=claimant, state=DisputeState.FILED).first()
    )
    dispute = filed or Dispute.objects.create(plugin=plugin, claimant=claimant, reason=reason)
    _open(dispute, by)
    return dispute, True


def _open(dispute: Dispute, by: User) -> int:
    """Open a filed dispute and freeze the earnings it is about. Give the number of transfers."""
    now = timezone.now()
    try:
        with transaction.atomic():
            opened = Dispute.objects.filter(pk=dispute.pk, state=DisputeState.FILED).update(
                state=DisputeState.OPEN,
                opened_at=now,
                opened_by=by,
                accrued_from=now - timedelta(days=settings.DISPUTES.days),
            )
    except IntegrityError as error:
        raise Refused("Another dispute about this plug-in is open. Decide that one first.") from error
    if not opened:
        raise Refused("Only a dispute that was filed, and not answered yet, can be opened.")
    dispute.refresh_from_db()
    return freeze(dispute)
