"""Pages on which admins see top-ups that the gateway took back, and decide about those that a wallet cannot give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, OuterRef, Q, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import done
from market.ledger.models import AccountKind, PayerBalance
from market.payments.charge_backs import in_escrow
from market.payments.escrow import Frozen
from market.payments.forms import ReasonForm
from market.payments.models import ChargeBack, ChargeBackState, TopUp, TopUpState
from market.payments.models.top_ups import TAKEN_BACK
from market.payments.taken_back import decide as decide_about
from market.payments.top_ups import return_owed
from market.refusals import Refused

ROWS = 25
STEPS = {
    "bear": ChargeBackState.RELEASED,
    "give_back": ChargeBackState.GIVEN_BACK,
    "won": ChargeBackState.WON,
}
SAID = {
    ChargeBackState.RELEASED: "Noted. The wallet is as it was.",
    ChargeBackState.GIVEN_BACK: "Noted. What receivers and the wallet had left of it has paid it, and the market the rest.",
    ChargeBackState.WON: "Noted. Receivers have what was frozen.",
}


@dataclass(frozen=True)
class ToDecide:
    """A top-up on the desk. `case`: its charge-back, if any. `available`: the wallet's money, in micro-units."""

    top_up: TopUp
    available: int
    case: ChargeBack | None
    frozen: list[Frozen]


@role_required(Role.ADMIN)
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """List the undecided top-ups, with the wallet's money and what is frozen; and the settled ones."""
    kept = PayerBalance.objects.filter(
        account__owner=OuterRef("person"),
        account__kind=AccountKind.WALLET,
        account__currency=OuterRef("currency"),
    )
    stopping = Q(charge_back__state=ChargeBackState.OPEN)
    waiting = TopUp.objects.filter(Q(state=TopUpState.OWED) | stopping)
    waiting = waiting.select_related("person", "charge_back").order_by("taken_back_at")
    settled = TopUp.objects.filter(state__in=TAKEN_BACK).exclude(Q(state=TopUpState.OWED) | stopping)
    settled = settled.select_related("person", "decided_by", "charge_back").order_by("-taken_back_at")
    return render(
        request,
        "payments/top_up_desk.html",
        {
            "waiting": [
                _shown(top_up)
                for top_up in waiting.annotate(
                    available=Subquery(kept.values(left=F("posted") - F("held"))[:1])
                )[:100]
            ],
            "page_obj": Paginator(settled, ROWS).get_page(request.GET.get("page")),
        },
    )


def _shown(top_up: Any) -> ToDecide:
    case = getattr(top_up, "charge_back", None)
    case = case if case and case.state == ChargeBackState.OPEN else None
    return ToDecide(top_up, top_up.available or 0, case, in_escrow(case) if case else [])


@role_required(Role.ADMIN)
@require_POST
def decide(request: HttpRequest, pk: object) -> HttpResponse:
    """Try the wallet again, or decide who bears what was taken back."""
    top_up = get_object_or_404(TopUp.objects.select_related("person"), pk=pk)
    step = request.POST.get("step", "")
    if step != "return" and step not in STEPS:
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
        decide_about(
            top_up, person_of(request), STEPS[step], form.cleaned_data["reason"] if form.is_valid() else ""
        )

    return done(request, "payments:top_up_desk", let_it_go, SAID[STEPS[step]])
