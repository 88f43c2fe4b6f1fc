"""Pages of releases: building, using and comparing them, for those who govern a base."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from market.accounts.access import person_of
from market.acting import done
from market.extractions import building, comparing
from market.extractions.access import governed_base, governed_build, governed_release
from market.extractions.figures import release_tables, retest_words, side_by_side
from market.extractions.forms import CompareReleasesForm
from market.extractions.grids import shown_grids
from market.extractions.releases import make_default
from market.refusals import Refused
from market.stored_files import send


@login_required
@require_safe
def build(request: HttpRequest, pk: int) -> HttpResponse:
    shown = governed_build(person_of(request), pk)
    retests = shown.retests.select_related("version__plugin__concept", "version__plugin__owner")
    retests = retests.prefetch_related("retrainings")
    context = {
        "build": shown,
        "base": shown.base,
        "parts": shown.parts.select_related("extraction", "extraction__version__plugin"),
        "tables": release_tables(shown.figures),
        "grids": shown_grids(shown.grid.select_related("of")),
        "retests": [(each, retest_words(each.figures)) for each in retests],
        "fee_micros": settings.FEES.retraining_micros,
    }
    return render(request, "extractions/build.html", context)


@login_required
@require_POST
def build_again(request: HttpRequest, slug: str) -> HttpResponse:
    """Build a release of what is approved, after a build failed or was cancelled."""
    person = person_of(request)
    of = governed_base(person, slug)
    try:
        made = building.start_build(of, person)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("extractions:base", of.slug)
    return redirect(made.job)


@login_required
@require_safe
def build_picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    shown = get_object_or_404(governed_build(person_of(request), pk).grid, pk=picture)
    return send(shown.file, "image/png", filename=f"release-build-{pk}-{picture}.png")


@login_required
@require_POST
def use_release(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    release = governed_release(person, pk)
    return done(
        request,
        reverse("extractions:base", args=[release.base.slug]),
        lambda: make_default(release, person),
        f"Pictures are drawn with release {release.number} from now on.",
    )


@login_required
@require_safe
def compare_releases(request: HttpRequest, slug: str) -> HttpResponse:
    of = governed_base(person_of(request), slug)
    form = CompareReleasesForm(request.GET or None, base=of)
    context: dict[str, Any] = {"base": of, "form": form}
    if form.is_valid():
        first, second = form.cleaned_data["first"], form.cleaned_data["second"]
        context |= {
            "releases": [("first", first), ("second", second)],
            "tables": side_by_side(*(release_tables(comparing.figures_of(each)) for each in (first, second))),
            "grids": comparing.releases_beside(first, second),
        }
    return render(request, "extractions/compare_releases.html", context, status=422 if form.errors else 200)
