"""Read the ledger: who was paid what for a picture, and what a person earned.

A request is known by its transfer's reference ("generation:<uuid>"), and what is paid for by the entry's subject
("plugin-version:12"). Reversals are entries as well, so sums are net of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet, Sum

from market.accounts.models import User
from market.ledger.models import Account, AccountKind, Entry, Figure, FigureSort, Hold

PAID_KINDS = (AccountKind.EARNINGS.value, AccountKind.PLATFORM_REVENUE.value)
FEE_LINES = ("plugin_fee", "base_fee")


@dataclass(frozen=True)
class CreditLine:
    """Who was paid how much for one part of a request. `owner` is None for the market's commission."""

    account: Account
    owner: User | None
    amount: int
    line: str
    subject: str
    memo: str


def credits(reference: str) -> list[CreditLine]:  # noqa: A001  # as the pages call it
    """Return who was paid what for a request, in posting order, net of reversals.

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
    """Return the entries that pay this person for requests (or take such a payment back)."""
    return Entry.objects.filter(
        account__owner=person,
        account__kind=AccountKind.EARNINGS,
        account__currency=currency,
        line__in=FEE_LINES,
    )


def paid_to(account: Account, before: date | None = None) -> int:
    """Sum what came to an account, ever or before a day. Not for payers' accounts: those are summed together."""
    sums = Figure.spans.ever() if before is None else Figure.spans.before(before)
    return total(sums.filter(account=account, sort=FigureSort.ACCOUNT))


def total(sums: QuerySet[Figure]) -> int:
    return int(sums.aggregate(total=Sum("amount"))["total"] or 0)


def earned_by_subject(person: User, currency: str = "EUR") -> dict[str, int]:
    """Sum this person's payments, by what they were for."""
    sums = Figure.spans.ever().filter(
        sort=FigureSort.LINE,
        account__owner=person,
        account_kind=AccountKind.EARNINGS,
        currency=currency,
        line__in=FEE_LINES,
    )
    return {subject: int(total) for subject, total in sums.values_list("subject").annotate(Sum("amount"))}


def within(
    entries: QuerySet[Entry], start: datetime | None = None, end: datetime | None = None
) -> QuerySet[Entry]:
    """Keep the entries from `start` on and before `end`."""
    if start is not None:
        entries = entries.filter(created_at__gte=start)
    if end is not None:
        entries = entries.filter(created_at__lt=end)
    return entries
