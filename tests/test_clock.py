"""The clocks of a run agree, so that a test may ask any of them, and no test is under way as one day turns into the next."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests import dates
from tests.conftest import QUIET_BEFORE_MIDNIGHT, until_midnight

pytestmark = pytest.mark.dates

TODAYS = [datetime(2026, 11, 29, tzinfo=UTC) + timedelta(days=number) for number in range(0, 1500, 45)]


def test_the_database_and_python_show_the_same_time(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp(), statement_timestamp(), now()")
        for shown in cursor.fetchone():
            assert abs(shown - timezone.now()) < timedelta(seconds=2)


def test_a_run_on_another_day_is_on_that_day() -> None:
    begins = os.environ.get(dates.BEGINS)
    if begins is None:
        pytest.skip("this run is on no other day than today")
    assert timedelta(0) <= timezone.now() - datetime.fromisoformat(begins) < timedelta(hours=2)


def test_midnight_is_as_far_as_the_day_is_long() -> None:
    assert until_midnight(datetime(2028, 2, 29, 23, 59, 58, tzinfo=UTC)) == 2
    assert until_midnight(datetime(2026, 12, 31, tzinfo=UTC)) == 24 * 60 * 60


def test_no_test_begins_just_before_midnight() -> None:
    assert until_midnight(datetime.now(UTC)) > QUIET_BEFORE_MIDNIGHT - 1


@pytest.mark.parametrize("today", TODAYS)
def test_the_other_days_are_all_to_come_and_of_their_kind(today: datetime) -> None:
    found = {day.name: day.begins for day in dates.days(today.date())}
    assert all(today < begins < today + timedelta(days=366 * 8) for begins in found.values())
    assert [begins.strftime("%d.%m.") for name, begins in found.items() if "leap" in name] == ["29.02."]
    clocks = [begins for name, begins in found.items() if "clocks" in name]
    assert sorted(begins.month for begins in clocks) == [3, 10]
    assert all(
        begins.weekday() == 6 and (begins + timedelta(days=7)).month != begins.month for begins in clocks
    )
