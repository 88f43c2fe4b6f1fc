"""Pages of a claim that is being drafted: begun, filled in, signed and submitted."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import act_on, acted, done, filled_in, told
from market.claims import drafting
from market.claims.access import own_claim, visible_claim
from market.claims.forms import ControlsForm, DraftForm, NewClaimForm, NoticeForm, WorksForm
from market.claims.models import PictureSort
from market.claims.page import page


@role_required(Role.ARTIST)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Begin a claim: which concept, and which base model or plug-in contains it."""
    person = person_of(request)
    asked = {name: request.GET.get(name, "") for name in ("concept", "base", "plugin")}
    form = NewClaimForm(request.POST if request.method == "POST" else None, artist=person, initial=asked)

    def begin() -> HttpResponse:
        draft = drafting.Draft(prompts=[], rights="")
        order = form.order
        return redirect(
            drafting.draft_claim(concept=order.concept, about=order.about, by=person, draft=draft)
        )

    return filled_in(request, "claims/new.html", {"form": form}, begin)


@login_required
@require_POST
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Save a draft. An empty field may be filled in later."""
    person = person_of(request)
    mine, form = own_claim(person, pk), DraftForm(request.POST)
    return act_on(
        request,
        mine,
        form,
        lambda: drafting.change_draft(mine, person, form.order),
        "The draft is saved.",
        partial(page, request, mine, draft_form=form),
    )


@login_required
@require_POST
def choose_works(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    mine = own_claim(person, pk)
    form = WorksForm(request.POST, concept=mine.concept)
    return act_on(
        request,
        mine,
        form,
        lambda: drafting.choose_works(mine, person, list(form.cleaned_data["works"])),
        "The works are chosen.",
        partial(page, request, mine, works_form=form),
    )


@login_required
@require_POST
def add_controls(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the controls that can be taken. The page says why each of the others was not."""
    person = person_of(request)
    shown, form = visible_claim(person, pk), ControlsForm(request.POST, request.FILES)

    def take() -> HttpResponse:
        taken, refused = drafting.add_controls(shown, person, form.cleaned_data["files"])
        if refused:
            some = page(request, shown, refused=refused, taken=taken)
            some.status_code = 200 if taken else 422
            return some
        return told(request, shown, f"{taken} control{'s' if taken != 1 else ''} uploaded.")

    return acted(form, take, partial(page, request, shown, controls_form=form))


@login_required
@require_POST
def remove_control(request: HttpRequest, pk: int, picture: int) -> HttpResponse:
    person = person_of(request)
    mine = own_claim(person, pk)
    control = get_object_or_404(mine.pictures.filter(sort=PictureSort.CONTROL), pk=picture)
    return done(
        request,
        mine,
        lambda: drafting.remove_control(mine, person, control),
        "Removed.",
    )


@login_required
@require_http_methods(["GET", "POST"])
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign the notice, and send the claim to the other party with it."""
    person = person_of(request)
    mine = own_claim(person, pk)
    if not mine.is_draft:
        messages.info(request, "The claim is submitted already.")
        return redirect(mine)
    if missing := drafting.obstacles(mine):
        messages.error(request, " ".join(missing))
        return redirect(mine)
    works = mine.pictures.filter(sort=PictureSort.WORK).values_list("caption", flat=True)
    initial = {
        "email": person.email,
        "works": f"Works of {mine.concept}: {', '.join(works)}.",
        "material": f"{mine.target}, {request.build_absolute_uri(mine.target_url)}",
    }
    form = NoticeForm(request.POST if request.method == "POST" else None, initial=initial)

    def send_off() -> HttpResponse:
        drafting.submit_claim(mine, person, form.paper())
        return told(request, mine, f"Your claim is submitted, and {mine.respondent} is told.")

    return filled_in(request, "claims/submit.html", {"claim": mine, "form": form}, send_off)
