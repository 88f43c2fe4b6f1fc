"""Read the ledger: who was paid what for a picture, what a person earned, per plug-in, day and query.

Every figure is a sum over entries, so reversals are already taken out of it. A query is known by its transfer's
reference ("generation:<uuid>"); what is paid for, by the entry's subject ("plugin-version:12").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from market.accounts.models import User
from market.ledger.models import Account, AccountKind, Entry, Hold

PAID_KINDS = (AccountKind.EARNINGS.value, AccountKind.PLATFORM_REVENUE.value)
FEE_LINES = ("plugin_fee", "base_fee")
QUERY_LINES = ("charge", *FEE_LINES, "commission")
"""The lines that a query's capture is made of."""


@dataclass(frozen=True)
class CreditLine:
    """Who was paid how much for one part of a query. `owner` is None for the platform's commission."""

    account: Account
    owner: User | None
    amount: int
    line: str
    subject: str
    memo: str


@dataclass(frozen=True)
class SubjectSum:
    """What one subject brought in: the amount, over how many queries, and its name when it was last paid."""

    line: str
    subject: str
    memo: str
    amount: int
    queries: int


@dataclass(frozen=True)
class DaySum:
    day: date
    amount: int
    queries: int


@dataclass(frozen=True)
class QueryLine:
    """One line of one query: what it paid for one subject."""

    transfer: int
    kind: str
    reference: str
    created_at: datetime
    line: str
    subject: str
    memo: str
    amount: int


def credits(reference: str) -> list[CreditLine]:  # noqa: A001  # as the pages call it
    """Return who was paid what for a query, in posting order, net of reversals.

    Terms of zero, such as an artist's own plug-in, are lines of zero. Nothing is returned before the capture.
    """
    entries = Entry.objects.filter(transfer__reference=reference, account__kind__in=PAID_KINDS)
    sums: dict[tuple[int, str, str], tuple[int, str]] = {}
    for row in entries.order_by("pk").values("account", "line", "subject", "memo", "amount"):
        place = (row["account"], row["line"], row["subject"])
        before, memo = sums.get(place, (0, row["memo"]))
        sums[place] = (before + row["amount"], memo)
    for hold in Hold.objects.filter(reference=reference, resolution__outcome="posted").order_by("pk"):
        for share in hold.shares:
            place = (share["account"], share["line"], share["subject"])
            if share["amount"] == 0 and place not in sums:
                sums[place] = (0, share["memo"])
    accounts = Account.objects.select_related("owner").in_bulk({account for account, _, _ in sums})
    return [
        CreditLine(
            account=accounts[account], owner=accounts[account].owner, amount=amount, line=line, subject=subject,
            memo=memo,
        )
        for (account, line, subject), (amount, memo) in sums.items()
    ]  # fmt: skip


def earned(person: User, currency: str = "EUR") -> QuerySet[Entry]:
    """Return the entries that pay this person for queries (or take such a payment back)."""
    return Entry.objects.filter(
        account__owner=person,
        account__kind=AccountKind.EARNINGS,
        account__currency=currency,
        line__in=FEE_LINES,
    )


def within(
    entries: QuerySet[Entry], start: datetime | None = None, end: datetime | None = None
) -> QuerySet[Entry]:
    """Keep the entries from `start` on and before `end`."""
    if start is not None:
        entries = entries.filter(created_at__gte=start)
    if end is not None:
        entries = entries.filter(created_at__lt=end)
    return entries


def total(entries: QuerySet[Entry]) -> int:
    return int(entries.aggregate(total=Sum("amount"))["total"] or 0)


def query_count() -> Count:
    """Count the distinct queries among entries; a query that was reversed still counts as one."""
    return Count("transfer__reference", distinct=True, filter=~Q(transfer__reference=""))


def by_subject(entries: QuerySet[Entry]) -> list[SubjectSum]:
    """Sum entries per line and subject, the highest first."""
    rows = (
        entries.order_by()
        .values("line", "subject")
        .annotate(sum=Sum("amount"), queries=query_count(), name=Max("memo"))
        .order_by("-sum", "subject")
    )
    return [
        SubjectSum(
            line=row["line"], subject=row["subject"], memo=row["name"], amount=int(row["sum"]),
            queries=row["queries"],
        )
        for row in rows
    ]  # fmt: skip


def by_day(entries: QuerySet[Entry]) -> list[DaySum]:
    """Sum entries per day of the current time zone, in order; days without entries are left out."""
    rows = (
        entries.order_by()
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(sum=Sum("amount"), queries=query_count())
        .order_by("day")
    )
    return [DaySum(day=row["day"], amount=int(row["sum"]), queries=row["queries"]) for row in rows]


def query_lines(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """Order entries for a list of query lines, the latest first, with their transfers."""
    return entries.select_related("transfer", "account__owner").order_by("-created_at", "-pk")


def as_lines(entries: Sequence[Entry]) -> list[QueryLine]:
    return [
        QueryLine(
            transfer=entry.transfer_id,
            kind=entry.transfer.kind,
            reference=entry.transfer.reference,
            created_at=entry.created_at,
            line=entry.line,
            subject=entry.subject,
            memo=entry.memo,
            amount=entry.amount,
        )
        for entry in entries
    ]


def first_day(entries: QuerySet[Entry]) -> date | None:
    """The day of the earliest of these entries."""
    first: datetime | None = entries.aggregate(first=Min("created_at"))["first"]
    return first.date() if first else None
