"""What the sweeper does for payments: send the offline gateway's webhooks that are due, and ask for lost ones."""

from __future__ import annotations

from market.payments import offline_gateway
from market.payments.gateways import available
from market.payments.top_ups import reconcile
from market.payments.webhooks import send_to_market


def sweep_payments() -> int:
    """Return how many payments were moved on."""
    sent = 0
    if any(gateway.name == offline_gateway.OfflineGateway.name for gateway in available()):
        sent = offline_gateway.deliver_due(send_to_market)
    return sent + reconcile()
