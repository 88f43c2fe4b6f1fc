"""Pages of query lines: every line once, in order, found without counting the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from market.accounts.models import User
from market.ledger.models import Entry
from market.ledger.sealing import seal_some
from market.reports import figures
from market.reports.lines import LinePage, page_of
from market.reports.periods import Period
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def period(market: Market, artist: User) -> Period:
    """Last month with three queries of one moment, so that times alone give no order, and four more on a day apart."""
    noon = timezone.make_aware(datetime.combine(market.last_month.first, datetime.min.time())) + timedelta(
        hours=12
    )
    for _ in range(3):
        market.query(artist, "plugin-version:1", "FxEmoji", 100_000, 20_000, noon)
    for hour in range(4):
        market.query(artist, "plugin-version:3", "Ink", 100_000, 0, noon + timedelta(days=20, hours=hour))
    return market.last_month


def page(period: Period, asked: str, rows: int, subjects: list[str] | None = None) -> LinePage:
    lines, sums = figures.paid_lines(figures.entries_in(period)), figures.paid_sums(figures.days_in(period))
    if subjects:
        lines, sums = lines.filter(subject__in=subjects), sums.filter(subject__in=subjects)
    return page_of(lines, sums, asked, rows)


def expected(period: Period, subjects: list[str] | None = None) -> list[int]:
    """Put the lines in order in Python."""
    found = [
        each
        for each in Entry.objects.select_related("account")
        if period.first <= each.created_at.date() <= period.last
        and each.line in ("plugin_fee", "base_fee", "commission")
        and (subjects is None or each.subject in subjects)
    ]
    return [
        each.pk
        for each in sorted(found, key=lambda e: (-e.created_at.timestamp(), -e.transfer_id, e.position))
    ]


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("subjects", [None, ["plugin-version:1"], ["plugin-version:2", "plugin-version:3"]])
def test_going_to_older_pages_shows_every_line_once_in_order(
    period: Period, rows: int, subjects: list[str] | None, sealed: bool
) -> None:
    if sealed:
        seal_some()
    shown, asked = [], ""
    while True:
        got = page(period, asked, rows, subjects)
        shown += [line.pk for line in got.lines]
        assert bool(got.newer) == bool(asked)
        asked = got.older
        if not asked:
            break

    assert shown == expected(period, subjects)


@pytest.mark.dates
@pytest.mark.parametrize("rows", [1, 3, 4, 7])
def test_going_to_newer_pages_from_the_oldest_does_too(period: Period, rows: int) -> None:
    every = expected(period)
    got = page(period, "oldest", rows)
    assert (got.older, [line.pk for line in got.lines]) == ("", every[-rows:])
    seen = {line.pk for line in got.lines}
    while got.newer:
        got = page(period, got.newer, rows)
        shown = [line.pk for line in got.lines]
        place = every.index(shown[0])
        assert shown == every[place : place + rows]
        seen |= set(shown)
    assert seen == set(every)
    assert [line.pk for line in got.lines] == every[:rows]


@pytest.mark.parametrize(
    "asked", ["x", "older-", "older-1.x", "older-999999999.1", "newer-1", "older-\u0661.1", "2"]
)
def test_a_page_that_is_none_is_the_first(period: Period, asked: str) -> None:
    assert [line.pk for line in page(period, asked, 3).lines] == expected(period)[:3]


def test_a_place_beyond_the_last_line_leads_to_the_first_page(period: Period) -> None:
    last = page(period, "oldest", 1).lines[0]
    got = page(period, f"older-{last.transfer_id}.{last.position}", 3)
    assert [line.pk for line in got.lines] == expected(period)[:3]


def test_without_lines_there_is_an_empty_page(market: Market) -> None:
    assert page(market.last_month, "", 3, ["plugin-version:99"]) == LinePage([])
    assert page(market.last_month, "oldest", 3, ["plugin-version:99"]) == LinePage([])


def test_lines_are_not_counted_and_only_some_days_are_read(period: Period) -> None:
    seal_some()
    with CaptureQueriesContext(connection) as made:
        got = page(period, "", 2)

    (reading,) = [each["sql"] for each in made if "ledger_entry" in each["sql"]]
    assert "COUNT(" not in reading
    assert "LIMIT 3" in reading
    assert f"\"created_at\" >= '{got.lines[0].created_at.date()}T00:00:00+00:00'" in reading.replace(
        " 00:", "T00:"
    )


@pytest.mark.dates
def test_the_page_leads_on_and_keeps_what_is_asked_for(
    client_for: ClientFor, admin: User, artist: User, market: Market
) -> None:
    for _ in range(30):
        market.query(artist, "plugin-version:1", "FxEmoji", 100_000, 20_000, None)
    client = client_for(admin)
    first = client.get("/reports/queries/?period=this_month&what=plugin-version:1").content.decode()
    (older,) = set(re.findall(r'rel="next" href="([^"]+)"', first))
    assert first.count("/reports/transfers/") == 50

    second = client.get(f"/reports/queries/{unescape(older)}").content.decode()

    assert second.count("/reports/transfers/") == 2 * 31 - 50
    assert "Request lines for plugin-version:1" in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
