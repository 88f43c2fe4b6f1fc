"""How requests fared, and the months of the books: equal to the jobs and the ledger, for admins only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.generation.requesting import KIND
from market.jobs.models import Job
from market.ledger.models import ClosedPeriod
from market.ledger.sealing import seal_some
from market.ledger.verification import verify
from market.reports import running
from market.reports.closing import next_to_close
from market.reports.periods import Grain, Period, quick
from market.reports.templatetags.reports import change, duration, share
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


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

        found = running.funnel(quick("this_month"))

        assert (found.asked, found.drawn, found.failed, found.cancelled, found.waiting) == (8, 4, 2, 1, 1)
        assert found.waits.wait_median == pytest.approx(3)
        assert found.waits.wait_longest == pytest.approx(10)
        assert found.waits.work_median == pytest.approx(5)
        (day,) = running.by_span(quick("this_month"), Grain.DAY)
        assert (day.span.first, day.asked, day.drawn, day.failed) == (timezone.localdate(), 8, 4, 2)
        assert running.reasons(quick("this_month")) == [("no room on the disk", 2)]

    def test_a_day_without_requests_has_no_waits(self) -> None:
        found = running.funnel(quick("last_month"))
        assert (found.asked, found.waits.wait_median) == (0, None)

    def test_what_was_paid_and_taken_back_is_the_ledgers(self, market: Market) -> None:
        found = running.funnel(market.last_month)
        assert (found.paid, found.taken_back) == (3, 1)

    def test_the_page_and_its_table(self, user: User, admin: User, client_for: ClientFor) -> None:
        job(user, "failed", waited=75, worked=1, error="no room on the disk")
        client = client_for(admin)

        page = client.get("/reports/requests/?period=this_month").content.decode()
        download: Any = client.get("/reports/tables/requests.csv?period=this_month")

        assert "no room on the disk" in page
        assert "1 min 15 s" in page
        assert b"".join(download.streaming_content).count(b"\n") == 2
        assert client.get("/reports/requests/?from=2026-05-02&to=2026-05-01").status_code == 400
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
        "+50.0 %", "as before", "new", "-100.0 %", "25 times", "-250.0 %", "as before",
    ]  # fmt: skip
    assert [share(1, 8), share(0, 8), share(1, 0)] == ["12.5 %", "0.0 %", ""]
    assert [duration(seconds) for seconds in (None, 0.04, 9.94, 9.96, 59.6, 3599, 3661)] == [
        "none", "0.0 s", "9.9 s", "10 s", "1 min 0 s", "59 min 59 s", "1 h 1 min",
    ]  # fmt: skip
