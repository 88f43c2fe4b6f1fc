"""The wallet and its top-ups, and the page of the test gateway."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import filled_in
from market.ledger import operations as ledger
from market.ledger.models import AccountKind, Entry
from market.payments import webhooks
from market.payments.charge_backs import why_stopped
from market.payments.forms import DecisionForm, TopUpForm
from market.payments.gateways import offline
from market.payments.gateways.offline import TakingBack
from market.payments.gateways.protocol import GatewayUnavailable, PaymentError
from market.payments.gateways.registry import available, gateway_named
from market.payments.models import OfflineCheckout, TopUp, TopUpState
from market.payments.promotions import credit_account
from market.payments.top_ups import ask_gateway, room_of, start_top_up
from market.refusals import invalid
from market.security import allow_forms_to

ROWS = 25


def own_top_up(person: User, pk: object) -> TopUp:
    """Return the person's top-up; a stranger's does not exist."""
    return get_object_or_404(TopUp, pk=pk, person=person)


@login_required
@require_GET
def wallet(request: HttpRequest) -> HttpResponse:
    """Show the wallet's balance, what is set aside for what, and every movement."""
    person = person_of(request)
    account = ledger.account(AccountKind.WALLET, person)
    credit = credit_account(person)
    entries = (
        Entry.objects.filter(account=account)
        .select_related("transfer__reverses")
        .prefetch_related("transfer__entries")
        .order_by("-pk")
    )
    page = Paginator(entries, ROWS).get_page(request.GET.get("page"))
    return render(
        request,
        "payments/wallet.html",
        {
            "balance": ledger.balance(account),
            "credit": ledger.balance(credit) if credit else None,
            "stopped": why_stopped(person),
            "holds": account.holds.pending().order_by("-pk")[:50],
            "page_obj": page,
            "pending": TopUp.objects.filter(
                person=person, state__in=(TopUpState.PENDING, TopUpState.PROCESSING)
            )[:5],
        },
    )


@login_required
def top_up(request: HttpRequest) -> HttpResponse:
    """Ask how much; then send the person to the gateway."""
    person = person_of(request)
    # The same form sent again asks for no second top-up.
    gateways, room = available(), room_of(person, besides=_uuid(request.POST.get("request_id", "")))
    initial = {"next": request.GET.get("next", ""), "amount": request.GET.get("amount", "")}
    form = TopUpForm(
        request.POST if request.method == "POST" else None, room=room, gateways=gateways, initial=initial
    )
    allow_forms_to(request, [gateway.pay_at for gateway in gateways if gateway.pay_at])

    def start() -> HttpResponse:
        try:
            made = start_top_up(
                person=person,
                amount=form.cleaned_data["amount"],
                gateway=gateway_named(form.cleaned_data["gateway"]),
                request_id=form.cleaned_data["request_id"],
                next_url=safe_next(request, form.cleaned_data["next"]),
            )
        except PaymentError as error:
            raise invalid(str(error)) from error
        return redirect(made.checkout_url if made.is_pending else made.get_absolute_url())

    context = {
        "form": form,
        "gateways": gateways,
        "room": room,
        "stopped": why_stopped(person),
        "amounts": (5, 10, 25, 50),
    }
    return filled_in(request, "payments/top_up.html", context, start)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def safe_next(request: HttpRequest, url: str) -> str:
    """Keep an address only if it leads to a page of this site."""
    allowed = url_has_allowed_host_and_scheme(url, allowed_hosts=None, require_https=request.is_secure())
    return url if url.startswith("/") and allowed else ""


@login_required
@require_GET
def top_up_status(request: HttpRequest, pk: object) -> HttpResponse:
    """Show the state of a top-up. Ask the gateway if it has not reported."""
    made = ask_gateway(own_top_up(person_of(request), pk))
    return render(request, "payments/top_up_status.html", {"top_up": made})


@login_required
def test_checkout(request: HttpRequest, reference: str) -> HttpResponse:
    """The test gateway's page: the person confirms or declines a payment that moves no money."""
    person = person_of(request)
    try:
        gateway_named(offline.OfflineGateway.name)
    except GatewayUnavailable as error:
        raise Http404(str(error)) from error
    made = get_object_or_404(
        TopUp, gateway=offline.OfflineGateway.name, gateway_reference=reference, person=person
    )
    checkout = get_object_or_404(OfflineCheckout, pk=reference)
    form = DecisionForm(request.POST if request.method == "POST" else None)

    def decide() -> HttpResponse:
        decision, reporting = form.cleaned_data["decision"], form.cleaned_data["reporting"]
        if decision in TakingBack.values:
            if not offline.take_back(checkout, TakingBack(decision), reporting=reporting):
                messages.info(request, "There is nothing of this test payment to take back.")
        elif not offline.decide(checkout, paid=decision == "pay", reporting=reporting):
            messages.info(request, "This test payment was already decided.")
        offline.deliver_due(webhooks.send_to_market)
        return redirect(checkout.return_url)

    context = {"checkout": checkout, "top_up": made, "form": form, "taking_back": TakingBack.choices}
    return filled_in(request, "payments/test_checkout.html", context, decide)
