"""What the sweeper does for payments: send the offline gateway's webhooks that are due, ask for lost ones, follow charge-backs, begin and
transfer payouts.
"""

from __future__ import annotations

from django.core.cache import cache

from market.payments.charge_backs import sweep_charge_backs
from market.payments.gateways import offline
from market.payments.gateways.registry import available
from market.payments.payouts import request_monthly
from market.payments.stripe_transfers import send_transfers
from market.payments.top_ups import reconcile
from market.payments.traces import forget_traces
from market.payments.webhooks import send_to_market

_MONTHLY_EVERY = 3600  # seconds: to see who can be paid takes a sum for each


def sweep_payments() -> int:
    """Return how many payments were moved on."""
    sent = 0
    if any(gateway.name == offline.OfflineGateway.name for gateway in available()):
        sent = offline.deliver_due(send_to_market)
    moved = sent + reconcile() + sweep_charge_backs() + send_transfers()
    if not cache.add("payments:monthly", 1, _MONTHLY_EVERY):
        return moved
    return moved + request_monthly() + forget_traces()
