"""Pages of extractions, for those who govern a base. Those of its releases are in `release_views`."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import act_on, acted, filled_in, told
from market.basemodels.models import BaseModel
from market.catalog.rights import RIGHTS_TEXT
from market.claims.models import Claim, ClaimState
from market.extractions import building, comparing
from market.extractions.access import (
    governed_base,
    governed_extraction,
)
from market.extractions.deciding import (
    approve_extraction,
    discard_extraction,
    limits_for,
    take_back_extraction,
)
from market.extractions.figures import extraction_tables, side_by_side, summary
from market.extractions.forms import (
    ApproveForm,
    CompareReleasesForm,
    DiscardForm,
    StartForm,
    TakeBackForm,
    as_before,
)
from market.extractions.grids import shown_grids
from market.extractions.limits import limits_of, missed
from market.extractions.models import BuildState, Extraction, ExtractionState, Method
from market.extractions.starting import from_claim, minutes_for, start_extraction
from market.refusals import Refused
from market.stored_files import send


@login_required
@require_safe
def base(request: HttpRequest, slug: str) -> HttpResponse:
    """List a base's extractions, also failed ones, and its releases."""
    of = governed_base(person_of(request), slug)
    extractions = list(of.extractions.select_related("job", "by", "claim__claimant"))
    releases = list(of.releases.select_related("build").order_by("-number"))
    builds = of.builds.exclude(state=BuildState.READY).select_related("job")[:5]
    approved = Extraction.objects.for_release(of).exists()
    fitting = building.release_of_approved(of)
    context = {
        "base": of,
        "extractions": [(each, summary(each.figures)) for each in extractions],
        "releases": releases,
        "builds": builds,
        "may_build": approved and not fitting and not of.builds.filter(state=BuildState.BUILDING).exists(),
        "fitting": fitting if fitting and not fitting.is_default else None,
        "compare_form": CompareReleasesForm(base=of),
    }
    return render(request, "extractions/base.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask what to take out; `like` is the job of an extraction to begin from, `claim` an accepted claim."""
    person = person_of(request)
    of = governed_base(person, slug)
    form = StartForm(request.POST or None, base=of, initial=_beginning(request, of))

    def act() -> HttpResponse:
        begun = start_extraction(of, person, form.order, claim=form.cleaned_data["claim"])
        return told(
            request, begun.job, f"{begun.name} is being taken out. You can watch, or come back later."
        )

    context = {"base": of, "form": form, "minutes": minutes_for(Method.HYBRID, 100)}
    return filled_in(request, "extractions/start.html", context, act)


def _beginning(request: HttpRequest, of: BaseModel) -> dict[str, Any] | None:
    if like := request.GET.get("like"):
        try:
            before = of.extractions.filter(job=UUID(like)).first()
        except ValueError:  # not the number of a job
            return None
        return as_before(before) if before else None
    claim = request.GET.get("claim", "")
    if claim.isdecimal():
        accepted = Claim.objects.filter(pk=claim, base=of, state=ClaimState.ACCEPTED).select_related(
            "concept"
        )
        if found := accepted.first():
            return from_claim(found) | {"aliases": ", ".join(found.concept.aliases)}
    return None


@login_required
@require_safe
def extraction(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    return _extraction_page(request, person, governed_extraction(person, pk))


def _extraction_page(
    request: HttpRequest, person: User, shown: Extraction, refusal: Refused | None = None, **forms: Any
) -> HttpResponse:
    others = Extraction.objects.filter(base=shown.base_id, kind=shown.kind, key=shown.key)
    decidable = shown.state == ExtractionState.READY
    limits = limits_for(shown) if decidable else limits_of(shown.figures)
    context = {
        "extraction": shown,
        "base": shown.base,
        "tables": extraction_tables(shown.figures),
        "grids": shown_grids(shown.grid.select_related("of")),
        "limits": limits,
        "below": missed(limits) if decidable else shown.missed,
        "others": [(each, summary(each.figures)) for each in others.exclude(pk=shown.pk).exclude(figures={})],
        "decidable": decidable,
        "may_offer": shown.claim is None and shown.base.owner_id == person.pk,
        "rights_text": RIGHTS_TEXT,
        "approve_form": ApproveForm(),
        "discard_form": DiscardForm(auto_id="discard_%s"),
        "take_back_form": TakeBackForm(),
        "refusal": refusal,
        "builds": [part.build for part in shown.parts.select_related("build__release")],
    }
    return render(request, "extractions/extraction.html", context | forms)


@login_required
@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    asked = governed_extraction(person, pk)
    form = ApproveForm(request.POST)

    def act() -> HttpResponse:
        made = approve_extraction(
            asked,
            person,
            reason=form.cleaned_data["reason"],
            offer=form.cleaned_data["offer"],
            ip_address=request.META.get("REMOTE_ADDR") or None,
        )
        return told(
            request, made.job, f"Approved. A release of {asked.base} without {asked.name} is being built."
        )

    return acted(form, act, partial(_extraction_page, request, person, asked, approve_form=form))


@login_required
@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    asked = governed_extraction(person, pk)
    form = DiscardForm(request.POST, auto_id="discard_%s")
    return act_on(
        request,
        reverse("extractions:base", args=[asked.base.slug]),
        form,
        lambda: discard_extraction(asked, person, reason=form.cleaned_data["reason"]),
        "Discarded. Its report stays to be read.",
        partial(_extraction_page, request, person, asked, discard_form=form),
    )


@login_required
@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo an approval. If a release was made with it, another is built without it."""
    person = person_of(request)
    asked = governed_extraction(person, pk)
    form = TakeBackForm(request.POST)

    def act() -> HttpResponse:
        made = take_back_extraction(asked, person, because=form.cleaned_data["because"])
        if made is not None:
            return told(
                request, made.job, f"Taken back. A release of {asked.base} is being built with {asked.name}."
            )
        messages.success(request, "Taken back. Pictures are drawn as before until you use another release.")
        return redirect("extractions:base", asked.base.slug)

    return acted(form, act, partial(_extraction_page, request, person, asked, take_back_form=form))


@login_required
@require_safe
def compare(request: HttpRequest, pk: int, other: int) -> HttpResponse:
    """Show two runs on one base side by side."""
    person = person_of(request)
    first, second = governed_extraction(person, pk), governed_extraction(person, other)
    second = get_object_or_404(Extraction.objects.filter(base=first.base_id), pk=second.pk)
    context = {
        "base": first.base,
        "runs": [("first", first), ("second", second)],
        "tables": side_by_side(extraction_tables(first.figures), extraction_tables(second.figures)),
        "grids": comparing.runs_beside(first, second),
    }
    return render(request, "extractions/compare.html", context)


@login_required
@require_safe
def extraction_picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    shown = get_object_or_404(governed_extraction(person_of(request), pk).grid, pk=picture)
    return send(shown.file, "image/png", filename=f"extraction-{pk}-{picture}.png")
