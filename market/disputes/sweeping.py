"""What the sweeper does for disputes."""

from __future__ import annotations

from market.disputes.freezing import freeze
from market.disputes.models import DECIDED, Dispute, DisputeState
from market.disputes.settling import settle


def sweep_disputes() -> int:
    """Freeze what came in for open disputes, and continue refunds of decided ones. Give how many disputes moved."""
    moved = sum(bool(freeze(each)) for each in Dispute.objects.filter(state=DisputeState.OPEN))
    deciding = Dispute.objects.filter(state__in=DECIDED, settled_at=None)
    return moved + sum(settle(each) for each in deciding)
