"""Pages of carrying over: for the owner of both generations, who starts it, and for the artists, who answer."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import act_on, acted, put_on, told
from market.carrying.access import own_carry_over, own_carry_overs, visible_carry_over
from market.carrying.answering import accept, decline
from market.carrying.figures import carried_words
from market.carrying.forms import UpgradeForm
from market.carrying.models import CarryOver
from market.carrying.starting import candidates, next_generations, start_carrying
from market.extractions.access import governed_base
from market.extractions.grids import shown_grids
from market.refusals import Refused
from market.stored_files import send


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upgrade(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what can be carried over to the next generation of a base, and what became of it; start it."""
    person = person_of(request)
    source = governed_base(person, slug)
    chosen = next_generations(source).filter(slug=request.GET.get("next_base", "")).first()
    first = chosen or next_generations(source).first()
    form = UpgradeForm(
        request.POST or None, source=source, initial={"next_base": first.slug} if first else None
    )

    def show(refusal: Refused | None = None) -> HttpResponse:
        if refusal:
            put_on(form, refusal)
        made = CarryOver.objects.with_everything().filter(upgrade__source=source)
        context = {
            "base": source,
            "form": form,
            "target": first,
            "candidates": candidates(source, first) if first else [],
            "carry_overs": made,
        }
        return render(request, "carrying/upgrade.html", context)

    def act() -> HttpResponse:
        begun = start_carrying(source, form.cleaned_data["next_base"], person)
        count = f"{len(begun)} plug-in{'' if len(begun) == 1 else 's'}"
        return told(
            request, request.path, f"{count} being carried over. Their artists are asked when it is done."
        )

    return acted(form, act, show) if request.method == "POST" else show()


@login_required
@require_safe
def carry_overs(request: HttpRequest) -> HttpResponse:
    """List what was carried over of a person's own plug-ins."""
    listed = own_carry_overs(person_of(request))
    return render(request, "carrying/list.html", {"carry_overs": listed})


@login_required
@require_safe
def carry_over(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    return _page(request, person, visible_carry_over(person, pk))


def _page(
    request: HttpRequest, person: User, shown: CarryOver, refusal: Refused | None = None
) -> HttpResponse:
    context = {
        "carry_over": shown,
        "plugin": shown.version.plugin,
        "source": shown.upgrade.source,
        "target": shown.upgrade.target,
        "words": carried_words(shown.figures),
        "grids": shown_grids(shown.grid.all()),
        "owns": shown.version.plugin.owner_id == person.pk,
        "refusal": refusal,
    }
    return render(request, "carrying/carry_over.html", context)


@login_required
@require_POST
def accept_carry_over(request: HttpRequest, pk: int) -> HttpResponse:
    return _answered(request, pk, accept, "It is offered on the new base, too.")


@login_required
@require_POST
def decline_carry_over(request: HttpRequest, pk: int) -> HttpResponse:
    return _answered(
        request, pk, decline, "It is not offered on the new base. On the old one nothing changes."
    )


def _answered(
    request: HttpRequest, pk: int, answer: Callable[[CarryOver, User], object], said: str
) -> HttpResponse:
    person = person_of(request)
    asked = own_carry_over(person, pk)

    def show(refusal: Refused | None) -> HttpResponse:
        return _page(request, person, own_carry_over(person, pk), refusal)

    return act_on(request, asked, None, lambda: answer(asked, person), said, show)


@login_required
@require_safe
def picture(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    shown = get_object_or_404(visible_carry_over(person_of(request), pk).grid, pk=picture)
    return send(shown.file, "image/png", filename=f"carry-over-{pk}-{picture}.png")
