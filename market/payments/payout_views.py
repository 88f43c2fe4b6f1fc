"""Pages of an artist's or model owner's payouts: the account, the amounts and their state."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import done, filled_in, told
from market.payments.forms import PayoutDetailsForm, PayoutForm
from market.payments.models import Payout, PayoutDetails
from market.payments.payouts import cancel_payout, keep_details, payable, request_payout
from market.payments.withholding import rate_of

ROWS = 25


def details_of(person: User) -> PayoutDetails | None:
    return PayoutDetails.objects.filter(person=person).first()


@login_required
def payouts(request: HttpRequest) -> HttpResponse:
    """Show what can be paid out and what was paid. Take a request for a payout."""
    person = person_of(request)
    can = payable(person)
    form = PayoutForm(request.POST if request.method == "POST" else None, most=can.amount)

    def ask() -> HttpResponse:
        request_payout(
            person=person, amount=form.cleaned_data["amount"], request_id=form.cleaned_data["request_id"]
        )
        return told(
            request, "payments:payouts", "Your payout is on its way: an admin sends it with the next batch."
        )

    page = Paginator(person.payouts.all(), ROWS).get_page(request.GET.get("page"))
    context = {
        "payable": can, "minimum": settings.PAYOUTS.minimum_micros, "held": can.held, "form": form,
        "details": details_of(person), "page_obj": page, "tax_bps": rate_of(person),
    }  # fmt: skip
    return filled_in(request, "payments/payouts.html", context, ask)


@login_required
def details(request: HttpRequest) -> HttpResponse:
    """Ask for the account to pay to."""
    person = person_of(request)
    kept = details_of(person) or PayoutDetails(person=person, holder=person.display_name[:70])
    form = PayoutDetailsForm(request.POST if request.method == "POST" else None, instance=kept)

    def keep() -> HttpResponse:
        saved = keep_details(person, form.save(commit=False))
        messages.success(
            request,
            "Saved." if saved.is_verified else "Saved. You can be paid once an admin has checked it.",
        )
        return redirect("payments:payouts")

    return filled_in(request, "payments/payout_details.html", {"form": form, "details": kept}, keep)


@login_required
@require_POST
def cancel(request: HttpRequest, pk: object) -> HttpResponse:
    person = person_of(request)
    payout = get_object_or_404(Payout, pk=pk, person=person)
    said = "Cancelled. The money is back in your earnings."
    return done(request, "payments:payouts", lambda: cancel_payout(payout, person), said)
