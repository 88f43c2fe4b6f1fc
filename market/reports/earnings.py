"""What an artist or a model owner earned: per plug-in or base, over time, per request."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from market.accounts.access import person_of
from market.downloads import csv_response
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry
from market.ledger.money import plain
from market.ledger.queries import earned, within
from market.payments.holding import held_for
from market.reports import charts, figures
from market.reports.lines import page_of
from market.reports.periods import QUICK, period_of

DEFAULT_PERIOD = "last_30"


@login_required
@require_GET
def earnings(request: HttpRequest) -> HttpResponseBase:
    """Show the period's income, or download its lines."""
    person = person_of(request)
    period, form = period_of(request, DEFAULT_PERIOD)
    sums = figures.of_person(figures.sums_in(period), person)
    lines = figures.paid_lines(within(earned(person), period.start, period.end))
    days = figures.of_person(figures.days_in(period), person)
    line_sums = figures.paid_sums(days)
    what = request.GET.get("what", "")
    if what:
        of_what = figures.subjects_of(sums, what)
        lines, line_sums = lines.filter(subject__in=of_what), line_sums.filter(subject__in=of_what)
    if request.GET.get("format") == "csv":
        return csv_response(f"earnings-{period.first}-{period.last}", LINE_HEADER, line_rows(lines))
    spans = figures.by_span(days, period, period.grain, narrowed=True)
    subjects = [
        *figures.by_subject(sums, "plugin-version"),
        *figures.by_subject(sums, "base-release"),
    ]
    page = page_of(lines, line_sums, request.GET.get("page", ""))
    account = ledger.account(AccountKind.EARNINGS, person)
    return render(
        request,
        "reports/earnings.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "kept": {"what": what} if what else {},
            "what": what,
            "what_label": next((row.label for row in subjects if row.group == what), what),
            "total": sum(row.fees for row in subjects),
            "queries": figures.query_count(sums),
            "balance": ledger.balance(account),
            "held": held_for(person),
            "ever": bool(earned(person).values("pk")[:1]),
            "subjects": subjects,
            "active_spans": [row for row in spans if row.gross],
            "chart": charts.over_time(
                "What you earned",
                period,
                [
                    series
                    for series in (
                        charts.Series("Plug-ins", [row.royalties for row in spans]),
                        charts.Series("Base models", [row.base_fees for row in spans]),
                    )
                    if any(series.amounts)
                ]
                or [charts.Series("Plug-ins", [0 for _ in spans])],
            ),
            "page": page,
            "lines": figures.name_lines(page.lines),
        },
        status=422 if form.errors else 200,
    )


LINE_HEADER = ("time", "transfer", "kind", "query", "line", "subject", "name", "amount", "currency")


def line_rows(lines: QuerySet[Entry]) -> Iterator[tuple[object, ...]]:
    for line in lines.iterator(chunk_size=2000):
        yield (
            line.created_at.isoformat(timespec="seconds"), line.transfer_id, line.transfer.kind,
            line.transfer.reference, line.line, line.subject, line.memo, plain(line.amount),
            line.transfer.currency,
        )  # fmt: skip
