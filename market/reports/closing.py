"""The months of the market's books: which are closed, their sums, and closing the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.audit.recording import record
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, ClosedPeriod
from market.ledger.statements import Month
from market.reports import figures
from market.reports.figures import MonthRow


@dataclass(frozen=True)
class BookMonth:
    """One month: its sums, whether it is over, and the closing that covers it."""

    totals: MonthRow
    closed: ClosedPeriod | None

    @property
    def month(self) -> Month:
        return self.totals.month

    @property
    def last(self) -> date:
        return self.month.next.first - timedelta(days=1)

    @property
    def over(self) -> bool:
        return timezone.now() >= self.month.next.start


def months() -> list[BookMonth]:
    """Give every month in which something was posted, the latest first."""
    closings = list(ClosedPeriod.objects.order_by("until"))
    return [
        BookMonth(row, next((each for each in closings if each.until >= row.month.next.start), None))
        for row in reversed(figures.by_month())
    ]


def next_to_close() -> BookMonth | None:
    """The earliest month that is over and not closed."""
    return _next(months())


def _next(found: list[BookMonth]) -> BookMonth | None:
    return next((each for each in reversed(found) if each.over and each.closed is None), None)


@role_required(Role.ADMIN)
@require_GET
def books(request: HttpRequest) -> HttpResponse:
    """List the months, with the sum of every kind of account for closed ones."""
    kinds = dict(AccountKind.choices)
    closings = [
        (
            closing,
            [
                (kinds.get(name.split()[0], name), name.split()[1], int(amount))
                for name, amount in sorted(closing.balances.items())
            ],
        )
        for closing in ClosedPeriod.objects.select_related("closed_by")
    ]
    found = months()
    return render(
        request, "reports/books.html", {"months": found, "closings": closings, "next": _next(found)}
    )


@role_required(Role.ADMIN)
@require_POST
def close(request: HttpRequest) -> HttpResponse:
    """Close the month that the form names. It must be the earliest one that is over and open."""
    month = next_to_close()
    if month is None or str(month.month) != request.POST.get("month", ""):
        messages.error(
            request, "That month cannot be closed now: it is not over, or another comes first. Look again."
        )
        return redirect("reports:books")
    try:
        with transaction.atomic():
            closed = ledger.close_period(until=month.month.next.first, actor=person_of(request))
            record(
                "ledger.month_closed",
                by=person_of(request),
                target=closed,
                details={"month": str(month.month), "transfers": closed.transfers},
            )
    except (ledger.NotClosable, ledger.LedgerBusy) as error:
        messages.error(request, f"The month was not closed: {error}")
        return redirect("reports:books")
    messages.success(
        request,
        f"{month.month.first:%B %Y} is closed with {closed.transfers} transfers up to {datetime.now(UTC):%-d %B %Y, %H:%M} UTC.",
    )
    return redirect("reports:books")
