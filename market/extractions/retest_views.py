"""Pages of retests, for the artist of a plug-in and those who govern its base. Only the artist can have it trained again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import act_on, acted, told
from market.extractions.access import own_retest, own_retraining, visible_retest, visible_retraining
from market.extractions.comparing import retest_beside
from market.extractions.figures import retest_words
from market.extractions.models import Retest, Retraining, RetrainingState
from market.extractions.retesting import MOST_MOVED
from market.extractions.retraining import (
    accept_retraining,
    decline_retraining,
    obstacles,
    start_retraining,
    works_of,
)
from market.refusals import Refused
from market.stored_files import send


@login_required
@require_safe
def retest(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    return _retest_page(request, person, visible_retest(person, pk))


def _retest_page(
    request: HttpRequest, person: User, shown: Retest, refusal: Refused | None = None
) -> HttpResponse:
    plugin = shown.version.plugin
    done = shown.retrainings.exclude(state=RetrainingState.FAILED).select_related("job", "version").first()
    owns = plugin.owner_id == person.pk
    context = {
        "retest": shown,
        "plugin": plugin,
        "words": retest_words(shown.figures),
        "grids": retest_beside(shown, done),
        "owns": owns,
        "retraining": done,
        "retraining_words": retest_words(done.figures) if done and done.version_id else "",
        "obstacles": obstacles(shown, person) if owns and shown.dropped and done is None else [],
        "works": len(works_of(shown.version)),
        "fee_micros": settings.FEES.retraining_micros,
        "most_moved": MOST_MOVED,
        "refusal": refusal,
    }
    return render(request, "extractions/retest.html", context)


@login_required
@require_POST
def retrain(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a plug-in trained again for the release that it dropped on."""
    person = person_of(request)
    asked = own_retest(person, pk)

    def act() -> HttpResponse:
        begun = start_retraining(asked, person)
        return told(
            request,
            begun.job,
            f"{asked.version.plugin} is being trained again. You then compare, and decide.",
        )

    return acted(None, act, partial(_retest_page, request, person, asked))


@login_required
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    return _decided(request, pk, accept_retraining, "new")


@login_required
@require_POST
def decline(request: HttpRequest, pk: int) -> HttpResponse:
    return _decided(request, pk, decline_retraining, "old")


def _decided(
    request: HttpRequest, pk: int, decide: Callable[[Retraining, User], None], version: str
) -> HttpResponse:
    person = person_of(request)
    return act_on(
        request,
        reverse("extractions:retest", args=[pk]),
        None,
        lambda: decide(own_retraining(person, pk), person),
        f"Pictures on this release are drawn with the {version} version.",
        lambda refusal: _retest_page(request, person, own_retest(person, pk), refusal),
    )


@login_required
@require_safe
def retest_picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    shown = get_object_or_404(visible_retest(person_of(request), pk).grid, pk=picture)
    return send(shown.file, "image/png", filename=f"retest-{pk}-{picture}.png")


@login_required
@require_safe
def retraining_picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    shown = get_object_or_404(visible_retraining(person_of(request), pk).grid, pk=picture)
    return send(shown.file, "image/png", filename=f"retraining-{pk}-{picture}.png")
