"""Which accounts share a card, a network address or a device. Promotional credit of one pays nothing to the other.

Such payers do not count for popularity either, and trade between them is a sign that somebody pays themselves (`market.trading`).
It has no other use. Little is kept: a keyed digest of each, and when it was last seen, for 90 days. No address, browser or card can
be read from it. An address is that of a sign-in (for IPv6 its network, /64). A device is the browser's name for itself, together with
the network (/24, /48) it was seen in. Addresses that are not public say nothing about a person: they belong to a proxy, or to this
machine. A card is the gateway's name for it, if the gateway tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from market.accounts.models import User
from market.audit.origin import origin_of
from market.payments.models import Trace, TraceSort

KEPT_FOR = timedelta(days=90)


def listen() -> None:
    """Note each sign-in that the framework reports. Called once, when the apps are ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="payments:traces")


def remember_card(person: User, gateway: str, card: str) -> None:
    """Note the card that a person paid with, by the gateway's name for it."""
    _remember(person, TraceSort.CARD, f"{gateway}:{card}")


def sharing_with(person: User, others: Collection[int]) -> set[int]:
    """Give the ids of those `others` who share a card, an address or a device with a person."""
    lately = Trace.objects.filter(seen_at__gt=timezone.now() - KEPT_FOR)
    digests = lately.filter(person=person).values("digest")
    return set(lately.filter(person__in=others, digest__in=digests).values_list("person", flat=True))


@dataclass(frozen=True)
class Shared:
    """One card, address or device, and all accounts that were seen with it."""

    sort: TraceSort
    people: frozenset[int]


def shared() -> Iterator[Shared]:
    """Give everything that two accounts or more share."""
    lately = Trace.objects.filter(seen_at__gt=timezone.now() - KEPT_FOR).order_by()
    for row in (
        lately.values("digest", "sort")
        .annotate(accounts=Count("person"), people=ArrayAgg("person"))
        .filter(accounts__gt=1)
        .iterator()
    ):
        yield Shared(TraceSort(row["sort"]), frozenset(row["people"]))


def forget_traces() -> int:
    """Delete what was not seen for long. Give how many."""
    return Trace.objects.filter(seen_at__lte=timezone.now() - KEPT_FOR).delete()[0]


def _signed_in(user: Any, request: HttpRequest | None = None, **_: Any) -> None:
    address = origin_of(request).address if request is not None else None
    if request is None or address is None:
        return
    for sort, value in _seen(address, request.META.get("HTTP_USER_AGENT", "")):
        _remember(user, sort, value)


def _seen(address: str, browser: str) -> Iterator[tuple[TraceSort, str]]:
    at = ip_address(address)
    if not at.is_global:
        return
    own, around = (32, 24) if isinstance(at, IPv4Address) else (64, 48)
    yield TraceSort.ADDRESS, str(ip_network((at, own), strict=False))
    if browser:
        yield TraceSort.DEVICE, f"{browser} {ip_network((at, around), strict=False)}"


def _remember(person: User, sort: TraceSort, value: str) -> None:
    digest = salted_hmac("payments.traces", f"{sort}:{value}", algorithm="sha256").hexdigest()
    Trace.objects.update_or_create(
        person=person, digest=digest, defaults={"sort": sort, "seen_at": timezone.now()}
    )
