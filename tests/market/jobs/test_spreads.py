"""Times by buckets: what is read from them is within one per cent of what the times themselves say."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from market.accounts.models import User
from market.jobs.models import Worker
from market.jobs.spreads import GROWTH, Spread, bucket_of, time_between

WITHIN = 0.01

ENDS = [GROWTH**bucket for bucket in range(1800)]
longs = st.integers(0, 1000) | st.integers(0, 10**11)
some = st.lists(longs.map(lambda micros: timedelta(microseconds=micros)), max_size=20)


def spread(times: list[timedelta]) -> Spread:
    """Put times in their buckets by the ends of these, where the database uses logarithms."""
    whole = Spread()
    for each in times:
        whole.add({bisect_right(ENDS, each // timedelta(microseconds=1)): 1}, each)
    return whole


def exactly(times: list[timedelta], fraction: float) -> float:
    """What percentile_cont says."""
    ordered = sorted(max(0.0, each.total_seconds()) for each in times)
    place = fraction * (len(ordered) - 1)
    below, above = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    return below + (above - below) * (place - int(place))


@given(some.filter(bool), st.floats(0, 1))
def test_a_quantile_is_right_to_within_one_per_cent(times: list[timedelta], fraction: float) -> None:
    (found,) = spread(times).quantiles(fraction)
    assert found == pytest.approx(exactly(times, fraction), rel=WITHIN, abs=1e-12)


@given(st.lists(some, max_size=5))
def test_spreads_that_are_added_are_the_spread_of_all(parts: list[list[timedelta]]) -> None:
    assert Spread.of(map(spread, parts)) == spread([each for part in parts for each in part])


@given(some)
def test_a_spread_that_was_kept_is_the_same(times: list[timedelta]) -> None:
    assert Spread.from_json(spread(times).as_json()) == spread(times)


def test_without_times_there_are_no_quantiles() -> None:
    assert Spread().quantiles(0.5, 1) == [None, None]
    assert Spread().longest_seconds is None


def test_nothing_takes_longer_than_the_longest() -> None:
    times = spread([timedelta(seconds=1)])
    assert times.quantiles(1.0)[0] <= 1.0  # type: ignore[operator]
    assert times.longest_seconds == 1.0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("micros", "bucket"),
    [(-(10**9), 0), (-1, 0), (0, 0), (1, 1), (2, 36), (10**6, 698), (86_400 * 10**6, 1272), (10**15, 1745)],
)
def test_the_database_finds_the_bucket(user: User, micros: int, bucket: int) -> None:
    now = timezone.now()
    Worker.objects.create(name="w", started_at=now, seen_at=now + timedelta(microseconds=micros))
    found = Worker.objects.annotate(time=time_between("started_at", "seen_at"), bucket=bucket_of("time"))
    assert found.values_list("bucket", flat=True).get() == bucket
    assert micros <= 0 or GROWTH ** (bucket - 1) <= micros < GROWTH**bucket
