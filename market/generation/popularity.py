"""How popular plug-ins are, for the search: used by whom, and who came back.

It cannot be bought. Only requests that a wallet paid for count: neither promotional credit nor what cost nothing. Nobody counts who is paid for
the plug-in, or shares a card, an address or a device with its owner. Of one person some pictures count, however many they buy. What
was refunded does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from market.catalog.models import PlugIn, Popularity
from market.catalog.royalties import Royalty, royalties
from market.generation.models import RequestPlugIn
from market.ledger.models import AccountKind, HoldOutcome, Transfer, TransferKind
from market.payments.traces import sharing_with

MOST_OF_ONE = 20
"""How many pictures of one person count."""
AT_ONCE = 200
OVERLAP = timedelta(minutes=10)
"""A payment that was under way during the last count may bear a time before it."""
COUNTED_ANEW = timedelta(days=7)
"""What is not used any more is counted again after so long: for refunds, and for people found to be one."""


def count_popularity() -> int:
    """Count plug-ins that were used since the last count, and some that were not counted for long. Give how many."""
    now = timezone.now()
    last: datetime | None = Popularity.objects.aggregate(last=Max("counted_at"))["last"]
    used = RequestPlugIn.objects.filter(request__hold__resolution__outcome=HoldOutcome.POSTED)
    if last is not None:
        used = used.filter(request__hold__resolution__created_at__gt=last - OVERLAP)
    due = set(used.values_list("version__plugin", flat=True))
    old = Popularity.objects.filter(counted_at__lt=now - COUNTED_ANEW).order_by("counted_at")
    due |= set(old.values_list("plugin", flat=True)[:AT_ONCE])
    for some in _batches(sorted(due)):
        _count(some, now)
    return len(due)


def _batches(numbers: list[int]) -> Iterable[list[int]]:
    return (numbers[start : start + AT_ONCE] for start in range(0, len(numbers), AT_ONCE))


def _count(plugins: Collection[int], now: datetime) -> None:
    uses: dict[int, dict[int, tuple[int, int]]] = {}
    for row in _paid_uses(plugins):
        by_person = uses.setdefault(row["version__plugin"], {})
        by_person[row["request__person"]] = (row["pictures"], row["days"])
    known = list(PlugIn.objects.filter(pk__in=plugins).with_everything())
    paid = royalties(known)
    Popularity.objects.bulk_create(
        [
            _popularity(
                plugin, uses.get(plugin.pk, {}), _people(paid.get(plugin.current_version_id or 0, [])), now
            )
            for plugin in known
        ],
        update_conflicts=True,
        unique_fields=["plugin"],
        update_fields=["pictures", "people", "came_back", "counted_at"],
    )


def _paid_uses(plugins: Collection[int]) -> Any:
    """Give for each plug-in and person the pictures that their wallet paid for, and on how many days."""
    given_back = Transfer.objects.filter(
        Q(reverses=OuterRef("request__hold__resolution__transfer"))
        | Q(kind=TransferKind.REFUND, reference=OuterRef("request__hold__reference"))
    )
    return (
        RequestPlugIn.objects.filter(
            ~Exists(given_back),
            version__plugin__in=plugins,
            weight__gt=0,
            request__hold__resolution__outcome=HoldOutcome.POSTED,
            request__hold__payer__kind=AccountKind.WALLET,
        )
        .order_by()
        .values("version__plugin", "request__person")
        .annotate(pictures=Sum("request__count"), days=Count(TruncDate("request__created_at"), distinct=True))
    )


def _people(paid: Iterable[Royalty]) -> set[int]:
    return {each.person.pk for each in paid}


def _popularity(
    plugin: PlugIn, uses: dict[int, tuple[int, int]], paid: set[int], now: datetime
) -> Popularity:
    strangers = set(uses) - paid - {plugin.owner_id}
    strangers -= sharing_with(plugin.owner, strangers) if strangers else set()
    counted = [uses[person] for person in strangers]
    return Popularity(
        plugin=plugin,
        pictures=sum(min(pictures, MOST_OF_ONE) for pictures, _ in counted),
        people=len(counted),
        came_back=sum(days > 1 for _, days in counted),
        counted_at=now,
    )
