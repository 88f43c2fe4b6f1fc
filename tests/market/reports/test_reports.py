"""The admins' reports: equal to the ledger, open to admins only, and down to every entry."""

from __future__ import annotations

import csv
import io
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry, Transfer
from market.ledger.sealing import seal_some
from market.payments.promotions import grant_credit
from market.reports import figures
from market.reports.people import by_person
from market.reports.periods import Grain, Period, quick
from tests.market.reports.conftest import Market
from tests.market.stage import EURO, make_base, make_order, run, top_up

ClientFor = Callable[[User], Client]
pytestmark = [pytest.mark.django_db, pytest.mark.dates]


def read_csv(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


def recomputed(period: Period) -> Counter[tuple[Any, ...]]:
    """Sum the entries of the period one by one in Python, knowing nothing of how reports do it."""
    sums: Counter[tuple[Any, ...]] = Counter()
    for entry in Entry.objects.select_related("account"):
        if period.first <= entry.created_at.date() <= period.last:
            sums[entry.account.kind, entry.line] += entry.amount
            sums["day", entry.created_at.date(), entry.account.kind, entry.line] += entry.amount
            sums["subject", entry.subject, entry.account.kind] += entry.amount
            sums["person", entry.account.owner_id, entry.account.kind, entry.line] += entry.amount
    return sums


class TestFigures:
    @pytest.mark.parametrize("name", ["last_month", "this_month", "last_30"])
    def test_every_figure_equals_the_ledger(self, market: Market, name: str) -> None:
        period = quick(name)
        kept, sums = figures.sums_in(period), recomputed(period)

        totals = figures.totals(kept)
        assert totals.gross == -sums["wallet", "charge"]
        assert totals.royalties == sums["earnings", "plugin_fee"]
        assert totals.base_fees == sums["earnings", "base_fee"]
        assert totals.commission == sums["platform_revenue", "commission"]
        assert totals.top_ups == sums["wallet", "top_up"]
        assert totals.gross == totals.royalties + totals.base_fees + totals.commission

        for grain in Grain:
            spans = figures.by_span(figures.days_in(period), period, grain)
            assert [day for each in spans for day in each.span.days()] == list(period.days())
            for each in spans:

                def of(kind: str, line: str, days: Iterable[date] = tuple(each.span.days())) -> int:
                    return sum(sums["day", day, kind, line] for day in days)

                assert each.royalties == of("earnings", "plugin_fee")
                assert each.base_fees == of("earnings", "base_fee")
                assert each.commission == of("platform_revenue", "commission")
                assert each.gross == -of("wallet", "charge")
                assert each.top_ups == of("wallet", "top_up")

        for prefix in ("plugin-version", "base-release"):
            for row in figures.by_subject(kept, prefix):
                assert row.fees == sum(sums["subject", subject, "earnings"] for subject in row.subjects)
                assert row.commission == sum(
                    sums["subject", subject, "platform_revenue"] for subject in row.subjects
                )
        for person in by_person(kept):
            assert person.royalties == sums["person", person.person.pk, "earnings", "plugin_fee"]
            assert person.base_fees == sums["person", person.person.pk, "earnings", "base_fee"]

    def test_the_parts_sum_to_the_total(self, market: Market) -> None:
        period = market.last_month
        sums = figures.sums_in(period)
        totals = figures.totals(sums)
        subjects = [
            *figures.by_subject(sums, "plugin-version"),
            *figures.by_subject(sums, "base-release"),
        ]

        assert sum(row.total for row in subjects) == totals.gross
        assert (
            sum(row.gross for row in figures.by_span(figures.days_in(period), period, Grain.WEEK))
            == totals.gross
        )
        assert sum(row.total for row in by_person(sums)) == totals.royalties + totals.base_fees
        assert sum(line.amount for line in figures.paid_lines(figures.entries_in(period))) == totals.gross

    def test_last_month_is_as_it_happened(self, market: Market, artist: User) -> None:
        totals = figures.totals(figures.sums_in(market.last_month))

        # Two queries stand, a third was reversed in the same month.
        assert (totals.gross, totals.royalties, totals.base_fees) == (190_000, 135_000, 36_000)
        assert (totals.commission, totals.top_ups, totals.queries) == (19_000, 20_000_000, 3)
        now = figures.standing()
        assert (now.held, now.in_wallets) == (0, 20_000_000 - 190_000 - 120_000)

    def test_promotional_credit_is_counted_apart(
        self, client_for: ClientFor, user: User, admin: User, model_owner: User
    ) -> None:
        grant_credit(person=user, amount=EURO, admin=admin, reason="welcome", request_id=uuid.uuid4())
        top_up(user)
        base = make_base(model_owner)
        for paid_by_credit in (True, False):
            request = run(user, make_order(base, count=1 if paid_by_credit else 8, prompt="a fox"))
            assert request.hold is not None
            ledger.capture(hold=request.hold, key=f"{request.reference}:capture")
            if paid_by_credit:
                # The rest is too little for the next.
                ledger.post(
                    key="back", debit=request.hold.payer, credit=ledger.account(AccountKind.PLATFORM_REVENUE),
                    amount=EURO - 20_000, kind="promotion",
                )  # fmt: skip
        seal_some()

        totals, now = figures.totals(figures.sums_in(quick("last_30"))), figures.standing()

        assert (totals.gross, totals.by_credit, totals.queries) == (90_000, 10_000, 2)
        assert (now.in_wallets, now.in_credit) == (EURO - 80_000, 10_000)
        page = client_for(admin).get("/reports/?period=last_30").content.decode()
        assert "€0.01 of it to promotional credit" in page
        assert "€0.01 of promotional credit" in page

    def test_an_empty_market_has_empty_reports(self) -> None:
        period = quick("last_month")
        assert figures.totals(figures.sums_in(period)).gross == 0
        assert figures.by_subject(figures.sums_in(period), "plugin-version") == []


class TestPeriods:
    @pytest.mark.parametrize(
        ("name", "today", "first", "last"),
        [
            ("last_month", date(2026, 1, 1), date(2025, 12, 1), date(2025, 12, 31)),
            ("last_month", date(2028, 3, 31), date(2028, 2, 1), date(2028, 2, 29)),
            ("this_month", date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 1)),
            ("last_30", date(2026, 3, 1), date(2026, 1, 31), date(2026, 3, 1)),
        ],
    )
    def test_quick_periods(self, name: str, today: date, first: date, last: date) -> None:
        period = quick(name, today)
        assert (period.first, period.last) == (first, last)

    def test_a_period_has_all_of_its_last_day(self) -> None:
        period = Period(date(2026, 5, 1), date(2026, 5, 2))
        assert period.end - period.start == timedelta(days=2)
        assert len(list(period.days())) == 2


class TestOverview:
    def test_it_shows_the_last_complete_month_by_default(
        self, client_for: ClientFor, admin: User, market: Market
    ) -> None:
        seal_some()
        page = client_for(admin).get("/reports/").content.decode()

        assert "<h1>Last month</h1>" in page
        assert "€0.19" in page  # charged
        assert "€20.00" in page  # topped up
        assert "<svg" in page
        assert "=Brush &amp; &lt;Ink&gt;" in page

    @pytest.mark.parametrize(
        "query",
        ["?period=this_month", "?period=last_30", "?from=2026-01-01&to=2026-01-31", "?period=nonsense"],
    )
    def test_other_periods_are_a_click_away(
        self, client_for: ClientFor, admin: User, market: Market, query: str
    ) -> None:
        assert client_for(admin).get(f"/reports/{query}").status_code == 200

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("?from=2026-02-01&to=2026-01-01", "first day is after the last"),
            ("?from=2010-01-01&to=2026-01-01", "at most 3653 days"),
            ("?from=0001-01-01&to=0001-01-02", "years 2000 to 2999"),
            ("?from=9999-12-01&to=9999-12-31", "years 2000 to 2999"),
            ("?from=yesterday&to=2026-01-01", "Enter a valid date"),
            ("?from=2026-01-01", "required"),
        ],
    )
    def test_a_bad_period_is_explained(
        self, client_for: ClientFor, admin: User, market: Market, query: str, message: str
    ) -> None:
        response = client_for(admin).get(f"/reports/{query}")
        assert response.status_code == 422
        assert message in response.content.decode()

    def test_an_empty_market_is_shown(self, client_for: ClientFor, admin: User) -> None:
        assert "Nothing moved in this period" in client_for(admin).get("/reports/").content.decode()

    @pytest.mark.parametrize(
        "path",
        [
            "/reports/", "/reports/requests/", "/reports/degradation/", "/reports/books/", "/reports/payouts/",
            "/disputes/", "/takedowns/", "/reports/credit/", "/reports/audit/",
        ],
    )  # fmt: skip
    def test_every_report_says_which_of_them_it_is_and_leads_to_the_others(
        self, client_for: ClientFor, admin: User, path: str
    ) -> None:
        page = client_for(admin).get(path).content.decode()

        assert f'<a href="{path}" aria-current="page">' in page
        assert '<a href="/claims/">Claims</a>' in page

    def test_no_style_or_script_lies_in_the_page(
        self, client_for: ClientFor, admin: User, market: Market
    ) -> None:
        svg = client_for(admin).get("/reports/").content.decode().split("<svg")
        chart = next(part for part in svg if "pygal-chart" in part).split("</svg>")[0]
        assert not any(word in chart for word in ("<style", "<script", "style=", "http://pygal", "<!--"))
        assert 'role="img"' in chart
        assert "Royalties €0.09</title>" in chart


class TestDrillDown:
    def test_a_number_leads_to_its_query_lines(
        self, client_for: ClientFor, admin: User, market: Market, artist: User
    ) -> None:
        client = client_for(admin)
        everything = client.get("/reports/queries/").content.decode()
        one_plugin = client.get("/reports/queries/?what=plugin-version:2").content.decode()
        one_person = client.get(f"/reports/queries/?person={artist.handle}").content.decode()

        for page, lines, amount in (
            (everything, 16, "€0.19"),
            (one_plugin, 2, "€0.05"),
            (one_person, 3, "€0.09"),
        ):
            assert f"{amount} in all" in page
            assert page.count("/reports/transfers/") == lines

    def test_a_query_line_leads_to_its_entries(
        self, client_for: ClientFor, admin: User, market: Market
    ) -> None:
        client = client_for(admin)
        reversed_one = Transfer.objects.get(reversed_by__isnull=False)

        page = client.get(f"/reports/transfers/{reversed_one.pk}/").content.decode()
        reversal = client.get(f"/reports/transfers/{reversed_one.reversed_by.pk}/").content.decode()

        assert "drawn wrong" in page
        assert page.count("<tr>") == 7
        assert f"transfer {reversed_one.pk}" in reversal
        assert client.get("/reports/transfers/999999/").status_code == 404

    def test_an_unknown_plugin_has_no_lines(self, client_for: ClientFor, admin: User, market: Market) -> None:
        assert "No requests" in client_for(admin).get("/reports/queries/?what=plugin:99").content.decode()


class TestDownloads:
    def test_query_lines_download_as_csv(self, client_for: ClientFor, admin: User, market: Market) -> None:
        rows = read_csv(client_for(admin).get("/reports/queries/?format=csv"))

        assert rows[0][-2:] == ["amount", "currency"]
        assert len(rows) == 17
        assert sum(round(float(row[-2]) * 1_000_000) for row in rows[1:]) == 190_000
        assert "'=Brush & <Ink>" in {row[6] for row in rows}

    @pytest.mark.parametrize(("name", "rows"), [("days", 0), ("plugins", 2), ("people", 3), ("bases", 1)])
    def test_tables_download_as_csv(
        self, client_for: ClientFor, admin: User, market: Market, name: str, rows: int
    ) -> None:
        response = client_for(admin).get(reverse("reports:table", args=[name]))
        period = market.last_month
        assert f"{name}-{period.first}-{period.last}.csv" in response["Content-Disposition"]
        assert len(read_csv(response)) == 1 + (rows or len(list(period.days())))

    def test_an_unknown_table_is_not_found(self, client_for: ClientFor, admin: User) -> None:
        assert client_for(admin).get("/reports/tables/secrets.csv").status_code == 404


class TestAccess:
    PATHS = ("/reports/", "/reports/queries/", "/reports/tables/days.csv", "/reports/transfers/1/")

    @pytest.mark.parametrize("who", ["user", "artist", "model_owner", "stranger"])
    def test_reports_do_not_exist_for_others(
        self, client_for: ClientFor, request: pytest.FixtureRequest, who: str
    ) -> None:
        client = client_for(request.getfixturevalue(who))
        assert [client.get(path).status_code for path in self.PATHS] == [404] * 4

    def test_a_visitor_is_asked_to_sign_in(self, client: Client) -> None:
        for path in self.PATHS:
            assert client.get(path)["Location"].startswith("/accounts/login/")


class TestAdministration:
    MODELS = ("account", "transfer", "entry", "hold", "holdresolution")

    def test_the_ledger_is_there_to_look_at(self, client_for: ClientFor, admin: User, market: Market) -> None:
        client = client_for(admin)
        for model in self.MODELS:
            changelist = reverse(f"admin:ledger_{model}_changelist")
            assert client.get(changelist).status_code == 200
            assert client.get(reverse(f"admin:ledger_{model}_add")).status_code == 403
        transfer = Transfer.objects.first()
        assert transfer is not None
        change = reverse("admin:ledger_transfer_change", args=[transfer.pk])
        assert client.get(change).status_code == 200
        assert client.post(change, {"memo": "changed"}).status_code == 403
        assert (
            client.post(
                reverse("admin:ledger_transfer_delete", args=[transfer.pk]), {"post": "yes"}
            ).status_code
            == 403
        )
