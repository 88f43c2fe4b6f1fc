"""The sums by day are those of the entries, however many transfers are sealed, and nothing but sealing writes them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.db.models import Sum
from django.utils import timezone

from market.ledger import operations as ledger
from market.ledger.models import PAYER_KINDS, Entry, Figure, FigureSort, Rollup, Span
from market.ledger.queries import paid_to
from market.ledger.sealing import seal
from market.ledger.verification import verify
from tests.market.ledger.conftest import Till

pytestmark = pytest.mark.django_db

Key = tuple[Any, ...]


def recomputed() -> dict[str, dict[Key, tuple[int, int, int]]]:
    """Give (amount, transfers, captures) of every figure, counted one entry after the other."""
    sums: dict[str, Counter[Key]] = defaultdict(Counter)
    seen: dict[str, dict[Key, dict[int, bool]]] = defaultdict(lambda: defaultdict(dict))
    for entry in Entry.objects.select_related("transfer", "account"):
        day, account = entry.created_at.date(), entry.account
        number = None if account.kind in PAYER_KINDS else account.pk
        keys = [
            ("line", (day, account.kind, number, entry.line, entry.subject)),
            ("account", (day, account.kind, number, "", "")),
            ("kind", (day, account.kind, None, entry.line, "")),
        ]
        if entry.subject:
            keys.append(("subject", (day, "", None, "", entry.subject)))
        for sort, key in [
            *((f"{sort} by day", key) for sort, key in keys),
            *((f"{sort} by month", (day.replace(day=1), *key[1:])) for sort, key in keys),
        ]:
            sums[sort][key] += entry.amount
            seen[sort][key][entry.transfer_id] = entry.transfer.kind == "capture"
    return {
        sort: {
            key: (sums[sort][key], len(transfers), sum(transfers.values())) for key, transfers in keys.items()
        }
        for sort, keys in seen.items()
    }


def shown() -> dict[str, dict[Key, tuple[int, int, int]]]:
    """Give the same as the view has it, the rows of sealed and of waiting transfers added up."""
    found: dict[str, dict[Key, tuple[int, int, int]]] = defaultdict(dict)
    for row in Figure.spans.all():
        key = (row.day, row.account_kind, row.account_id, row.line, row.subject)
        sort = f"{row.sort} by {row.span}"
        before = found[sort].get(key, (0, 0, 0))
        found[sort][key] = (
            before[0] + int(row.amount), before[1] + row.transfers, before[2] + row.captures,
        )  # fmt: skip
    return dict(found)


def busy(till: Till, number: int) -> None:
    """Move money in every way, so that days, subjects and accounts have several transfers."""
    chance = random.Random(number)
    till.top_up(400 * number)
    for _ in range(number):
        transfer = ledger.capture(hold=till.hold(chance.randrange(61, 400)), key=till.key())
        if chance.random() < 0.3:
            ledger.reverse(transfer=transfer, key=till.key(), reason="a mistake")


@pytest.mark.parametrize("sealed", [0, 1, 5, 1000])
def test_they_equal_the_entries_however_many_are_sealed(till: Till, sealed: int) -> None:
    busy(till, 9)
    if sealed:
        seal(sealed)
        busy(till, 4)

    assert shown() == recomputed()
    assert Rollup.objects.exists() == bool(sealed)
    assert verify().ok


def test_sealing_adds_each_transfer_once(till: Till) -> None:
    busy(till, 6)
    while seal(2):
        assert shown() == recomputed()

    (charged,) = Rollup.objects.filter(line="charge", sort=FigureSort.LINE, span=Span.DAY)

    assert (charged.captures, charged.account_id) == (6, None)
    assert charged.transfers == Entry.objects.filter(line="charge").count()


def test_a_subject_is_counted_once_for_a_query_that_pays_several_for_it(till: Till) -> None:
    ledger.capture(hold=till.hold(150), key="c")
    seal()

    of_subject = Figure.objects.get(sort=FigureSort.SUBJECT, subject="plugin-version:1")

    # Its artist and the market were paid for it, by one query.
    assert (of_subject.captures, int(of_subject.amount)) == (1, 105)


def test_two_sums_of_a_day_may_be_above_what_an_account_can_have(till: Till) -> None:
    for number in range(2):
        ledger.post(
            key=f"large:{number}",
            debit=till.clearing,
            credit=till.revenue,
            amount=2**63 - 1,
            kind="adjustment",
        )
        seal()

    for row in Rollup.objects.filter(account=till.revenue, sort=FigureSort.ACCOUNT):
        assert int(row.amount) == 2 * (2**63 - 1)
    assert ledger.balance(till.revenue).posted == 2 * (2**63 - 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_rollup SET amount = 0",
        "DELETE FROM ledger_rollup",
        "TRUNCATE ledger_rollup",
        (
            "INSERT INTO ledger_rollup (day, sort, currency, account_kind, line, subject, memo, amount, transfers, captures)"
            " VALUES (now(), 'line', 'EUR', 'wallet', 'charge', '', '', 1, 1, 1)"
        ),
    ],
)
def test_nobody_writes_them_by_hand(till: Till, statement: str) -> None:
    seal()
    with pytest.raises(Error, match="refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.dates
def test_a_balance_of_the_past_is_the_sum_of_what_came_before(till: Till) -> None:
    before = timezone.now()
    ledger.capture(hold=till.hold(150), key="c")
    between = timezone.now()
    ledger.capture(hold=till.hold(150), key="c2")
    seal()

    assert [ledger.balance(till.earnings, at).posted for at in (before, between, timezone.now())] == [
        0,
        90,
        180,
    ]
    assert ledger.balance(till.earnings, timezone.now() + timedelta(days=400)).posted == 180
    assert ledger.balance(till.wallet, between).posted == ledger.balance(till.wallet, before).posted - 150


DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(0, 120, 3)]


class TestSpans:
    """A stretch of time is read as whole months and the days at its ends, each of its days once."""

    @pytest.fixture
    def posted(self, till: Till) -> None:
        """Top up on each of some days, an amount of its own each time."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_functiondef('ledger_write_transfer'::regproc)")
            (body,) = cursor.fetchone()
            for number, day in enumerate(DAYS):
                cursor.execute(body.replace("statement_timestamp()", f"timestamptz '{day} 12:00+00'"))
                till.top_up(2**number)
            cursor.execute(body)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        seal(17)

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (date(2026, 1, 1), date(2026, 4, 30)),
            (date(2026, 1, 1), date(2026, 1, 31)),
            (date(2026, 1, 2), date(2026, 2, 28)),
            (date(2026, 1, 5), date(2026, 4, 29)),
            (date(2026, 2, 3), date(2026, 2, 10)),
            (date(2026, 1, 20), date(2026, 2, 10)),
            (date(2026, 3, 1), date(2026, 3, 1)),
            (date(2025, 12, 1), date(2026, 1, 1)),
        ],
    )
    def test_between(self, posted: None, till: Till, first: date, last: date) -> None:
        rows = Figure.spans.between(first, last).filter(account=till.clearing, sort=FigureSort.ACCOUNT)

        expected = -sum(2**number for number, day in enumerate(DAYS) if first <= day <= last)
        assert int(rows.aggregate(total=Sum("amount", default=0))["total"]) == expected

    @pytest.mark.dates
    @pytest.mark.parametrize("first", [date(2026, 1, 1), date(2026, 1, 5), date(2026, 2, 14)])
    def test_through_today(self, posted: None, till: Till, first: date) -> None:
        today = timezone.now().date()
        rows = Figure.spans.between(first, today).filter(account=till.clearing, sort=FigureSort.ACCOUNT)

        # The wallet's own top-up of 1000, which every till begins with, is of today.
        expected = -1000 - sum(2**number for number, day in enumerate(DAYS) if first <= day)
        assert int(rows.aggregate(total=Sum("amount"))["total"]) == expected
        assert not rows.filter(span=Span.DAY, day__gte=today.replace(day=1)).exists()

    def test_what_a_clock_that_ran_fast_posted_is_not_of_today(
        self, posted: None, till: Till, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Earlier(datetime):
            """A clock that was put right, and shows the twentieth of January."""

            @classmethod
            def now(cls, tz: Any = None) -> Earlier:
                return cls(2026, 1, 20, tzinfo=tz)

        monkeypatch.setattr("market.ledger.models.figures.datetime", Earlier)
        first, last = date(2026, 1, 5), date(2026, 1, 20)
        rows = Figure.spans.between(first, last).filter(account=till.clearing, sort=FigureSort.ACCOUNT)

        expected = -sum(2**number for number, day in enumerate(DAYS) if first <= day <= last)
        assert int(rows.aggregate(total=Sum("amount"))["total"]) == expected

    @pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 2, 1), date(2026, 2, 14), date(2026, 5, 1)])
    def test_before_a_day(self, posted: None, till: Till, day: date) -> None:
        expected = -sum(2**number for number, each in enumerate(DAYS) if each < day)
        assert paid_to(till.clearing, day) == expected

    def test_ever(self, posted: None, till: Till) -> None:
        # The wallet's own top-up of 1000, which every till begins with, is of today.
        assert paid_to(till.clearing) == -sum(2**number for number in range(len(DAYS))) - 1000
