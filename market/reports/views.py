"""The admins' reports: the whole market over a period, down to the entries of one transfer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role, User
from market.audit.recording import record
from market.downloads import csv_response
from market.generation.models import GenerationRequest
from market.generation.refunds import RefundRefused, refund_of, refund_query
from market.ledger import operations as ledger
from market.ledger.describing import describe
from market.ledger.models import Entry, Transfer, TransferKind
from market.ledger.money import plain
from market.ledger.queries import total
from market.ledger.verification import Verification, verify
from market.reports import charts, figures, running
from market.reports.forms import RefundForm
from market.reports.periods import QUICK, Period, period_of

DEFAULT_PERIOD = "last_month"
ROWS = 50
TOP = 50
"""Of each table of the overview so many rows are shown; the CSV has all."""
VERIFIED = "reports:verification"
VERIFY_UP_TO = 20_000
"""Above so many entries a report no longer verifies the ledger by itself: somebody has to ask for it."""


@role_required(Role.ADMIN)
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Show the period's totals, days, plug-ins, people and bases, and whether the ledger verifies."""
    period, form = period_of(request, DEFAULT_PERIOD)
    sums, sums_before = figures.sums_in(period), figures.sums_in(period.previous)
    days = figures.by_day(sums, period)
    plugins, people = figures.by_subject(sums, "plugin-version"), figures.by_person(sums)
    return render(
        request,
        "reports/overview.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "totals": figures.totals(period),
            "before": figures.totals(period.previous),
            "standing": figures.standing(),
            "days": days,
            "active_days": [day for day in days if day.gross or day.top_ups],
            "chart": charts.per_day(
                "What queries paid per day",
                [day.day for day in days],
                [
                    charts.Series("Royalties", [day.royalties for day in days]),
                    charts.Series("Base fees", [day.base_fees for day in days]),
                    charts.Series("Commission", [day.commission for day in days]),
                ],
            ),
            "plugins": plugins[:TOP],
            "plugins_more": max(0, len(plugins) - TOP),
            "movers": figures.movers(plugins, figures.by_subject(sums_before, "plugin-version")),
            "bases": figures.by_subject(sums, "base-release"),
            "people": people[:TOP],
            "people_more": max(0, len(people) - TOP),
            "countries": figures.by_country(people),
            "verification": last_verification(),
        },
        status=400 if form.errors else 200,
    )


@role_required(Role.ADMIN)
@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Show how requests fared: from asked for to paid, failures and their reasons, and how long people waited."""
    period, form = period_of(request, DEFAULT_PERIOD)
    return render(
        request,
        "reports/requests.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "funnel": running.funnel(period),
            "before": running.funnel(period.previous),
            "days": running.by_day(period),
            "reasons": running.reasons(period),
        },
        status=400 if form.errors else 200,
    )


def last_verification() -> Verification | None:
    """Return what the last verification found; run one when none is known and the ledger is small."""
    known: Verification | None = cache.get(VERIFIED)
    if known is None and Entry.objects.order_by("-pk").values_list("pk", flat=True).first() is None:
        return verified_now()
    if known is None and Entry.objects.count() <= VERIFY_UP_TO:
        return verified_now()
    return known


def verified_now() -> Verification:
    result = verify()
    cache.set(VERIFIED, result, timeout=300)
    return result


@role_required(Role.ADMIN)
@require_POST
def verify_now(request: HttpRequest) -> HttpResponse:
    """Verify the ledger afresh, and say what was found."""
    result = verified_now()
    with transaction.atomic():  # after it: a verification needs a transaction of its own
        record(
            "ledger.verified",
            by=person_of(request),
            target="ledger",
            details={
                "right": result.ok,
                "wrong": [finding.check for finding in result.findings],
                **result.counts,
            },
        )
    if result.ok:
        messages.success(request, "The ledger verifies: every balance is the sum of its entries.")
    else:
        messages.error(request, "The ledger does not verify. The checks that failed are listed below.")
    return redirect("reports:overview")


@dataclass(frozen=True)
class Chosen:
    """The query lines that an address asks for: of all, of one plug-in or base (`what`), of one person."""

    lines: QuerySet[Entry]
    amount: int
    said: dict[str, str]
    kept: dict[str, str]


def chosen(request: HttpRequest, period: Period) -> Chosen:
    lines, sums = figures.paid_lines(figures.entries_in(period)), figures.paid_sums(figures.sums_in(period))
    said: dict[str, str] = {}
    kept: dict[str, str] = {}
    what, person = request.GET.get("what", ""), request.GET.get("person", "")
    if what:
        subjects = figures.subjects_of(sums, what)
        lines, sums = lines.filter(subject__in=subjects), sums.filter(subject__in=subjects)
        said["what_label"] = describe(subjects[:1])[subjects[0]].label if subjects else what
        kept["what"] = what
    if person:
        if not (person.isascii() and person.isdigit() and len(person) < 19):
            raise Http404
        owner = get_object_or_404(User, pk=person)
        lines, sums = lines.filter(account__owner=owner), sums.filter(account__owner=owner)
        said["person_label"] = str(owner)
        kept["person"] = person
    return Chosen(lines, total(sums), said, kept)


@role_required(Role.ADMIN)
@require_GET
def queries(request: HttpRequest) -> HttpResponseBase:
    """List the query lines behind a number, each linked to its transfer; or download them."""
    period, form = period_of(request, DEFAULT_PERIOD)
    asked = chosen(request, period)
    if request.GET.get("format") == "csv":
        return csv_response(f"queries-{period.first}-{period.last}", LINE_HEADER, line_rows(asked.lines))
    page = Paginator(asked.lines, ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "reports/queries.html",
        {
            "period": period,
            "form": form,
            "quick": QUICK,
            "page_obj": page,
            "lines": figures.name_lines(page),
            "sum": asked.amount,
            "said": asked.said,
            "kept": asked.kept,
            "kept_query": urlencode(asked.kept),
        },
        status=400 if form.errors else 200,
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
    """Download one of the overview's tables."""
    period, _ = period_of(request, DEFAULT_PERIOD)
    header, rows = table_rows(name, period)
    return csv_response(f"{name}-{period.first}-{period.last}", header, rows)


def table_rows(name: str, period: Period) -> tuple[list[str], list[list[object]]]:
    """Return the header and rows of one table, amounts as decimal numbers."""
    sums = figures.sums_in(period)
    if name == "days":
        amounts = ["gross", "royalties", "base_fees", "commission", "top_ups"]
        days = figures.by_day(sums, period)
        return ["day", *amounts], [[day.day, *(plain(getattr(day, a)) for a in amounts)] for day in days]
    if name in {"plugins", "bases"}:
        rows = figures.by_subject(sums, "plugin-version" if name == "plugins" else "base-release")
        return (
            ["name", "queries", "fees", "commission", "total"],
            [
                [row.label, row.queries, plain(row.fees), plain(row.commission), plain(row.total)]
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
                    row.queries,
                    plain(row.royalties),
                    plain(row.base_fees),
                    plain(row.total),
                ]
                for row in figures.by_person(sums)
            ],
        )
    if name == "countries":
        countries = figures.by_country(figures.by_person(sums))
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
            [[day.day, *(getattr(day, c) for c in columns)] for day in running.by_day(period)],
        )
    raise Http404


@role_required(Role.ADMIN)
@require_GET
def transfer(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one transfer with every entry, and what reversed it or what it reverses."""
    shown = get_object_or_404(Transfer.objects.select_related("reverses", "actor"), pk=pk)
    return _transfer_page(request, shown, RefundForm())


@role_required(Role.ADMIN)
@require_POST
def refund(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the price of a captured query back."""
    shown = get_object_or_404(Transfer.objects.select_related("reverses", "actor"), pk=pk)
    named = _query_of(shown)
    query = GenerationRequest.objects.filter(pk=named).first() if named else None
    form = RefundForm(request.POST)
    if query is None:
        messages.error(request, "Only the capture of a query can be given back here.")
        return redirect("reports:transfer", pk)
    if not form.is_valid():
        return _transfer_page(request, shown, form)
    try:
        refund_query(
            query,
            person_of(request),
            form.cleaned_data["reason"],
            from_receivers=form.cleaned_data["paid_by"] == "receivers",
        )
    except RefundRefused as error:
        messages.error(request, str(error))
    except ledger.LedgerError as error:
        messages.error(request, f"The ledger refused: {error}")
    else:
        messages.success(request, "Given back.")
    return redirect("reports:transfer", pk)


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
        status=400 if form.errors else 200,
    )
