"""Pages of disputes: file one, follow it, and for admins open, dismiss and decide."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import done, filled_in, told
from market.catalog.models import PlugIn
from market.disputes.access import may_act, visible_disputes
from market.disputes.deciding import decide_dispute, dismiss_dispute
from market.disputes.forms import DecideForm, DismissForm, FileForm
from market.disputes.models import Dispute
from market.disputes.opening import file_dispute, open_dispute
from market.disputes.settling import in_escrow
from market.ledger.describing import describe

ROWS = 25


@login_required
@require_GET
def disputes(request: HttpRequest) -> HttpResponse:
    """List disputes, the latest first."""
    page = Paginator(visible_disputes(person_of(request)), ROWS).get_page(request.GET.get("page"))
    return render(request, "disputes/disputes.html", {"page_obj": page})


@login_required
@require_http_methods(["GET", "POST"])
def file(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a statement that a plug-in is not its artist's to sell."""
    person = person_of(request)
    plugin = get_object_or_404(PlugIn.objects.visible_to(person).with_everything(), slug=slug)
    form = FileForm(request.POST if request.method == "POST" else None)

    def act() -> HttpResponse:
        filed = file_dispute(plugin=plugin, claimant=person, reason=form.cleaned_data["reason"])
        return told(request, filed, "Thank you. An admin will look at it; you can follow it here.")

    return filled_in(request, "disputes/file.html", {"plugin": plugin, "form": form}, act)


@login_required
@require_GET
def dispute(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a dispute to both sides and to admins."""
    person = person_of(request)
    shown = get_object_or_404(visible_disputes(person), pk=pk)
    return _page(request, shown, DecideForm(), DismissForm())


def _page(request: HttpRequest, shown: Dispute, decide: DecideForm, dismiss: DismissForm) -> HttpResponse:
    person = person_of(request)
    freezes = list(shown.freezes.select_related("person", "transfer"))
    paid_for = describe(freeze.subject for freeze in freezes)
    return render(
        request,
        "disputes/dispute.html",
        {
            "dispute": shown,
            "escrow": in_escrow(shown),
            "freezes": [(freeze, paid_for[freeze.subject]) for freeze in freezes],
            "may_act": may_act(person, shown),
            "decide": decide,
            "dismiss": dismiss,
        },
        status=422 if decide.errors or dismiss.errors else 200,
    )


@role_required(Role.ADMIN)
@require_POST
def open_one(request: HttpRequest, pk: int) -> HttpResponse:
    asked, admin = get_object_or_404(Dispute, pk=pk), person_of(request)
    said = "Open: what the plug-in earns now goes to escrow."
    return done(request, asked, lambda: open_dispute(asked, admin), said)


@role_required(Role.ADMIN)
@require_POST
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    asked, admin = get_object_or_404(Dispute, pk=pk), person_of(request)
    form = DismissForm(request.POST)
    if not form.is_valid():
        return _page(request, asked, DecideForm(), form)
    why = form.cleaned_data["decision"]
    said = "Dismissed. Nothing was frozen."
    return done(request, asked, lambda: dismiss_dispute(asked, admin, why), said)


@role_required(Role.ADMIN)
@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    asked, admin = get_object_or_404(Dispute, pk=pk), person_of(request)
    form = DecideForm(request.POST)
    if not form.is_valid():
        return _page(request, asked, form, DismissForm())
    outcome, why = form.cleaned_data["outcome"], form.cleaned_data["decision"]
    said = "Decided. What lies in escrow is given where the decision says."
    return done(request, asked, lambda: decide_dispute(asked, admin, outcome, why), said)
