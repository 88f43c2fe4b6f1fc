"""Long periods are shown by week or month: in the chart, in the table beneath it, and labelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.generation.requesting import KIND
from market.jobs.models import Job
from market.reports import running
from market.reports.charts import Series, over_time
from market.reports.periods import Grain, Period
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
FIRST = date(2024, 2, 28)  # a Wednesday of a leap year


@pytest.mark.parametrize(
    ("days", "grain"),
    [(1, "day"), (92, "day"), (93, "week"), (731, "week"), (732, "month"), (3653, "month")],
)
def test_the_longer_a_period_the_more_a_bar_sums_up(days: int, grain: str) -> None:
    period = Period(FIRST, FIRST + timedelta(days=days - 1))
    assert period.grain == grain
    assert len(period.spans(period.grain)) <= 122


@pytest.mark.parametrize("grain", list(Grain))
@pytest.mark.parametrize("days", [1, 2, 5, 33, 366, 800])
def test_the_spans_are_all_of_its_days_once(grain: Grain, days: int) -> None:
    period = Period(FIRST, FIRST + timedelta(days=days - 1))
    spans = period.spans(grain)
    assert [day for span in spans for day in span.days()] == list(period.days())
    for span in spans:
        assert grain.first_of(span.first) == grain.first_of(span.last)
    for one, next_one in pairwise(spans):
        assert grain.first_of(one.last) != grain.first_of(next_one.first)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 3), date(2026, 11, 3), "3 Nov 2026"),
        (date(2026, 11, 2), date(2026, 11, 8), "2 to 8 Nov 2026"),
        (date(2026, 10, 26), date(2026, 11, 1), "26 Oct to 1 Nov 2026"),
        (date(2025, 12, 29), date(2026, 1, 4), "29 Dec 2025 to 4 Jan 2026"),
        (date(2024, 2, 1), date(2024, 2, 29), "February 2024"),
        (date(2024, 2, 1), date(2024, 2, 28), "1 to 28 Feb 2024"),
    ],
)
def test_a_span_is_said_as_one_would(first: date, last: date, words: str) -> None:
    assert Period(first, last).words == words


def test_a_chart_of_weeks_labels_them() -> None:
    period = Period(date(2026, 1, 1), date(2026, 6, 30))
    spans = period.spans(period.grain)
    amounts = [1_000_000 * (number % 3) for number in range(len(spans))]

    chart = over_time("What queries paid", period, [Series("Royalties", amounts)])

    assert 'aria-label="What queries paid per week. ' in chart
    assert "<title>5 to 11 Jan 2026: Royalties €1.00</title>" in chart
    assert ">1 Jan 2026<" in chart


def test_a_chart_of_months_labels_them() -> None:
    period = Period(date(2023, 1, 1), date(2026, 6, 30))
    chart = over_time("What queries paid", period, [Series("Royalties", [1_000_000] * 42)])
    assert "per month. " in chart
    assert "<title>February 2023: Royalties €1.00</title>" in chart
    assert ">Jan 2023<" in chart


@pytest.mark.django_db
class TestPages:
    @pytest.mark.parametrize(("days", "grain"), [(200, "week"), (800, "month")])
    def test_the_reports_and_earnings_are_by_week_or_month(
        self, client_for: ClientFor, admin: User, artist: User, market: Market, days: int, grain: str
    ) -> None:
        last = timezone.localdate()
        asked = f"?from={last - timedelta(days=days)}&to={last}"
        spans = Period(last - timedelta(days=days), last).spans(Grain(grain))
        for person, path in ((admin, "/reports/"), (artist, "/earnings/")):
            page = client_for(person).get(path + asked).content.decode()
            assert f">Per {grain}</h2>" in page
            assert f'<th scope="col">{grain.capitalize()}</th>' in page
            assert spans[-1].words in page  # this month's query, in the table

    def test_a_week_leads_to_its_lines(self, client_for: ClientFor, admin: User, market: Market) -> None:
        last = timezone.localdate()
        period = Period(last - timedelta(days=200), last)
        week = period.spans(Grain.WEEK)[-1]
        client = client_for(admin)
        page = client.get(f"/reports/?from={period.first}&to={last}").content.decode()
        link = f"/reports/queries/?from={week.first}&amp;to={week.last}"
        assert link in page
        assert "€0.12 in all" in client.get(link.replace("&amp;", "&")).content.decode()

    @pytest.mark.parametrize("grain", list(Grain))
    def test_requests_are_grouped_alike(self, user: User, grain: Grain) -> None:
        period = Period(date(2025, 10, 15), date(2026, 2, 20))
        for day in (
            date(2025, 10, 15),
            date(2025, 10, 31),
            date(2025, 11, 1),
            date(2025, 11, 2),
            date(2026, 2, 20),
        ):
            made = Job.objects.enqueue(kind=KIND, owner=user, parameters={})
            at = datetime.combine(day, time(23, 59), UTC)
            Job.objects.filter(pk=made.pk).update(created_at=at)

        rows = running.by_span(period, grain, running.days_in(period))

        spans = period.spans(grain)
        assert [row.span for row in rows] == [span for span in spans if span in {row.span for row in rows}]
        assert sum(row.asked for row in rows) == 5
        assert [row.asked for row in rows] == {"day": [1] * 5, "week": [1, 3, 1], "month": [2, 2, 1]}[grain]

    def test_the_page_of_requests_is_too(self, client_for: ClientFor, admin: User, user: User) -> None:
        Job.objects.enqueue(kind=KIND, owner=user, parameters={})
        last = timezone.localdate()
        page = client_for(admin).get(f"/reports/requests/?from={last - timedelta(days=200)}&to={last}")
        text = page.content.decode()
        assert ">Per week</h2>" in text
        assert Period(last - timedelta(days=200), last).spans(Grain.WEEK)[-1].words in text
