"""Sharing a plug-in's fee: the owner's page of its co-owners, and a co-owner's page of offers and shares."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import done, filled_in
from market.catalog import coowners
from market.catalog.access import own_terms, owned_plugin, terms_of_co_owner
from market.catalog.coowners import CHANGED
from market.catalog.forms import CoOwnerForm, StepForm
from market.catalog.models import CoOwnerTerms
from market.catalog.royalties import royalties_of
from market.catalog.views.desk import artists_only
from market.ledger.splits import BASIS_POINTS

ANSWERS: dict[str, Callable[[CoOwnerTerms, User], CoOwnerTerms]] = {
    "accept": coowners.accept,
    "decline": coowners.decline,
    "give_up": coowners.give_up,
}
DONE = {
    "accept": "You are a co-owner of {plugin} with {share:g}%. Pictures asked for from now on pay you.",
    "decline": "You declined the offer of {plugin}.",
    "give_up": "Your share of {plugin} is its owner's from now on. What you have earned stays yours.",
    "withdraw": "The offer to {person} is withdrawn.",
    "end": "The share of {person} has ended. What they have earned stays theirs.",
}


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def co_owners(request: HttpRequest, pk: int) -> HttpResponse:
    """Show who shares a plug-in's fee, now and before; a POST offers a share."""
    person = person_of(request)
    plugin = owned_plugin(person, pk)
    form = CoOwnerForm(request.POST or None)

    def offer() -> HttpResponse:
        made = coowners.offer(
            plugin, person, handle=form.cleaned_data["handle"], share_bps=form.cleaned_data["share"]
        )
        messages.success(
            request, f"{made.person} is offered {made.offered_percent:g}%. Nothing changes until they accept."
        )
        return redirect("catalog:co_owners", pk=plugin.pk)

    living = CoOwnerTerms.objects.living([plugin.pk])
    context = {
        "plugin": plugin,
        "form": form,
        "living": living,
        "kept_percent": (BASIS_POINTS - sum(each.share_bps for each in living)) / 100,
        "history": plugin.co_owner_terms.select_related("person").order_by("-pk"),
        "royalties": royalties_of(plugin),
        "is_combined": plugin.current_version is not None and plugin.current_version.parts_count > 0,
    }
    return filled_in(request, "catalog/co_owners.html", context, offer)


@artists_only
@require_POST
def change_share(request: HttpRequest, pk: int, person: int) -> HttpResponse:
    """Withdraw an offer to a co-owner, or end their share."""
    by = person_of(request)
    plugin = owned_plugin(by, pk)
    terms = terms_of_co_owner(plugin, person)
    form = StepForm(request.POST, steps=("withdraw", "end"))
    page = reverse("catalog:co_owners", args=[plugin.pk])
    if not form.is_valid() or form.cleaned_data["number"] != terms.number:
        messages.error(request, CHANGED)
        return redirect(page)
    step = form.cleaned_data["step"]
    change = coowners.withdraw_offer if step == "withdraw" else coowners.end_share
    said = DONE[step].format(person=terms.person)
    return done(request, page, lambda: change(plugin, by, terms=terms), said)


@artists_only
@require_safe
def shared(request: HttpRequest) -> HttpResponse:
    """Show the shares of others' plug-ins that a person is offered, has or had."""
    return render(request, "catalog/shared.html", {"shared": coowners.shared_with(person_of(request))})


@artists_only
@require_POST
def answer(request: HttpRequest, plugin: int) -> HttpResponse:
    """Accept or decline an offer, or give up a share."""
    person = person_of(request)
    terms = own_terms(person, plugin)
    form = StepForm(request.POST, steps=ANSWERS)
    if not form.is_valid() or form.cleaned_data["number"] != terms.number:
        messages.error(request, CHANGED)
        return redirect("catalog:shared")
    step = form.cleaned_data["step"]

    def said(made: CoOwnerTerms) -> str:
        return DONE[step].format(plugin=terms.plugin.name, share=made.share_percent)

    return done(request, "catalog:shared", lambda: ANSWERS[step](terms, person), said)
