"""End a dispute: an admin dismisses it before anything was frozen, or decides it, or its takedown ends it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from market.accounts.models import User
from market.audit.recording import record
from market.disputes.access import require_may_act
from market.disputes.freezing import freeze
from market.disputes.models import DECIDED, Dispute, DisputeState
from market.disputes.settling import settle
from market.refusals import Refused, gone_on

_NO_CLAIMANT = "Nobody with an account here asked for this: give it back to the artist, or to those who paid."


def dismiss_dispute(dispute: Dispute, admin: User, decision: str) -> None:
    """Dismiss a dispute without opening it: nothing was frozen."""
    require_may_act(admin, dispute)
    with transaction.atomic():
        _end(dispute, DisputeState.FILED, DisputeState.DISMISSED, admin, decision)
        _record_end(dispute, DisputeState.FILED, admin)


def decide_dispute(dispute: Dispute, admin: User, outcome: DisputeState, decision: str) -> Dispute:
    """End an open dispute. Its escrow goes where the decision says: at once or, if many people paid, over the next minutes."""
    require_may_act(admin, dispute)
    if outcome not in DECIDED:
        raise Refused("Decide for the artist, for the claimant, or for those who paid.")
    if outcome == DisputeState.AWARDED and dispute.claimant_id is None:
        raise Refused(_NO_CLAIMANT)
    with transaction.atomic():
        freeze(dispute)  # what came in since the last sweep
        _end(dispute, DisputeState.OPEN, outcome, admin, decision)
        _record_end(dispute, DisputeState.OPEN, admin)
        settle(dispute)
    return dispute


def end_for_takedown(dispute: Dispute, outcome: DisputeState, decision: str, by: User | None) -> None:
    """Decide an open dispute because its takedown ended. A dispute decided meanwhile stays so. `by` is None: the rule did it."""
    if outcome == DisputeState.AWARDED and dispute.claimant_id is None:
        raise Refused(_NO_CLAIMANT)
    if Dispute.objects.filter(pk=dispute.pk, state=DisputeState.OPEN).exists():
        freeze(dispute)  # what came in since the last sweep
        _end(dispute, DisputeState.OPEN, outcome, by, decision)
        settle(dispute)


def _end(dispute: Dispute, before: DisputeState, after: DisputeState, by: User | None, decision: str) -> None:
    decision = decision.strip()
    if not decision:
        raise Refused("Say why it is decided so: both sides will read it.")
    ended = Dispute.objects.filter(pk=dispute.pk, state=before).update(
        state=after, decided_at=timezone.now(), decided_by=by, decision=decision[:4000]
    )
    if not ended:
        raise gone_on("dispute")
    dispute.refresh_from_db()


def _record_end(dispute: Dispute, before: DisputeState, admin: User) -> None:
    record(
        "dispute.dismissed" if dispute.state == DisputeState.DISMISSED else "dispute.decided",
        by=admin,
        target=dispute,
        changes={"state": (before, dispute.state)},
        reason=dispute.decision,
    )
