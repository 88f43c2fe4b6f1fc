"""The market's figures over a period, each a sum over ledger entries (so that it equals the ledger)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Case, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import TruncDate

from market.accounts.models import User
from market.ledger.describing import describe
from market.ledger.models import PAYER_KINDS, Account, AccountKind, Entry
from market.ledger.queries import query_count, within
from market.reports.periods import Period

ROYALTY = Q(account__kind=AccountKind.EARNINGS, line="plugin_fee")
BASE_FEE = Q(account__kind=AccountKind.EARNINGS, line="base_fee")
COMMISSION = Q(account__kind=AccountKind.PLATFORM_REVENUE, line="commission")
CHARGE = Q(account__kind__in=PAYER_KINDS, line="charge")
MONEY_IN = Q(account__kind=AccountKind.GATEWAY_CLEARING, line="top_up")


def entries_in(period: Period, currency: str = "EUR") -> QuerySet[Entry]:
    return within(Entry.objects.filter(account__currency=currency), period.start, period.end).order_by()


@dataclass(frozen=True)
class Totals:
    """The market over a period; `held`, `in_wallets` and `owed` are as of now. Amounts in micro-units."""

    gross: int
    royalties: int
    base_fees: int
    commission: int
    top_ups: int
    queries: int
    held: int
    in_wallets: int
    owed: int


def totals(period: Period, currency: str = "EUR") -> Totals:
    sums = entries_in(period, currency).aggregate(
        gross=Sum("amount", filter=CHARGE),
        royalties=Sum("amount", filter=ROYALTY),
        base_fees=Sum("amount", filter=BASE_FEE),
        commission=Sum("amount", filter=COMMISSION),
        top_ups=Sum("amount", filter=MONEY_IN),
    )
    queries = entries_in(period, currency).filter(CHARGE).aggregate(number=query_count())["number"]
    wallets = Account.objects.filter(kind__in=PAYER_KINDS, currency=currency).aggregate(
        held=Sum("held"), posted=Sum("posted")
    )
    owed = Entry.objects.filter(account__kind=AccountKind.EARNINGS, account__currency=currency).aggregate(
        total=Sum("amount")
    )["total"]
    return Totals(
        gross=-int(sums["gross"] or 0),
        royalties=int(sums["royalties"] or 0),
        base_fees=int(sums["base_fees"] or 0),
        commission=int(sums["commission"] or 0),
        top_ups=-int(sums["top_ups"] or 0),
        queries=queries,
        held=int(wallets["held"] or 0),
        in_wallets=int(wallets["posted"] or 0),
        owed=int(owed or 0),
    )


@dataclass
class DayRow:
    """One day of the market. The parts sum to what was charged."""

    day: date
    royalties: int = 0
    base_fees: int = 0
    commission: int = 0
    top_ups: int = 0

    @property
    def gross(self) -> int:
        return self.royalties + self.base_fees + self.commission


def by_day(entries: QuerySet[Entry], period: Period) -> list[DayRow]:
    """Return a row for every day of the period, also for those on which nothing happened."""
    rows = {day: DayRow(day) for day in period.days()}
    what = Case(
        When(ROYALTY, then=Value("royalties")),
        When(BASE_FEE, then=Value("base_fees")),
        When(COMMISSION, then=Value("commission")),
        When(MONEY_IN, then=Value("top_ups")),
    )
    sums = entries.annotate(day=TruncDate("created_at"), what=what).filter(what__isnull=False)
    for each in sums.values("day", "what").annotate(sum=Sum("amount")):
        amount = -int(each["sum"]) if each["what"] == "top_ups" else int(each["sum"])
        setattr(rows[each["day"]], each["what"], amount)
    return list(rows.values())


@dataclass
class SubjectRow:
    """What a plug-in (all its versions) or a base (all its releases) brought in."""

    label: str
    href: str
    group: str
    fees: int = 0
    commission: int = 0
    queries: int = 0
    subjects: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.fees + self.commission


def by_subject(entries: QuerySet[Entry], prefix: str) -> list[SubjectRow]:
    """Sum fees and commission per plug-in ("plugin-version") or base ("base-release"), the highest first."""
    sums = (
        entries.filter(ROYALTY | BASE_FEE | COMMISSION, subject__startswith=f"{prefix}:")
        .values("subject", "memo")
        .annotate(
            fees=Sum("amount", filter=ROYALTY | BASE_FEE, default=0),
            commission=Sum("amount", filter=COMMISSION, default=0),
            queries=query_count(),
        )
    )
    found = list(sums)
    names = describe((row["subject"] for row in found), {row["subject"]: row["memo"] for row in found})
    rows: dict[str, SubjectRow] = {}
    for row in found:
        described = names[row["subject"]]
        line = rows.setdefault(described.group, SubjectRow(described.label, described.href, described.group))
        line.fees += int(row["fees"])
        line.commission += int(row["commission"])
        line.queries += row["queries"]
        line.subjects.append(row["subject"])
    return sorted(rows.values(), key=lambda line: (-line.total, line.label, line.group))


@dataclass(frozen=True)
class PersonRow:
    """What one artist or model owner earned."""

    person: User
    royalties: int
    base_fees: int
    queries: int

    @property
    def total(self) -> int:
        return self.royalties + self.base_fees


def by_person(entries: QuerySet[Entry]) -> list[PersonRow]:
    sums = list(
        entries.filter(ROYALTY | BASE_FEE)
        .values(owner=F("account__owner"))
        .annotate(
            royalties=Sum("amount", filter=ROYALTY, default=0),
            base_fees=Sum("amount", filter=BASE_FEE, default=0),
            queries=query_count(),
        )
    )
    people = User.objects.in_bulk([row["owner"] for row in sums])
    rows = [
        PersonRow(people[row["owner"]], int(row["royalties"]), int(row["base_fees"]), row["queries"])
        for row in sums
    ]
    return sorted(rows, key=lambda row: (-row.total, row.person.pk))


def subjects_of(entries: QuerySet[Entry], group: str) -> list[str]:
    """The subjects among these entries that belong to one plug-in or base."""
    found = {
        str(row["subject"]): str(row["memo"])
        for row in entries.exclude(subject="").values("subject", "memo").distinct()
    }
    return [name for name, what in describe(found, found).items() if what.group == group]


def paid_lines(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """The entries that pay somebody for a query: fees and commission, the latest first."""
    order = Case(When(ROYALTY, then=0), When(BASE_FEE, then=1), default=2, output_field=IntegerField())
    return (
        entries.filter(ROYALTY | BASE_FEE | COMMISSION)
        .select_related("transfer", "account__owner")
        .annotate(order=order)
        .order_by("-transfer", "order", "position")
    )


def name_lines(lines: Iterable[Entry]) -> list[tuple[Entry, str]]:
    """Pair entries with the present name of what they paid for."""
    listed = list(lines)
    names = describe((line.subject for line in listed), _last_memos(listed))
    return [(line, names[line.subject].label) for line in listed]


def _last_memos(lines: Iterable[Entry]) -> dict[str, str]:
    memos: dict[str, str] = defaultdict(str)
    for line in lines:
        memos[line.subject] = memos[line.subject] or line.memo
    return memos
