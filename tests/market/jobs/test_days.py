"""Days of jobs: summed up once, when they are over and nothing of them lives, and equal to counting the jobs one by one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from market.accounts.models import User
from market.jobs import kinds
from market.jobs.days import DAYS_A_SWEEP, REASON_LENGTH, REASONS, days_of, sum_up_days
from market.jobs.models import Job, JobDay
from market.jobs.states import ENDED, JobState
from market.jobs.sweeping import sweep
from tests.market.jobs.conftest import CHORE
from tests.market.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.dates]

Make = Callable[..., Job]


def ago(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)


def noon(days: int) -> datetime:
    return datetime.combine(ago(days), time(12), UTC)


def not_over() -> set[date]:
    """Yesterday, during the first hour of today."""
    return {ago(1)} if datetime.now(UTC).hour < 1 else set()


@pytest.fixture
def make(user: User) -> Make:
    """Save a job that was made at noon so many days ago, taken up and ended after so many seconds."""

    def made(
        days: int,
        state: str = "succeeded",
        *,
        waited: float = 1,
        worked: float = 1,
        error: str = "",
        **more: Any,
    ) -> Job:
        at = more.pop("at", noon(days))
        started = at + timedelta(seconds=waited)
        ended = state in ENDED
        if state == JobState.RUNNING:
            more |= {"worker": "w", "lease_expires_at": timezone.now() + timedelta(hours=1)}
        job = Job.objects.create(
            owner=user, state=state, attempt=int(state != "queued"), fencing_token=1, error=error or ("full" if state == "failed" else ""),
            started_at=None if state == "queued" else started,
            finished_at=started + timedelta(seconds=worked) if ended else None, **{"kind": CHORE} | more,
        )  # fmt: skip
        Job.objects.filter(pk=job.pk).update(created_at=at)
        return job

    return made


def sum_up_all() -> int:
    made = 0
    while more := sum_up_days():
        made += more
    return made


def exact_quantiles(jobs: Iterable[Job], begin: str, end: str) -> list[float | None]:
    took = f"{end} - {begin}"
    ordered = f"WITHIN GROUP (ORDER BY GREATEST(0, extract(epoch FROM {took})))"
    query = f"SELECT percentile_cont(ARRAY[0.5, 0.95, 1.0]) {ordered} FROM jobs_job WHERE id = ANY(%s) AND {took} IS NOT NULL"  # noqa: S608, names of columns
    with connection.cursor() as cursor:
        cursor.execute(query, [[job.pk for job in jobs]])
        return list(cursor.fetchone()[0] or [None] * 3)


def assert_equal_to_the_jobs(days: list[JobDay]) -> None:
    made: dict[date, list[Job]] = {}
    for job in Job.objects.filter(kind=CHORE):
        made.setdefault(job.created_at.astimezone(UTC).date(), []).append(job)
    assert [day.day for day in days] == sorted(made)
    for day in days:
        jobs = made[day.day]
        states = Counter(job.state for job in jobs)
        assert (day.asked, day.succeeded, day.failed, day.cancelled, day.live) == (
            len(jobs), states["succeeded"], states["failed"], states["cancelled"], states["queued"] + states["running"],
        )  # fmt: skip
        assert Counter(dict(day.reasons)) == Counter(job.error for job in jobs if job.error)
        for spread, begin, end in (
            (day.wait_spread, "created_at", "started_at"),
            (day.work_spread, "started_at", "finished_at"),
        ):
            exact = exact_quantiles(jobs, begin, end)
            assert spread.quantiles(0.5, 0.95, 1.0) == [
                None if each is None else pytest.approx(each, rel=0.01, abs=1e-9) for each in exact
            ]
            assert spread.longest_seconds == exact[-1]


class TestFigures:
    @pytest.mark.parametrize("seed", range(3))
    def test_they_are_what_counting_one_by_one_gives_summed_up_or_not(self, make: Make, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(120):
            make(
                chance.randrange(0, 9),
                chance.choice(["succeeded"] * 5 + ["failed", "cancelled"]),
                waited=chance.choice([0, -3, 1e-6, 0.02, chance.expovariate(0.1), chance.expovariate(1e-4)]),
                worked=chance.choice([0, -0.5, chance.lognormvariate(2, 2)]),
            )
        make(4, "queued")
        make(6, "running")
        counted = days_of(CHORE, ago(10), ago(0))
        assert_equal_to_the_jobs(counted)

        sum_up_all()

        assert set(JobDay.objects.values_list("day", flat=True)).isdisjoint({ago(4), ago(6), ago(0)})
        assert JobDay.objects.filter(kind=CHORE).count() >= 4
        kept = days_of(CHORE, ago(10), ago(0))
        assert_equal_to_the_jobs(kept)
        assert [(day.waits, day.works) for day in kept] == [(day.waits, day.works) for day in counted]
        counts = days_of(CHORE, ago(10), ago(0), only_counts=True)
        assert [(day.day, day.asked, day.live) for day in counts] == [
            (day.day, day.asked, day.live) for day in kept
        ]

    def test_a_clock_that_was_put_back_gives_no_time_and_hides_nothing(self, make: Make) -> None:
        make(2, waited=-5, worked=-7)
        make(2, waited=4, worked=-7)
        sum_up_all()
        (day,) = days_of(CHORE, ago(2), ago(2))
        assert day.wait_spread.quantiles(0, 1.0) == [0.0, pytest.approx(4, rel=0.01)]
        assert (day.wait_spread.longest_seconds, day.work_spread.longest_seconds) == (4.0, 0.0)

    def test_a_cancelled_job_that_nobody_took_up_has_no_times(self, make: Make) -> None:
        job = make(2, "cancelled")
        Job.objects.filter(pk=job.pk).update(started_at=None)
        sum_up_all()
        (day,) = days_of(CHORE, ago(2), ago(2))
        assert (day.cancelled, day.wait_spread.quantiles(0.5), day.work_spread.longest) == (1, [None], None)

    def test_days_begin_at_midnight_in_utc(self, make: Make) -> None:
        midnight = datetime.combine(ago(3), time(), UTC)
        make(3, at=midnight)
        make(3, at=midnight - timedelta(microseconds=1))
        sum_up_all()
        assert [(day.day, day.asked) for day in days_of(CHORE, ago(9), ago(0))] == [(ago(4), 1), (ago(3), 1)]

    def test_a_kind_counts_its_own(self, make: Make) -> None:
        make(3)
        make(3, kind="urgent-chore")
        make(2, kind="urgent-chore")
        sum_up_all()
        assert [day.asked for day in days_of(CHORE, ago(9), ago(0))] == [1]
        assert [day.asked for day in days_of("urgent-chore", ago(9), ago(0))] == [1, 1]

    def test_free_ones_are_those_its_kind_says(self, make: Make) -> None:
        kinds.register(kinds.JobKind(name="gift", label="Gift", free=Q(work_units=7)))
        for units in (7, 7, 8):
            make(2, kind="gift", work_units=units)
        make(0, kind="gift", work_units=7)
        sum_up_all()
        assert [(day.asked, day.free) for day in days_of("gift", ago(9), ago(0))] == [(3, 2), (1, 1)]

    def test_of_many_reasons_the_most_frequent_are_kept(self, make: Make) -> None:
        for number in range(REASONS + 5):
            make(2, "failed", error=f"{number:03}" + "x" * 5000)
        make(2, "failed", error=f"{REASONS + 4:03}" + "x" * 5000)
        sum_up_all()
        day = JobDay.objects.get(kind=CHORE, day=ago(2))
        assert day.failed == REASONS + 6
        assert len(day.reasons) == REASONS
        assert day.reasons[0] == [f"{REASONS + 4:03}".ljust(REASON_LENGTH, "x"), 2]


class TestSummingUp:
    def test_twice_changes_nothing(self, make: Make) -> None:
        make(3)
        assert sum_up_all() == 3 - len(not_over())  # also of the days after, on which nothing was made
        kept = list(JobDay.objects.values())
        assert sum_up_days() == 0
        assert list(JobDay.objects.values()) == kept

    @pytest.mark.parametrize("state", ["queued", "running"])
    def test_a_day_waits_for_its_last_job(self, make: Make, state: str) -> None:
        job = make(3, state)
        make(3)
        sum_up_all()
        assert set(JobDay.objects.values_list("day", flat=True)) == {ago(2), ago(1)} - not_over()
        assert Job.objects.request_cancel(job.pk)
        if state == "running":
            assert Job.objects.cancel(job.pk, token=1)
        assert sum_up_all() == 1
        assert JobDay.objects.get(day=ago(3)).cancelled == 1

    def test_today_is_not_over(self, make: Make) -> None:
        make(0)
        assert sum_up_all() == 0

    def test_some_days_a_sweep(self, make: Make) -> None:
        make(DAYS_A_SWEEP + 8)
        make(DAYS_A_SWEEP + 8, kind="urgent-chore")
        assert sum_up_days() == DAYS_A_SWEEP
        assert JobDay.objects.earliest("day").day == ago(DAYS_A_SWEEP + 8)
        assert sweep().others["days summed up"] == DAYS_A_SWEEP

    def test_without_jobs_there_is_nothing_to_sum_up(self) -> None:
        assert sum_up_days() == 0


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_keep_each_day_once(make: Make) -> None:
    for back in range(2, 7):
        make(back)
    assert set(at_once(3, lambda _: sum_up_days())) == {"done"}
    sum_up_all()
    days = list(JobDay.objects.filter(kind=CHORE).values_list("day", flat=True))
    assert len(days) == len(set(days))
    assert [day.asked for day in days_of(CHORE, ago(6), ago(0))] == [1] * 5


def values(**changes: Any) -> JobDay:
    empty: dict[str, Any] = {"longest_micros": None, "numbers": {}}
    terms = {"kind": CHORE, "day": ago(2), "asked": 3, "succeeded": 1, "failed": 1, "cancelled": 1}
    return JobDay(**terms | {"waits": empty, "works": empty} | changes)


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"asked": 4}, "jobday_every_job_ended"),
            ({"free": 4}, "jobday_free_are_some_of_all"),
        ],
    )
    def test_figures_that_cannot_be(self, changes: dict[str, Any], name: str) -> None:
        with pytest.raises(IntegrityError, match=name):
            values(**changes).save()

    def test_a_day_twice(self) -> None:
        values().save()
        with pytest.raises(IntegrityError, match="jobday_once_a_kind"):
            values().save()

    @pytest.mark.parametrize("days", [0, -1])
    def test_a_day_that_is_not_over(self, days: int) -> None:
        with pytest.raises(DatabaseError, match="is not over"):
            values(day=ago(days)).save()

    @pytest.mark.parametrize("state", ["queued", "running"])
    def test_a_day_of_which_a_job_lives(self, make: Make, state: str) -> None:
        make(2, state)
        with pytest.raises(DatabaseError, match="has not ended"):
            values().save()

    @pytest.mark.parametrize(
        "statement",
        ["UPDATE jobs_jobday SET asked = asked", "DELETE FROM jobs_jobday", "TRUNCATE jobs_jobday"],
    )
    def test_changes_to_what_was_summed_up(self, statement: str) -> None:
        values().save()
        with pytest.raises(DatabaseError, match="summed up once"), transaction.atomic():
            connection.cursor().execute(statement)

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": "cancelled"},
            {"state": "queued", "finished_at": None},
            {"started_at": None},
            {"finished_at": datetime(2020, 1, 1, tzinfo=UTC)},
            {"created_at": datetime.combine(ago(0), time(), UTC)},
            {"kind": "urgent-chore"},
            {"error": "otherwise"},
        ],
    )
    def test_another_life_of_a_job_whose_day_was(self, make: Make, changes: dict[str, Any]) -> None:
        job = make(2)
        sum_up_all()
        with pytest.raises(DatabaseError, match="its day is summed up"):
            Job.objects.filter(pk=job.pk).update(**changes)

    def test_a_job_more_or_less_on_such_a_day(self, make: Make) -> None:
        job = make(2)
        other = make(0)
        sum_up_all()
        with pytest.raises(DatabaseError, match="its day is summed up"), transaction.atomic():
            job.delete()
        with pytest.raises(DatabaseError, match="its day is summed up"), transaction.atomic():
            Job.objects.filter(pk=other.pk).update(created_at=noon(2))
        with pytest.raises(DatabaseError, match="its day is summed up"), transaction.atomic():
            connection.cursor().execute(
                "INSERT INTO jobs_job SELECT (jsonb_populate_record(j, "
                "jsonb_build_object('id', gen_random_uuid(), 'created_at', created_at))).* FROM jobs_job j WHERE id = %s",
                [job.pk],
            )
        assert days_of(CHORE, ago(2), ago(2))[0].asked == 1

    def test_but_not_that_a_preview_goes_or_a_result_is_added(self, make: Make) -> None:
        job = make(2)
        sum_up_all()
        assert Job.objects.filter(pk=job.pk).update(preview="", result={"plugin": 1}) == 1
