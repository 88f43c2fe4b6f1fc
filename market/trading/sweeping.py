"""What the sweeper does for trade: look at it once a night, hold what flags are about, and release what nobody decided in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from market.trading.deciding import lapse
from market.trading.flagging import look_at_trade
from market.trading.holding import hold
from market.trading.models import FlagState, TradeFlag, TradeLook

NIGHT = 3  # o'clock in UTC: an hour after the ledger is verified


def look_nightly(now: datetime | None = None) -> int:
    """Look at the trade, once a night, or later if the market was down. Give how many flags were made or grew."""
    now = (now or timezone.now()).astimezone(UTC)
    night = (now - timedelta(hours=NIGHT)).date()
    if not settings.TRADE.held_days or TradeLook.objects.filter(night__gte=night).exists():
        return 0
    with transaction.atomic():
        try:
            with transaction.atomic():
                look = TradeLook.objects.create(night=night, looked_at=now, pairs=0, flags=0)
        except IntegrityError:
            return 0  # another sweeper has looked
        # If this fails, the night is not taken, and the next round tries again.
        found = look_at_trade(now)
        look.pairs, look.flags = found.pairs, len(found.flags)
        look.save(update_fields=["pairs", "flags"])
    return look.flags


def sweep_flags(now: datetime | None = None) -> int:
    """Release what is due, and hold what is not held yet. Give how many flags changed."""
    now = now or timezone.now()
    changed = 0
    for flag in TradeFlag.objects.filter(state=FlagState.OPEN):
        changed += lapse(flag, now) if flag.due_at <= now else bool(hold(flag, now))
    return changed
