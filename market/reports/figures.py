"""The market's figures over a period.

Each is a sum over ledger entries, so it equals the ledger. They are read from the sums by day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Case, Max, Min, Q, QuerySet, Sum, Value, When

from market.accounts.models import User
from market.ledger.describing import describe
from market.ledger.memos import fee_memo, name_in, through_in
from market.ledger.models import PAYER_KINDS, AccountKind, Entry, Figure, FigureSort, PayerBalance
from market.ledger.queries import FEE_LINES, total, within
from market.ledger.statements import Month
from market.reports.periods import Grain, Period

ROYALTY = Q(account_kind=AccountKind.EARNINGS, line="plugin_fee")
BASE_FEE = Q(account_kind=AccountKind.EARNINGS, line="base_fee")
COMMISSION = Q(account_kind=AccountKind.PLATFORM_REVENUE, line="commission")
CHARGE = Q(account_kind__in=PAYER_KINDS, line="charge")
BY_CREDIT = CHARGE & Q(account_kind=AccountKind.PROMOTION)
MONEY_IN = Q(account_kind=AccountKind.GATEWAY_CLEARING, line="top_up")

PAID = Q(account__kind=AccountKind.EARNINGS, line__in=FEE_LINES) | Q(
    account__kind=AccountKind.PLATFORM_REVENUE, line="commission"
)
"""The entries that pay somebody for a request."""


def sums_in(period: Period, currency: str = "EUR") -> QuerySet[Figure]:
    """The fewest sums that add up to the period: its whole months, and the days at its ends. All sorts of sums."""
    return Figure.spans.between(period.first, period.last).filter(currency=currency).order_by()


def days_in(period: Period, currency: str = "EUR") -> QuerySet[Figure]:
    """The day sums of the period, all sorts."""
    return Figure.objects.filter(day__gte=period.first, day__lte=period.last, currency=currency).order_by()


def of_person(sums: QuerySet[Figure], person: User) -> QuerySet[Figure]:
    """Keep what was paid into this person's earnings."""
    return sums.filter(account__owner=person, account_kind=AccountKind.EARNINGS)


def entries_in(period: Period, currency: str = "EUR") -> QuerySet[Entry]:
    return within(Entry.objects.filter(account__currency=currency), period.start, period.end).order_by()


def paid_sums(sums: QuerySet[Figure]) -> QuerySet[Figure]:
    """Keep the sums of payments for requests: of the same entries as `paid_lines`."""
    return _lines(sums).filter(ROYALTY | BASE_FEE | COMMISSION)


def query_count(sums: QuerySet[Figure]) -> int:
    """Count the requests that paid one account. A reversed one still counts."""
    return int(sums.filter(sort=FigureSort.ACCOUNT).aggregate(number=Sum("captures"))["number"] or 0)


def _lines(sums: QuerySet[Figure], *, narrowed: bool = True) -> QuerySet[Figure]:
    """Sums by line. Reports without a filter read the few sums by kind of account, which cover everything."""
    return sums.filter(sort=FigureSort.LINE if narrowed else FigureSort.KIND)


@dataclass(frozen=True)
class Totals:
    """The market over a period. Amounts are in micro-units.

    top_ups: money that came in.
    by_credit: what was charged to promotional credit.
    queries: how many requests were charged.
    taken_back: how many charges were reversed, of this or an earlier period.

    These four are about payers, so they are missing in sums filtered by who was paid or for what.
    """

    royalties: int
    base_fees: int
    commission: int
    top_ups: int
    by_credit: int
    queries: int
    taken_back: int

    @property
    def gross(self) -> int:
        """What was charged: the sum of its parts."""
        return self.royalties + self.base_fees + self.commission


@dataclass(frozen=True)
class Standing:
    """What the market keeps for people now, in micro-units.

    It is held for running requests, in wallets, given as promotional credit and not spent, or earned and not paid out.
    """

    held: int
    in_wallets: int
    in_credit: int
    owed: int


def totals(sums: QuerySet[Figure], *, narrowed: bool = False) -> Totals:
    found = _lines(sums, narrowed=narrowed).aggregate(
        royalties=Sum("amount", filter=ROYALTY),
        base_fees=Sum("amount", filter=BASE_FEE),
        commission=Sum("amount", filter=COMMISSION),
        top_ups=Sum("amount", filter=MONEY_IN),
        by_credit=Sum("amount", filter=BY_CREDIT),
        queries=Sum("captures", filter=CHARGE),
        charges=Sum("transfers", filter=CHARGE),
    )
    return Totals(
        royalties=int(found["royalties"] or 0),
        base_fees=int(found["base_fees"] or 0),
        commission=int(found["commission"] or 0),
        top_ups=-int(found["top_ups"] or 0),
        by_credit=-int(found["by_credit"] or 0),
        queries=int(found["queries"] or 0),
        taken_back=int(found["charges"] or 0) - int(found["queries"] or 0),
    )


def standing(currency: str = "EUR") -> Standing:
    wallets = PayerBalance.objects.filter(account__currency=currency).aggregate(
        held=Sum("held"),
        in_wallets=Sum("posted", filter=Q(account__kind=AccountKind.WALLET)),
        in_credit=Sum("posted", filter=Q(account__kind=AccountKind.PROMOTION)),
    )
    owed = Figure.spans.ever().filter(
        sort=FigureSort.KIND, account_kind=AccountKind.EARNINGS, currency=currency
    )
    return Standing(
        held=int(wallets["held"] or 0),
        in_wallets=int(wallets["in_wallets"] or 0),
        in_credit=int(wallets["in_credit"] or 0),
        owed=total(owed),
    )


@dataclass(frozen=True)
class MonthRow:
    """What requests paid in one month."""

    month: Month
    gross: int
    royalties: int
    base_fees: int
    commission: int
    queries: int


def by_month(currency: str = "EUR") -> list[MonthRow]:
    """Return a row for every month in which something was posted, the earliest first."""
    rows = (
        _lines(Figure.spans.ever().filter(currency=currency).order_by(), narrowed=False)
        .values("day")
        .annotate(
            gross=Sum("amount", filter=CHARGE, default=0),
            royalties=Sum("amount", filter=ROYALTY, default=0),
            base_fees=Sum("amount", filter=BASE_FEE, default=0),
            commission=Sum("amount", filter=COMMISSION, default=0),
            queries=Sum("captures", filter=CHARGE, default=0),
        )
        .order_by("day")
    )
    return [
        MonthRow(
            month=Month.of(row["day"]),
            gross=-int(row["gross"]),
            royalties=int(row["royalties"]),
            base_fees=int(row["base_fees"]),
            commission=int(row["commission"]),
            queries=int(row["queries"]),
        )
        for row in rows
    ]


@dataclass
class SpanRow:
    """A day, a week or a month of the market. The parts sum to what was charged."""

    span: Period
    royalties: int = 0
    base_fees: int = 0
    commission: int = 0
    top_ups: int = 0

    @property
    def gross(self) -> int:
        return self.royalties + self.base_fees + self.commission


def by_span(sums: QuerySet[Figure], period: Period, grain: Grain, *, narrowed: bool = False) -> list[SpanRow]:
    """Return a row for every day, week or month of the period, also for empty ones. `sums` are day sums."""
    rows = [SpanRow(span) for span in period.spans(grain)]
    row_of = {day: row for row in rows for day in row.span.days()}
    what = Case(
        When(ROYALTY, then=Value("royalties")),
        When(BASE_FEE, then=Value("base_fees")),
        When(COMMISSION, then=Value("commission")),
        When(MONEY_IN, then=Value("top_ups")),
    )
    found = _lines(sums, narrowed=narrowed).annotate(what=what).filter(what__isnull=False)
    for each in found.values("day", "what").annotate(sum=Sum("amount")):
        amount = -int(each["sum"]) if each["what"] == "top_ups" else int(each["sum"])
        row, name = row_of[each["day"]], each["what"]
        setattr(row, name, getattr(row, name) + amount)
    return rows


@dataclass
class SubjectRow:
    """What a plug-in (all its versions) or a base (all its releases) brought in.

    queries: how many requests. None if the sums cannot tell, since one request may have paid several of the people in the
    filter.
    """

    label: str
    href: str
    group: str
    fees: int = 0
    commission: int = 0
    queries: int | None = 0
    subjects: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.fees + self.commission


def by_subject(sums: QuerySet[Figure], prefix: str) -> list[SubjectRow]:
    """Sum fees and commission per plug-in ("plugin-version") or base ("base-release"), the highest first.

    A request counts once for each subject, however many people were paid for it.
    """
    found = list(
        paid_sums(sums)
        .filter(subject__startswith=f"{prefix}:")
        .values("subject")
        .annotate(
            fees=Sum("amount", filter=ROYALTY | BASE_FEE, default=0),
            commission=Sum("amount", filter=COMMISSION, default=0),
            captures=Sum("captures", filter=ROYALTY | BASE_FEE, default=0),
            # Whether it is one account. Counting distinct accounts would need a sort.
            lowest=Min("account", filter=ROYALTY | BASE_FEE),
            highest=Max("account", filter=ROYALTY | BASE_FEE),
            memo=Max("memo"),
        )
    )
    # Sums of all accounts together. With a filter by account there are none; then each account has one line for each subject.
    counted = sums.filter(sort=FigureSort.SUBJECT, subject__in=[row["subject"] for row in found])
    queries = dict(counted.values_list("subject").annotate(number=Sum("captures")))
    names = describe(
        (row["subject"] for row in found), {row["subject"]: name_in(row["memo"]) for row in found}
    )
    rows: dict[str, SubjectRow] = {}
    for row in found:
        described = names[row["subject"]]
        line = rows.setdefault(described.group, SubjectRow(described.label, described.href, described.group))
        line.fees += int(row["fees"])
        line.commission += int(row["commission"])
        alone = int(row["captures"]) if row["lowest"] == row["highest"] else None
        line.queries = _plus(line.queries, queries.get(row["subject"], alone))
        line.subjects.append(row["subject"])
    return sorted(rows.values(), key=lambda line: (-line.total, line.label, line.group))


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + int(other)


@dataclass(frozen=True)
class Mover:
    """What brought in more, or less, than in the period before. The amounts are what was charged."""

    row: SubjectRow
    before: int

    @property
    def change(self) -> int:
        return self.row.total - self.before


def movers(now: Sequence[SubjectRow], before: Sequence[SubjectRow], most: int = 5) -> list[Mover]:
    """Give the rows that changed most, up or down, the largest change first."""
    earlier = {row.group: row for row in before}
    both = [Mover(row, earlier[row.group].total if row.group in earlier else 0) for row in now]
    shown = {row.group for row in now}
    gone = [
        Mover(SubjectRow(row.label, row.href, row.group), row.total)
        for row in before
        if row.group not in shown
    ]
    moved = sorted((m for m in [*both, *gone] if m.change), key=lambda m: (-abs(m.change), m.row.label))
    return moved[:most]


def subjects_of(sums: QuerySet[Figure], group: str) -> list[str]:
    """The subjects among these sums that belong to one plug-in or base."""
    memos = _lines(sums).exclude(subject="").values_list("subject").annotate(memo=Max("memo"))
    found = {subject: name_in(memo) for subject, memo in memos}
    return [name for name, what in describe(found, found).items() if what.group == group]


def paid_lines(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """The entries that pay somebody for a request: fees and commission. The latest request first, each in posting order."""
    lines = entries.filter(PAID).select_related("transfer", "account__owner")
    return lines.order_by("-created_at", "-transfer_id", "position")


def name_lines(lines: Iterable[Entry]) -> list[tuple[Entry, str]]:
    """Pair entries with the present name of what they paid for, and with the parts of it through which they paid."""
    listed = list(lines)
    names = describe((line.subject for line in listed), _last_memos(listed))
    return [(line, fee_memo(names[line.subject].label, through_in(line.memo))) for line in listed]


def _last_memos(lines: Iterable[Entry]) -> dict[str, str]:
    memos: dict[str, str] = defaultdict(str)
    for line in lines:
        memos[line.subject] = memos[line.subject] or name_in(line.memo)
    return memos
