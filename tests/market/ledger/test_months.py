"""The months that statements are of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from market.ledger import operations as ledger
from market.ledger.statements import Month, statement, statements
from tests.market.ledger.conftest import Till, date_back, this_month

pytestmark = pytest.mark.django_db


def test_months_have_one_name(db: None) -> None:
    assert Month.named("2026-12").next == Month(2027, 1)
    assert str(Month(2026, 2)) == "2026-02"
    for name in (
        "2026-2",
        "2026-13",
        "26-01",
        "",
        "2026-01-01",
        "9999-12",
        "1999-12",
        "\u0662\u0660\u0662\u0666-\u0660\u0661",
    ):
        with pytest.raises(ValueError):
            Month.named(name)


def test_months_come_one_after_the_other() -> None:
    assert [str(month) for month in (Month(2026, 11).next, Month(2026, 12).next, Month(2026, 1).next)] == [
        "2026-12",
        "2027-01",
        "2026-02",
    ]
    assert Month(2026, 12) < Month(2027, 1)
    assert Month(2024, 2).first == datetime(2024, 2, 1, tzinfo=UTC).date()
    assert Month(2024, 2).start == datetime(2024, 2, 1, tzinfo=UTC)


def test_a_month_is_from_its_first_moment_to_its_last(till: Till) -> None:
    moment = timedelta(microseconds=1)
    paid = {
        1: datetime(2024, 2, 1, tzinfo=UTC) - moment,
        10: datetime(2024, 3, 1, tzinfo=UTC) - moment,
        100: datetime(2024, 2, 1, tzinfo=UTC),
        400: datetime(2024, 3, 1, tzinfo=UTC),
    }
    for fee, at in paid.items():
        date_back(ledger.capture(hold=till.hold(fee + 60), key=f"paid {fee}"), at)
    february = statement(till.earnings, Month(2024, 2))
    assert (february.before, february.total, february.after) == (1, 110, 111)
    # In the order of time, whatever order they were numbered in.
    assert [entry.amount for entry in february.entries()] == [100, 10]
    assert [(str(each.month), each.before, each.total) for each in statements(till.earnings)] == [
        ("2024-03", 111, 400),
        ("2024-02", 1, 110),
        ("2024-01", 0, 1),
    ]


def test_a_statement_is_complete_an_hour_after_its_month(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    made = statement(till.earnings, Month(2024, 2))
    over = datetime(2024, 3, 1, 1, tzinfo=UTC)
    for ago, complete in ((timedelta(microseconds=1), False), (timedelta(0), True)):
        with monkeypatch.context() as clock:
            clock.setattr(timezone, "now", partial(lambda now: now, over - ago))
            assert made.complete is complete


def test_a_months_entries_come_with_their_transfers_in_one_query(
    earned: Till, django_assert_num_queries: Any
) -> None:
    made = statement(earned.earnings, this_month())
    with django_assert_num_queries(1):
        assert [entry.transfer.kind for entry in made.entries()] == ["capture", "capture", "reversal"]
