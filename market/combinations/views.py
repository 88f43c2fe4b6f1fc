"""Combining plug-ins: choose them, see what it costs and pays, start it, and see the result."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import acted, told
from market.catalog.figures import shown_figures
from market.catalog.models import PlugIn
from market.catalog.offering import barred_among
from market.catalog.royalties import royalties_of
from market.combinations.choosing import (
    LEAST_PARTS,
    MOST_PARTS,
    Quote,
    draw_quote,
)
from market.combinations.forms import CombinationForm, chosen_in, starting_values
from market.combinations.models import Combination, CombinationPicture
from market.combinations.requesting import request as request_combination
from market.combinations.seen import seen_rows
from market.extractions.grids import shown_grids
from market.refusals import BalanceTooLow, Refused
from market.stored_files import send

PAGE_SIZE = 24
FOUND = 12
DOWN = "A plug-in that it was combined from is taken down at present."


@login_required
@require_safe
def combinations(request: HttpRequest) -> HttpResponse:
    """List what a person combined, newest first."""
    own = Combination.objects.filter(person=person_of(request)).select_related(
        "job", "plugin__concept", "plugin__base"
    )
    page = Paginator(own, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "combinations/list.html", {"page": page})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show the chosen plug-ins and the cost. Only the button named `start` starts or charges anything."""
    person = person_of(request)
    data = request.POST if request.method == "POST" else request.GET
    chosen = chosen_in(data, person)
    if request.method != "POST":
        form = CombinationForm(
            initial=starting_values() | {name: data[name] for name in ("name",) if name in data}
        )
        return _form_page(request, person, chosen, form)
    form = CombinationForm(request.POST)
    show = partial(_form_page, request, person, chosen, form)

    def start() -> HttpResponse:
        order, said = form.order(chosen), form.cleaned_data
        made = request_combination(person, order, key=said["key"], agreed=said["agreed"])
        return told(
            request, made.job, f"{made.plugin.name} is being combined. You can watch, or come back later."
        )

    return acted(form, start if "start" in request.POST else show, show, refused_with=HTTPStatus.CONFLICT)


def _form_page(
    request: HttpRequest,
    person: User,
    chosen: list[PlugIn],
    form: CombinationForm,
    refusal: Refused | None = None,
) -> HttpResponse:
    quote, problem = _quote(person, chosen, form)
    words = (request.POST if request.method == "POST" else request.GET).get("q", "").strip()[:100]
    found = (
        PlugIn.objects.combinable_by(person).with_everything().exclude(pk__in=[each.pk for each in chosen])
    )
    if chosen:
        found = found.filter(base=chosen[0].base_id)
    if words:
        found = found.filter(concept__name__icontains=words) | found.filter(
            owner__display_name__icontains=words
        )
    context = {
        "form": form,
        "chosen": chosen,
        "found": found.order_by("-published_at", "-pk")[:FOUND] if len(chosen) < MOST_PARTS else [],
        "words": words,
        "quote": quote,
        # A refusal is shown only once.
        "reasons": dict.fromkeys(reason for each in (refusal, problem) if each for reason in each.reasons),
        "missing": isinstance(refusal, BalanceTooLow),
        "most": MOST_PARTS,
    }
    return render(request, "combinations/new.html", context)


def _quote(person: User, chosen: list[PlugIn], form: CombinationForm) -> tuple[Quote | None, Refused | None]:
    if len(chosen) < LEAST_PARTS:
        return None, None
    try:
        return draw_quote(person, form.order(chosen)), None
    except Refused as refusal:
        return None, refusal


@login_required
@require_safe
def combination(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one combination to its person: its state, its pictures, and who is paid."""
    person = person_of(request)
    shown = _own(person, pk)
    version = shown.version
    parts = list(shown.parts.select_related("version__plugin__concept", "version__plugin__owner"))
    is_down = _is_down(shown)
    context = {
        "combination": shown,
        "version": version,
        "in_use": version is not None and shown.plugin.current_version_id == version.pk,
        "parts": parts,
        "again": urlencode(
            [("name", shown.plugin.name), *(("plugin", each.version.plugin_id) for each in parts)]
        ),
        "royalties": royalties_of(shown.plugin) if version else [],
        "is_down": is_down,
        "grids": [] if is_down and not person.is_admin else shown_grids(shown.grid.all()),
        "seen": seen_rows(shown),
        "figures": shown_figures(shown.figures),
        "usable": PlugIn.objects.usable_by(shown.person).filter(pk=shown.plugin_id).exists(),
    }
    return render(request, "combinations/combination.html", context)


@login_required
@require_safe
def picture(request: HttpRequest, pk: UUID, picture: int) -> HttpResponse:
    person = person_of(request)
    shown = get_object_or_404(CombinationPicture, pk=picture, of=_own(person, pk))
    if not person.is_admin and _is_down(shown.of):
        refused = HttpResponse(
            DOWN, status=HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, content_type="text/plain"
        )
        refused["Cache-Control"] = "no-store"  # it may be shown again at any time
        return refused
    return send(shown.file, "image/png", filename=f"combination-{shown.pk}.png", asked_each_time=True)


def _is_down(combination: Combination) -> bool:
    """Whether a part is taken down. Meanwhile these pictures are not shown."""
    return bool(barred_among([each.version for each in combination.parts.select_related("version")]))


def _own(person: User, pk: UUID) -> Combination:
    combinations = Combination.objects.select_related(
        "job",
        "person",
        "release__base",
        "plugin__concept",
        "plugin__base",
        "plugin__owner",
        "plugin__current_version",
    )
    if not person.is_admin:
        combinations = combinations.filter(person=person)
    return get_object_or_404(combinations, pk=pk)
