"""The market's commission now: the latest rate for each kind of fee, or the configured rate if none was ever set."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from market.generation.models import CommissionRate


def commission_rates(at: datetime | None = None) -> dict[str, int]:
    """Give the basis points of plugin_fee and base_fee at a moment, or now."""
    rates = {line: settings.FEES.commission_bps for line, _ in CommissionRate.LINES}
    in_force = CommissionRate.objects.filter(valid_from__lte=at or timezone.now())
    latest = in_force.order_by("line", "-valid_from").distinct("line")
    return rates | dict(latest.values_list("line", "basis_points"))
