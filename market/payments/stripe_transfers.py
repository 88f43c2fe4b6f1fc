"""Payouts to accounts at Stripe connected to the market's: one transfer each, made by the sweeper once the batch is sent.

Each transfer is made under the payout's own key. Stripe forgets keys after a day, so the sweeper looks for a transfer before it
asks again. So it is made once, however often the sweeper dies between asking and noting the answer.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from market.payments.batches import note_returned, note_transferred
from market.payments.gateways.protocol import GatewayDown, GatewayRefused, GatewayUnavailable, UnknownPayment
from market.payments.gateways.stripe_api import api, cents, stripe_errors
from market.payments.models import Payout, PayoutState

log = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(minutes=2)
"""How long a payout is left alone after a try: longer than the sweeper waits for Stripe in all."""

AT_ONCE = 20


def send_transfers() -> int:
    """Transfer the sent payouts that go through Stripe. Give how many ended, paid or given back."""
    ended = 0
    waiting = Payout.objects.filter(state=PayoutState.SENT).exclude(stripe_account="").order_by("created_at")
    tried_lately = Q(stripe_tried_at__gt=timezone.now() - AGAIN_AFTER)
    for payout in list(waiting.exclude(tried_lately)[:AT_ONCE]):
        claimed = Payout.objects.filter(
            pk=payout.pk, state=PayoutState.SENT, stripe_tried_at=payout.stripe_tried_at
        ).update(stripe_tried_at=timezone.now())
        if not claimed:
            continue
        try:
            note_transferred(payout, _transfer(payout))
        except (GatewayRefused, UnknownPayment) as error:
            note_returned(payout, str(error))
        except (GatewayDown, GatewayUnavailable) as error:
            log.warning("%s waits: %s", payout, error)
            break  # so would the others
        ended += 1
    return ended


def _transfer(payout: Payout) -> str:
    """Have Stripe transfer a payout, if it has not yet. Give the transfer's id."""
    group = f"payout:{payout.pk}"
    client = api().v1.transfers
    if payout.stripe_tried_at is not None:
        try:
            with stripe_errors():
                made = client.list(params={"transfer_group": group, "limit": 1}).data
        except (GatewayRefused, UnknownPayment) as error:
            # We do not know whether it was made, so it must not be given back.
            raise GatewayDown(str(error)) from error
        if made:
            return made[0].id
    with stripe_errors():
        return client.create(
            params={
                "amount": cents(payout.amount),
                "currency": payout.currency.lower(),
                "destination": payout.stripe_account,
                "transfer_group": group,
                "description": f"Royalties {payout.created_at:%Y-%m-%d}",
                "metadata": {"payout": str(payout.pk)},
            },
            options={"idempotency_key": group},
        ).id
