"""Pages on which admins check accounts, put payouts into batches, approve them and follow them to the bank."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role, User
from market.acting import done
from market.audit.recording import record
from market.downloads import csv_response, file_response
from market.ledger.money import plain
from market.payments.batches import (
    BY_BANK,
    approve_batch,
    dissolve_batch,
    make_batch,
    return_payout,
    send_batch,
    settle_batch,
)
from market.payments.forms import ReasonForm
from market.payments.four_eyes import is_alone
from market.payments.models import BatchState, Payout, PayoutBatch, PayoutDetails, PayoutState
from market.payments.payouts import verify_details
from market.refusals import Refused

ROWS = 25


@role_required(Role.ADMIN)
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """List bank details to check, payouts that wait, and the batches."""
    waiting = Payout.objects.filter(state=PayoutState.REQUESTED).select_related("person")
    page = Paginator(PayoutBatch.objects.all(), ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "payments/payout_desk.html",
        {
            "unverified": PayoutDetails.objects.filter(verified_at=None).select_related("person")[:100],
            "waiting": waiting[:100],
            "waiting_total": waiting.aggregate(total=Sum("amount"))["total"] or 0,
            "two_admins_above": settings.PAYOUTS.two_admins_above_micros,
            "alone": is_alone(person_of(request)),
            "page_obj": page,
        },
    )


@role_required(Role.ADMIN)
@require_POST
def verify(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that the details are checked, if they are still the ones that the admin saw."""
    kept = get_object_or_404(PayoutDetails.objects.select_related("person"), pk=pk)
    seen = parse_datetime(request.POST.get("changed_at", "")) if request.POST.get("changed_at") else None

    def check() -> None:
        if seen != kept.changed_at or not verify_details(kept, person_of(request)):
            raise Refused("These details were changed or checked meanwhile. Look at them again.")

    return done(request, "payments:payout_desk", check, f"{kept.person} can be paid now.")


@role_required(Role.ADMIN)
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    try:
        made = make_batch(person_of(request))
    except Refused as error:
        messages.error(request, str(error))
        return redirect("payments:payout_desk")
    return redirect(made)


STEPS: dict[str, tuple[Callable[[PayoutBatch, User], object], str]] = {
    "approve": (approve_batch, "Approved."),
    "dissolve": (dissolve_batch, "Dissolved. Its payouts wait again."),
    "send": (send_batch, "Sent."),
    "settle": (settle_batch, "Noted: the bank has paid."),
}


@role_required(Role.ADMIN)
def batch(request: HttpRequest, pk: object) -> HttpResponse:
    """Show a batch, and take its next step."""
    found = get_object_or_404(PayoutBatch, pk=pk)
    if request.method == "POST":
        name = request.POST.get("step", "")
        if name not in STEPS:
            raise Http404
        step, said = STEPS[name]
        try:
            step(found, person_of(request))
        except Refused as error:
            messages.error(request, str(error))
            return redirect("payments:payout_batch", pk=pk)
        messages.success(request, said)
        if name == "send" and found.payouts.exclude(BY_BANK).exists():
            messages.info(request, "Payouts through Stripe are transferred within minutes.")
        return redirect("payments:payout_desk") if name == "dissolve" else redirect(found)
    payouts = found.payouts.select_related("person").order_by("created_at", "pk")
    return render(
        request,
        "payments/payout_batch.html",
        {
            "batch": found,
            "payouts": payouts,
            "through_bank": any(not payout.goes_through_stripe for payout in payouts),
            "through_stripe": any(payout.goes_through_stripe for payout in payouts),
            "approvals": found.approvals.select_related("admin"),
            "alone": is_alone(person_of(request)),
            "returnable": found.state in (BatchState.SENT, BatchState.SETTLED),
        },
    )


@role_required(Role.ADMIN)
@require_GET
def pain(request: HttpRequest, pk: object) -> HttpResponse:
    """Give the bank's file of an approved batch. It is the same each time."""
    found = get_object_or_404(PayoutBatch.objects.exclude(pain=""), pk=pk)
    _record_download(request, found, "pain.001")
    return file_response(found.pain, "application/xml", f"payouts-{found.pk.hex[:8]}.xml")


@role_required(Role.ADMIN)
@require_GET
def listed(request: HttpRequest, pk: object) -> HttpResponseBase:
    """Give an approved batch as CSV, for a bank that takes no file or for the books."""
    found = get_object_or_404(PayoutBatch.objects.exclude(state=BatchState.DRAFT), pk=pk)
    _record_download(request, found, "CSV")
    rows = (
        (
            payout.pk,
            payout.holder,
            payout.iban,
            payout.bic,
            payout.stripe_account,
            plain(payout.amount),
            plain(payout.withheld),
            payout.currency,
            payout.state,
        )
        for payout in found.payouts.order_by("created_at", "pk")
    )
    header = (
        "payout",
        "holder",
        "iban",
        "bic",
        "stripe_account",
        "amount",
        "tax_withheld",
        "currency",
        "state",
    )
    return csv_response(f"payouts-{found.pk.hex[:8]}", header, rows)


def _record_download(request: HttpRequest, batch: PayoutBatch, form: str) -> None:
    """Note who downloaded everybody's bank details."""
    with transaction.atomic():
        record("payout.file_downloaded", by=person_of(request), target=batch, details={"form": form})


@role_required(Role.ADMIN)
@require_POST
def give_back(request: HttpRequest, pk: object) -> HttpResponse:
    """Refuse a waiting payout, or note that one came back. The money returns to the person's earnings."""
    payout = get_object_or_404(Payout.objects.select_related("person", "batch"), pk=pk)
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return done(
        request,
        payout.batch or "payments:payout_desk",
        lambda: return_payout(payout, person_of(request), reason),
        f"{payout.person} has the money back in their earnings.",
    )
