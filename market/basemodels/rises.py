"""How much dearer something may become within a day: by a share of the lowest price at which it was on offer.

An offer counts even if it was withdrawn since, so withdrawing and offering again is no way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from market.accounts.mailing import moment
from market.basemodels.models import PastPriceQuerySet
from market.ledger.money import formatted
from market.refusals import invalid

WITHIN = timedelta(hours=24)
CENT = 10_000


@dataclass(frozen=True)
class Bound:
    """The most that something may cost now. more_from: when more is possible. None: a day after the price has reached the most."""

    most: int
    lowest: int
    more_from: datetime | None = None


def bound(price: int, *, offered: bool, past: PastPriceQuerySet[Any]) -> Bound | None:
    """Give the most that something that costs `price` may cost now. None if it was not on offer within the last day."""
    lately = past.filter(offered=True, until__gt=timezone.now() - WITHIN)
    lowest = min([*lately.values_list("micros", flat=True), *([price] if offered else [])], default=None)
    if lowest is None:
        return None
    most = lowest + max(lowest * settings.FEES.price_rise_percent // 100, CENT)
    if offered and price == lowest:
        return Bound(most, lowest)
    ended = lately.filter(micros=lowest).aggregate(last=Max("until"))["last"]
    return Bound(most, lowest, ended + WITHIN)


def require_no_jump(
    wished: int,
    price: int,
    *,
    offered: bool,
    past: PastPriceQuerySet[Any],
    field: str,
    free_to: int = 0,
) -> None:
    """Refuse a price that rises too much at once. It may rise to `free_to` at any time."""
    limit = bound(price, offered=offered, past=past) if wished > max(price, free_to) else None
    if limit is None or wished <= limit.most:
        return
    more = (
        f"More is possible from {moment(limit.more_from)} on"
        if limit.more_from
        else "More is possible 24 hours after that"
    )
    raise invalid(
        f"At most {formatted(max(limit.most, free_to))} now. Within 24 hours a price may rise by {settings.FEES.price_rise_percent} %, or by "
        f"a cent if that is more. The lowest price of the last 24 hours was {formatted(limit.lowest)}. {more}.",
        field=field,
    )
