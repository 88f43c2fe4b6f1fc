"""How requests fared, and the months of the books: equal to the jobs and the ledger, for admins only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.generation.requesting import KIND
from market.jobs.days import sum_up_days
from market.jobs.models import Job, JobDay
from market.ledger.models import ClosedPeriod
from market.ledger.sealing import seal_some
from market.ledger.verification import verify
from market.reports import running
from market.reports.closing import next_to_close
from market.reports.periods import Grain, Period, quick
from market.reports.running import Reason
from market.reports.templatetags.reports import change, duration, share
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]


def job(owner: User, state: str, *, waited: float = 0, worked: float = 0, **more: Any) -> Job:
    """Save a request of now that was taken up and ended after so many seconds."""
    now = timezone.now()
    made = Job.objects.enqueue(kind=KIND, owner=owner, parameters={})
    started = now + timedelta(seconds=waited)
    ended = None if state == "queued" else started + timedelta(seconds=worked)
    Job.objects.filter(pk=made.pk).update(
        state=state, created_at=now, started_at=started if ended else None, finished_at=ended,
        attempt=int(ended is not None), fencing_token=int(ended is not None), **more,
    )  # fmt: skip
    return made


class TestRequests:
    def test_each_is_counted_by_what_became_of_it(self, user: User) -> None:
        for waited in (1, 2, 3, 10):
            job(user, "succeeded", waited=waited, worked=5)
        job(user, "failed", waited=4, worked=1, error="no room on the disk")
        job(user, "failed", waited=4, worked=1, error="no room on the disk")
        job(user, "cancelled")
        job(user, "queued")
        Job.objects.enqueue(kind="addition", owner=user, parameters={})

        period = quick("this_month")
        days = running.days_in(period)
        found, waits = running.funnel(period, days), running.waits(days)

        assert (found.asked, found.drawn, found.failed, found.cancelled, found.waiting) == (8, 4, 2, 1, 1)
        assert waits.wait_median == pytest.approx(3, rel=0.01)
        assert waits.wait_longest == pytest.approx(10, abs=1e-6)
        assert waits.work_median == pytest.approx(5, rel=0.01)
        (day,) = running.by_span(period, Grain.DAY, days)
        assert (day.span.first, day.asked, day.drawn, day.failed) == (timezone.localdate(), 8, 4, 2)
        assert running.reasons(days) == [Reason("no room on the disk", 2)]

    def test_a_day_without_requests_has_no_waits(self) -> None:
        period = quick("last_month")
        assert running.funnel(period, running.days_in(period)).asked == 0
        assert running.waits([]) == running.Waits(None, None, None, None, None)

    def test_reasons_beyond_the_most_frequent_are_counted_together(self, user: User) -> None:
        for number in range(12):
            for _ in range(1 + (number == 7)):
                job(user, "failed", error=f"reason {number:02}")

        reasons = running.reasons(running.days_in(quick("this_month")))

        assert reasons[:2] == [Reason("reason 07", 2), Reason("reason 00", 1)]
        assert (len(reasons), reasons[-1]) == (11, Reason("", 2))

    @pytest.mark.parametrize("grain", list(Grain))
    def test_days_that_are_summed_up_change_no_figure(self, user: User, grain: Grain) -> None:
        period = quick("last_month")
        for number, day in enumerate(period.days()):
            state = ("succeeded", "failed", "cancelled")[number % 3]
            error = "full" if state == "failed" else ""
            made = job(user, state, waited=number * 0.7, worked=number, error=error)
            ago = timezone.localdate() - day
            times = {name: F(name) - ago for name in ("created_at", "started_at", "finished_at")}
            Job.objects.filter(pk=made.pk).update(**times)

        def figures() -> list[object]:
            days = running.days_in(period)
            counts = running.days_in(period, only_counts=True)
            assert running.funnel(period, counts) == running.funnel(period, days)
            spans = running.by_span(period, grain, days)
            return [running.funnel(period, days), running.waits(days), spans, running.reasons(days)]

        before = figures()
        while sum_up_days():
            pass

        assert figures() == before
        kept = JobDay.objects.filter(kind=KIND, day__gte=period.first, day__lte=period.last)
        assert (
            sum(day.asked for day in kept) >= len(list(period.days())) - 1
        )  # the last one may be over for less than an hour

    def test_what_was_paid_and_taken_back_is_the_ledgers(self, market: Market) -> None:
        found = running.funnel(market.last_month, running.days_in(market.last_month))
        assert (found.paid, found.taken_back) == (3, 1)

    def test_the_page_and_its_table(self, user: User, admin: User, client_for: ClientFor) -> None:
        job(user, "failed", waited=75, worked=1, error="no room on the disk")
        client = client_for(admin)

        page = client.get("/reports/requests/?period=this_month").content.decode()
        download: Any = client.get("/reports/tables/requests.csv?period=this_month")

        assert "no room on the disk" in page
        assert "the longest 1 min 15 s" in page
        assert "right to within one percent" in page
        assert b"".join(download.streaming_content).count(b"\n") == 2
        assert client.get("/reports/requests/?from=2026-05-02&to=2026-05-01").status_code == 422
        assert client.get("/admin/jobs/job/?kind__exact=generation&state__exact=failed").status_code == 200


class TestBooks:
    def test_months_are_closed_in_order_and_once(
        self, market: Market, admin: User, client_for: ClientFor
    ) -> None:
        client, month = client_for(admin), f"{market.last_month.first:%Y-%m}"
        first = next_to_close()
        assert first is not None
        assert str(first.month) == month

        client.post("/reports/books/close/", {"month": "2020-01"})
        assert not ClosedPeriod.objects.exists()
        client.post("/reports/books/close/", {"month": month})
        client.post("/reports/books/close/", {"month": month})

        closed = ClosedPeriod.objects.get()
        assert closed.until.date() == market.last_month.last + timedelta(days=1)
        assert sum(closed.balances.values()) == 0
        assert next_to_close() is None
        page = client.get("/reports/books/").content.decode()
        assert "Gateway clearing" in page
        seal_some()
        assert verify().ok

    def test_the_running_month_is_not_offered(
        self, market: Market, admin: User, client_for: ClientFor
    ) -> None:
        this_month = f"{timezone.localdate():%Y-%m}"
        client_for(admin).post("/reports/books/close/", {"month": this_month})
        assert not ClosedPeriod.objects.exists()

    def test_an_empty_market_has_no_months(self, admin: User, client_for: ClientFor) -> None:
        assert "Nothing has moved yet" in client_for(admin).get("/reports/books/").content.decode()


@pytest.mark.parametrize("path", ["/reports/requests/", "/reports/books/", "/reports/tables/countries.csv"])
@pytest.mark.parametrize("who", ["user", "artist", "model_owner", "stranger"])
def test_they_are_for_admins(
    path: str, who: str, request: pytest.FixtureRequest, client_for: ClientFor
) -> None:
    assert client_for(request.getfixturevalue(who)).get(path).status_code == 404


def test_the_overview_says_what_changed(
    market: Market, admin: User, artist: User, client_for: ClientFor
) -> None:
    User.objects.filter(pk=artist.pk).update(country="PT")

    page = client_for(admin).get("/reports/").content.decode()

    assert "What changed the most" in page
    assert "Portugal" in page
    assert "1 taken back" in page


def test_the_period_before_a_month_is_the_month_before() -> None:
    month = Period(date(2026, 3, 1), date(2026, 3, 31))
    assert (month.previous.first.isoformat(), month.previous.last.isoformat()) == ("2026-02-01", "2026-02-28")
    days = Period(month.first + timedelta(days=9), month.first + timedelta(days=11))
    assert (days.previous.first.day, days.previous.last.day) == (7, 9)


def test_changes_shares_and_durations_are_said_as_one_would() -> None:
    assert [change(now, before) for now, before in ((3, 2), (2, 2), (2, 0), (0, 2), (50, 2), (-3, 2), (0, 0))] == [
        "+50.0%", "as before", "new", "-100.0%", "25 times", "-250.0%", "as before",
    ]  # fmt: skip
    assert [share(1, 8), share(0, 8), share(1, 0)] == ["12.5%", "0.0%", ""]
    assert [duration(seconds) for seconds in (None, 0.04, 9.94, 9.96, 59.6, 3599, 3661)] == [
        "none", "0.0 s", "9.9 s", "10 s", "1 min 0 s", "59 min 59 s", "1 h 1 min",
    ]  # fmt: skip
