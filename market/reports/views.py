"""The admins' reports: the whole market over a period, down to the entries of one transfer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import done
from market.downloads import csv_response
from market.generation.models import GenerationRequest
from market.generation.refunds import refund_of, refund_query
from market.ledger import operations as ledger
from market.ledger.describing import describe
from market.ledger.models import Entry, Figure, Transfer, TransferKind
from market.ledger.money import plain
from market.ledger.queries import total
from market.refusals import Refused
from market.reports import charts, figures, running
from market.reports.forms import RefundForm
from market.reports.lines import page_of
from market.reports.narrowing import NOT_SAID, Narrowing, address, narrowing_of
from market.reports.people import by_country, by_person
from market.reports.periods import QUICK, Grain, Period, period_of
from market.reports.verifying import last_verification, request_verification, verification_since

DEFAULT_PERIOD = "last_month"
TOP = 50
"""How many rows each table of the overview shows. The CSV has all."""


@role_required(Role.ADMIN)
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Show the period's totals, days, plug-ins, people and bases, and whether the ledger verifies."""
    period, form = period_of(request, DEFAULT_PERIOD)
    narrowing, narrowing_form = narrowing_of(request)
    sums, sums_before = (narrowing.sums(figures.sums_in(each)) for each in (period, period.previous))
    narrowed = bool(narrowing)
    days = narrowing.sums(figures.days_in(period))
    spans = figures.by_span(days, period, period.grain, narrowed=narrowed)
    plugins, people = figures.by_subject(sums, "plugin-version"), by_person(sums)
    verification = last_verification()
    return render(
        request,
        "reports/overview.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "narrowing": narrowing,
            "narrowing_form": narrowing_form,
            "asked": address(period.query, narrowing.kept),
            "totals": figures.totals(sums, narrowed=narrowed),
            "before": figures.totals(sums_before, narrowed=narrowed),
            "standing": None if narrowing else figures.standing(),
            "active_spans": [row for row in spans if row.gross or row.top_ups],
            "chart": charts.over_time(
                "What requests paid",
                period,
                [
                    charts.Series("Royalties", [row.royalties for row in spans]),
                    charts.Series("Base fees", [row.base_fees for row in spans]),
                    *(
                        []
                        if narrowing.to_people
                        else [charts.Series("Commission", [row.commission for row in spans])]
                    ),
                ],
            ),
            "plugins": plugins[:TOP],
            "plugins_more": max(0, len(plugins) - TOP),
            "movers": figures.movers(plugins, figures.by_subject(sums_before, "plugin-version")),
            "bases": figures.by_subject(sums, "base-release"),
            "people": people[:TOP],
            "people_more": max(0, len(people) - TOP),
            "countries": by_country(people),
            "not_said": NOT_SAID,
            "verification": verification,
            "later_verification": verification_since(verification),
        },
        status=422 if form.errors or narrowing_form.errors else 200,
    )


@role_required(Role.ADMIN)
@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Show what happened to requests: how many were paid, failures and their reasons, and how long people waited."""
    period, form = period_of(request, DEFAULT_PERIOD)
    days = running.days_in(period)
    return render(
        request,
        "reports/requests.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "funnel": running.funnel(period, days),
            "before": running.funnel(period.previous, running.days_in(period.previous, only_counts=True)),
            "waits": running.waits(days),
            "spans": running.by_span(period, period.grain, days),
            "reasons": running.reasons(days),
        },
        status=422 if form.errors else 200,
    )


@role_required(Role.ADMIN)
@require_POST
def verify_now(request: HttpRequest) -> HttpResponse:
    """Have the ledger verified again, and redirect to the job that does it."""
    return redirect(request_verification(person_of(request)).job)


@dataclass(frozen=True)
class Chosen:
    """The request lines that an address asks for: all, or those of one plug-in or base (`what`)."""

    lines: QuerySet[Entry]
    sums: QuerySet[Figure]
    label: str
    kept: dict[str, str]


def chosen(request: HttpRequest, period: Period, narrowing: Narrowing) -> Chosen:
    lines = narrowing.lines(figures.paid_lines(figures.entries_in(period)))
    sums = narrowing.sums(figures.paid_sums(figures.days_in(period)))
    what = request.GET.get("what", "")
    if not what:
        return Chosen(lines, sums, "", {})
    subjects = figures.subjects_of(narrowing.sums(figures.sums_in(period)), what)
    label = describe(subjects[:1])[subjects[0]].label if subjects else what
    return Chosen(
        lines.filter(subject__in=subjects), sums.filter(subject__in=subjects), label, {"what": what}
    )


@role_required(Role.ADMIN)
@require_GET
def queries(request: HttpRequest) -> HttpResponseBase:
    """List the request lines behind a number, each linked to its transfer; or download them."""
    period, form = period_of(request, DEFAULT_PERIOD)
    narrowing, narrowing_form = narrowing_of(request)
    asked = chosen(request, period, narrowing)
    if request.GET.get("format") == "csv" and not (form.errors or narrowing_form.errors):
        return csv_response(f"queries-{period.first}-{period.last}", LINE_HEADER, line_rows(asked.lines))
    page = page_of(asked.lines, asked.sums, request.GET.get("page", ""))
    return render(
        request,
        "reports/queries.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "narrowing": narrowing,
            "narrowing_form": narrowing_form,
            "page": page,
            "lines": figures.name_lines(page.lines),
            "sum": total(asked.sums),
            "what_label": asked.label,
            "kept": asked.kept,
            "asked": address(period.query, narrowing.kept | asked.kept),
            "overview_asked": address(period.query, narrowing.kept),
        },
        status=422 if form.errors or narrowing_form.errors else 200,
    )


LINE_HEADER = (
    "time",
    "transfer",
    "kind",
    "query",
    "line",
    "subject",
    "name",
    "paid_to",
    "amount",
    "currency",
)


def line_rows(lines: QuerySet[Entry]) -> Iterator[tuple[object, ...]]:
    for line in lines.iterator(chunk_size=2000):
        yield (
            line.created_at.isoformat(timespec="seconds"), line.transfer_id, line.transfer.kind,
            line.transfer.reference, line.line, line.subject, line.memo, line.account.owner or "the market",
            plain(line.amount), line.transfer.currency,
        )  # fmt: skip


@role_required(Role.ADMIN)
@require_GET
def table(request: HttpRequest, name: str) -> HttpResponseBase:
    """Download one of the reports' tables, for the period and the filter of the page."""
    period, form = period_of(request, DEFAULT_PERIOD)
    narrowing, narrowing_form = narrowing_of(request)
    if form.errors or narrowing_form.errors:
        wrong = [*form.errors.values(), *narrowing_form.errors.values()]
        return HttpResponse(
            "\n".join(str(message) for each in wrong for message in each),
            status=422,
            content_type="text/plain",
        )
    header, rows = table_rows(name, period, narrowing)
    return csv_response(f"{name}-{period.first}-{period.last}", header, rows)


def table_rows(name: str, period: Period, narrowing: Narrowing) -> tuple[list[str], list[list[object]]]:
    """Return the header and rows of one table. Amounts are decimal numbers; unknown numbers are empty."""
    sums = narrowing.sums(figures.sums_in(period))
    if name == "days":
        amounts = ["gross", "royalties", "base_fees", "commission", "top_ups"]
        each_day = narrowing.sums(figures.days_in(period))
        days = figures.by_span(each_day, period, Grain.DAY, narrowed=bool(narrowing))
        return ["day", *amounts], [
            [row.span.first, *(plain(getattr(row, a)) for a in amounts)] for row in days
        ]
    if name in {"plugins", "bases"}:
        rows = figures.by_subject(sums, "plugin-version" if name == "plugins" else "base-release")
        return (
            ["name", "queries", "fees", "commission", "total"],
            [
                [row.label, _known(row.queries), plain(row.fees), plain(row.commission), plain(row.total)]
                for row in rows
            ],
        )
    if name == "people":
        return (
            ["name", "email", "queries", "royalties", "base_fees", "total"],
            [
                [
                    row.person,
                    row.person.email,
                    _known(row.queries),
                    plain(row.royalties),
                    plain(row.base_fees),
                    plain(row.total),
                ]
                for row in by_person(sums)
            ],
        )
    if name == "countries":
        countries = by_country(by_person(sums))
        return (
            ["country", "people", "royalties", "base_fees", "total"],
            [
                [row.name, row.people, plain(row.royalties), plain(row.base_fees), plain(row.total)]
                for row in countries
            ],
        )
    if name == "requests":
        columns = ["asked", "drawn", "failed", "cancelled", "wait_median", "wait_p95"]
        return (
            ["day", *columns],
            [
                [row.span.first, *(getattr(row, column) for column in columns)]
                for row in running.by_span(period, Grain.DAY, running.days_in(period))
            ],
        )
    raise Http404


def _known(number: int | None) -> object:
    return "" if number is None else number


@role_required(Role.ADMIN)
@require_GET
def transfer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one transfer with every entry, and the transfer that reversed it or that it reverses."""
    shown = get_object_or_404(Transfer.objects.select_related("reverses", "actor"), pk=pk)
    return _transfer_page(request, shown, RefundForm())


@role_required(Role.ADMIN)
@require_POST
def refund(request: HttpRequest, pk: int) -> HttpResponse:
    """Refund a captured request."""
    shown = get_object_or_404(Transfer.objects.select_related("reverses", "actor"), pk=pk)
    named = _query_of(shown)
    query = GenerationRequest.objects.filter(pk=named).first() if named else None
    form = RefundForm(request.POST)
    if query is None:
        messages.error(request, "Only a captured request can be refunded here.")
        return redirect("reports:transfer", pk)
    if not form.is_valid():
        return _transfer_page(request, shown, form)

    def give_back() -> None:
        try:
            refund_query(
                query,
                person_of(request),
                form.cleaned_data["reason"],
                from_receivers=form.cleaned_data["paid_by"] == "receivers",
            )
        except ledger.LedgerError as error:
            raise Refused(f"The ledger refused: {error}") from error

    return done(request, reverse("reports:transfer", args=[pk]), give_back, "Given back.")


def _query_of(transfer: Transfer) -> uuid.UUID | None:
    kind, _, name = transfer.reference.partition(":")
    if transfer.kind != TransferKind.CAPTURE or kind != "generation":
        return None
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _transfer_page(request: HttpRequest, shown: Transfer, form: RefundForm) -> HttpResponse:
    is_query = _query_of(shown) is not None
    reversal = Transfer.objects.filter(reverses=shown).first()
    given_back = refund_of(shown) if is_query and reversal is None else None
    entries = shown.entries.select_related("account__owner").order_by("position")
    return render(
        request,
        "reports/transfer.html",
        {
            "transfer": shown,
            "entries": figures.name_lines(entries),
            "reversal": reversal,
            "refund": given_back,
            "may_refund": is_query and not (reversal or given_back),
            "form": form,
            "sum": sum(entry.amount for entry in entries),
        },
        status=422 if form.errors else 200,
    )
