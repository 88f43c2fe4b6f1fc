"""Where admins see top-ups that were taken back at the gateway, and decide about those that a wallet cannot give back."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import done
from market.ledger.models import AccountKind, PayerBalance
from market.payments.forms import ReasonForm
from market.payments.models import TopUp, TopUpState
from market.payments.top_ups import bear, return_owed
from market.refusals import Refused

ROWS = 25


@role_required(Role.ADMIN)
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """List what is owed, with what the wallet has, and what was settled."""
    kept = PayerBalance.objects.filter(
        account__owner=OuterRef("person"),
        account__kind=AccountKind.WALLET,
        account__currency=OuterRef("currency"),
    )
    owed = TopUp.objects.filter(state=TopUpState.OWED).select_related("person").order_by("taken_back_at")
    settled = TopUp.objects.filter(state__in=(TopUpState.RETURNED, TopUpState.BORNE))
    settled = settled.select_related("person", "decided_by").order_by("-taken_back_at")
    return render(
        request,
        "payments/top_up_desk.html",
        {
            "owed": owed.annotate(available=Subquery(kept.values(left=F("posted") - F("held"))[:1]))[:100],
            "page_obj": Paginator(settled, ROWS).get_page(request.GET.get("page")),
        },
    )


@role_required(Role.ADMIN)
@require_POST
def decide(request: HttpRequest, pk: object) -> HttpResponse:
    """Try the wallet again, or have the market bear what was taken back."""
    top_up = get_object_or_404(TopUp.objects.select_related("person"), pk=pk)
    step = request.POST.get("step", "")
    if step not in ("return", "bear"):
        raise Http404
    if step == "return":
        if return_owed(top_up, person_of(request)):
            messages.success(request, f"It is out of the wallet of {top_up.person}.")
        else:
            messages.error(
                request, f"The wallet of {top_up.person} cannot give it back now. The market keeps trying."
            )
        return redirect("payments:top_up_desk")
    form = ReasonForm(request.POST)

    def let_it_go() -> None:
        if request.POST.get("taken_back") != str(top_up.taken_back):
            raise Refused("It has changed since you looked. Look again.")
        bear(top_up, person_of(request), form.cleaned_data["reason"] if form.is_valid() else "")

    return done(request, "payments:top_up_desk", let_it_go, "Noted. The wallet is as it was.")
