"""`manage.py look_at_trade`: do now what the sweeper does every night."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.ledger.money import formatted
from market.trading.flagging import look_at_trade


class Command(BaseCommand):
    help = (
        "Look at the trade of the last days, and flag what looks as if people paid themselves. The sweeper does it every night. Safe to "
        "repeat: what is flagged is not flagged again."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.TRADE.held_days:
            raise CommandError("TRADE_HELD_DAYS is 0: trade is not looked at. Set it to 1 or more days.")
        found = look_at_trade()
        for flag in found.flags:
            self.stdout.write(f"{flag}: {formatted(flag.amount)}, {flag.score} points")
            for reason in flag.reasons.select_related("payer", "flag__person"):
                self.stdout.write(f"  {reason.words} {reason.points} points, {formatted(reason.amount)}")
        pairs, flags = found.pairs, len(found.flags)
        self.stdout.write(f"{pairs} pairs of payer and receiver looked at, {flags} flags made or grown.")
