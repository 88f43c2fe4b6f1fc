"""Pages of flags: admins list them, look at one and decide. The person whose earnings are held reads why, and answers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Case, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import act_on, put_on
from market.ledger.describing import describe
from market.refusals import Refused
from market.trading.deciding import ABOUT_YOU, answer_flag, decide_flag, may_decide
from market.trading.forms import AnswerForm, DecideForm
from market.trading.holding import held, held_by
from market.trading.mails import WHY
from market.trading.models import FlagState, TradeFlag

ROWS = 25
LINES = 100


@role_required(Role.ADMIN)
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """List flags: those to be decided first, by their deadline, then the others, the latest first."""
    undecided = Case(When(state=FlagState.OPEN, then="due_at"), default=Value(None))
    flags = TradeFlag.objects.select_related("person").order_by(
        undecided.asc(nulls_last=True), "-flagged_at", "-pk"
    )
    page = Paginator(flags, ROWS).get_page(request.GET.get("page"))
    amounts = held_by(page)
    rows = [(flag, amounts.get(flag.reference, 0)) for flag in page]
    return render(request, "trading/desk.html", {"page_obj": page, "rows": rows})


@role_required(Role.ADMIN)
@require_GET
def flag(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one flag with its reasons, amounts and lines."""
    shown = get_object_or_404(TradeFlag.objects.select_related("person", "decided_by"), pk=pk)
    return _page(request, shown, DecideForm(amount=shown.amount))


@role_required(Role.ADMIN)
@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Uphold or dismiss a flag."""
    asked, admin = get_object_or_404(TradeFlag.objects.select_related("person"), pk=pk), person_of(request)
    form = DecideForm(request.POST, amount=asked.amount)

    def act() -> None:
        said = form.cleaned_data
        decide_flag(asked, admin, said["outcome"], said["decision"], seen=said["seen"])

    def show(refusal: Refused | None) -> HttpResponse:
        if refusal:
            put_on(form, refusal)
        return _page(request, asked, form)

    return act_on(request, asked, form, act, "Decided. The person whose earnings were held is told.", show)


@login_required
@require_GET
def own(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell a person what of their earnings is held, why in general words, and until when."""
    return _held_page(request, _of_person(request, pk), AnswerForm())


@login_required
@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Take what the person says to it."""
    asked, form = _of_person(request, pk), AnswerForm(request.POST)

    def show(refusal: Refused | None) -> HttpResponse:
        if refusal:
            put_on(form, refusal)
        return _held_page(request, asked, form)

    def act() -> None:
        answer_flag(asked, person_of(request), form.cleaned_data["answer"])

    return act_on(
        request, asked.held_url, form, act, "Thank you. An admin reads it before they decide.", show
    )


def _of_person(request: HttpRequest, pk: int) -> TradeFlag:
    return get_object_or_404(TradeFlag, pk=pk, person=person_of(request))


def _page(request: HttpRequest, shown: TradeFlag, form: DecideForm) -> HttpResponse:
    lines = list(shown.earnings.select_related("payer", "entry__transfer").order_by("-entry")[:LINES])
    paid_for = describe(line.entry.subject for line in lines)
    by_payer: dict[Any, list[Any]] = {}
    for reason in shown.reasons.select_related("payer", "flag__person"):
        by_payer.setdefault(reason.payer, []).append(reason)
    payers = [
        (payer, reasons[0].amount, sum(each.points for each in reasons), reasons)
        for payer, reasons in by_payer.items()
    ]
    context = {
        "flag": shown,
        "held": held(shown),
        "payers": sorted(payers, key=lambda row: row[1], reverse=True),
        "lines": [(line, paid_for[line.entry.subject]) for line in lines],
        "lines_in_all": shown.earnings.count(),
        "may_decide": may_decide(person_of(request), shown),
        "about_you": ABOUT_YOU,
        "form": form,
    }
    return render(request, "trading/flag.html", context)


def _held_page(request: HttpRequest, shown: TradeFlag, form: AnswerForm) -> HttpResponse:
    return render(
        request, "trading/held.html", {"flag": shown, "held": held(shown), "why": WHY, "form": form}
    )
