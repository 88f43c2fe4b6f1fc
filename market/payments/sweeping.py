"""What the sweeper does for payments: send the offline gateway's due webhooks, ask about lost ones, transfer payouts."""

from __future__ import annotations

from market.payments.gateways import offline
from market.payments.gateways.registry import available
from market.payments.stripe_transfers import send_transfers
from market.payments.top_ups import reconcile
from market.payments.webhooks import send_to_market


def sweep_payments() -> int:
    """Return how many payments were moved on."""
    sent = 0
    if any(gateway.name == offline.OfflineGateway.name for gateway in available()):
        sent = offline.deliver_due(send_to_market)
    return sent + reconcile() + send_transfers()
