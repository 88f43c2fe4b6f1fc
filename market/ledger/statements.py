"""A month of one account, with the proof that each of its lines is in the tree that the market signed.

The file is JSON in a single possible form, so that any changed byte shows: `verify_statement.py` writes it again and compares.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.utils import timezone

from market.ledger.leaves import canonical, entries_of, entry_said, header_said, moment, salt_of
from market.ledger.models import Account, Entry, Figure, FigureSort, Leaf, Transfer, TreeHead
from market.ledger.queries import paid_to
from market.ledger.sealing import seal_some, sealed_tree
from market.ledger.signing import signer

FORMAT = "plug-in market statement 1"
_SETTLED = timedelta(hours=1)


class NotSealedYet(Exception):
    """So much was posted lately that the sealer has not reached all of the statement's lines."""


@dataclass(frozen=True, order=True)
class Month:
    """A month in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @classmethod
    def named(cls, name: str) -> Month:
        """Read "2026-11". Raises ValueError."""
        first = datetime.strptime(name, "%Y-%m").date()  # noqa: DTZ007  # a month has no time zone
        if name != f"{first:%Y-%m}" or not name.startswith("20"):
            raise ValueError(f"expected a month such as 2026-11, found {name}")
        return cls.of(first)

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time.min, UTC)

    @property
    def next(self) -> Month:
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


@dataclass(frozen=True)
class Statement:
    """What an account had before a month and after it, in micro-units, and the entries between."""

    account: Account
    month: Month
    before: int
    total: int

    @property
    def after(self) -> int:
        return self.before + self.total

    @property
    def complete(self) -> bool:
        """Whether the month is over, and every transaction begun in it has long ended."""
        return timezone.now() >= self.month.next.start + _SETTLED

    def entries(self) -> QuerySet[Entry]:
        """The month's entries, the earliest first."""
        return _entries(self.account, self.month).select_related("transfer").order_by("created_at", "pk")


def statement(account: Account, month: Month) -> Statement:
    """Give the statement of an account for a month. If the month is not over, it is the statement so far."""
    before = paid_to(account, month.first)
    return Statement(account, month, before, paid_to(account, month.next.first) - before)


def statements(account: Account) -> list[Statement]:
    """Give the statements of all months in which the account had entries, the latest first."""
    months = Figure.spans.ever().filter(account=account, sort=FigureSort.ACCOUNT)
    made, before = [], 0
    # A month with unsealed transfers has two sums.
    for row in months.values("day").annotate(total=Sum("amount")).order_by("day"):
        made.append(Statement(account, Month.of(row["day"]), before, int(row["total"])))
        before = made[-1].after
    return made[::-1]


def proved(made: Statement) -> bytes:
    """Give the statement as a signed file with its proofs. Unsealed lines are sealed first. Raises NotSealedYet."""
    entries = list(made.entries())  # before the sealing, so that all of them can be sealed
    seal_some()
    head = TreeHead.objects.first()
    size = head.size if head else 0
    transfers = {entry.transfer_id for entry in entries}
    leaves = {leaf.transfer_id: leaf for leaf in Leaf.objects.filter(transfer__in=transfers, index__lt=size)}
    if left := len(transfers) - len(leaves):
        raise NotSealedYet(f"{left} of this statement's {len(transfers)} transfers are not sealed yet.")
    headers = _headers(leaves)
    lines = [
        {
            "leaf": leaves[entry.transfer_id].index,
            "header": headers[entry.transfer_id],
            "entry": entry_said(entry),
            "salt": salt_of(bytes(leaves[entry.transfer_id].salt), entry.position).hex(),
        }
        for entry in entries
    ]
    total = sum(entry.amount for entry in entries)
    indices = [leaf.index for leaf in leaves.values()]
    said: dict[str, Any] = {
        "format": FORMAT,
        "market": settings.PUBLIC_URL,
        "person": str(made.account.owner or "the market"),
        "account": made.account.pk,
        "account_kind": made.account.kind,
        "currency": made.account.currency,
        "month": str(made.month),
        "issued_at": moment(timezone.now()),
        "complete": made.complete,
        "before": made.before,
        "total": total,
        "after": made.before + total,
        "lines": lines,
        # Signed again: the head may be older than the key.
        "checkpoint": signer().checkpoint(size, bytes(head.root)) if head else "",
        "proof": [each.hex() for each in sealed_tree(size).proof_of_many(indices)] if indices else [],
    }
    return written(
        {
            "statement": said,
            "key": signer().verifier_key,
            "signature": b64encode(signer().sign(canonical(said))).decode(),
        }
    )


def written(said: dict[str, Any]) -> bytes:
    """Write a statement's file: the keys in order, one a line."""
    return (json.dumps(said, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def _headers(leaves: dict[int, Leaf]) -> dict[int, dict[str, Any]]:
    found = entries_of(leaves)
    transfers = Transfer.objects.in_bulk(leaves)
    return {pk: header_said(transfers[pk], found[pk], bytes(leaf.salt)) for pk, leaf in leaves.items()}


def _entries(account: Account, month: Month) -> QuerySet[Entry]:
    in_month = Entry.objects.filter(account=account, created_at__gte=month.start)
    return in_month.filter(created_at__lt=month.next.start)
