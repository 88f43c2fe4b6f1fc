"""Pages of takedowns: all for admins, their own for everybody, with strikes. Each shows its steps and what can be done."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role, User
from market.acting import act_on, done, filled_in, told
from market.catalog.models import PlugIn, Suspension
from market.generation.models import Picture
from market.refusals import Refused
from market.takedowns import answering, taking_down
from market.takedowns.forms import (
    CounterNoticeForm,
    CourtForm,
    FilterForm,
    LiftForm,
    RestoreForm,
    TakeDownForm,
    UpholdForm,
    WhichPictureForm,
)
from market.takedowns.models import Takedown
from market.takedowns.states import TakedownState
from market.takedowns.strikes import lift_suspension

ROWS = 25


def visible_takedown(person: User, pk: int) -> Takedown:
    """Fetch a takedown for its sides and for admins. For everybody else it does not exist."""
    return get_object_or_404(Takedown.objects.visible_to(person).with_everything(), pk=pk)


@role_required(Role.ADMIN)
@require_GET
def takedowns(request: HttpRequest) -> HttpResponse:
    """List all takedowns, the latest first, and open suspensions; or redirect to the page that hides a picture."""
    picture_form = WhichPictureForm(request.GET if "picture" in request.GET else None)
    if picture_form.is_valid():
        return redirect("takedowns:of_picture", picture_form.cleaned_data["picture"])
    form = FilterForm(request.GET)
    found = Takedown.objects.with_everything()
    if form.is_valid():
        said = form.cleaned_data
        chosen = {name: said[name] for name in ("state", "ground") if said[name]}
        found = found.filter(**chosen)
        if words := said["q"].strip():
            found = found.filter(
                Q(plugin__concept__name__icontains=words)
                | Q(person__display_name__icontains=words)
                | Q(complainant__display_name__icontains=words)
            )
    return render(
        request,
        "takedowns/takedowns.html",
        {
            "page_obj": Paginator(found, ROWS).get_page(request.GET.get("page")),
            "form": form,
            "picture_form": picture_form,
            "suspensions": [
                (each, LiftForm(auto_id=f"lift-{each.pk}-%s"))
                for each in Suspension.objects.open().select_related("person")
            ],
        },
        status=422 if picture_form.errors else 200,
    )


@login_required
@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """Show a person the takedowns of their own things, their strikes, and the takedowns they asked for."""
    person = person_of(request)
    own = Takedown.objects.filter(person=person).with_everything()
    return render(
        request,
        "takedowns/mine.html",
        {
            "page_obj": Paginator(own, ROWS).get_page(request.GET.get("page")),
            "asked_for": Takedown.objects.filter(complainant=person).with_everything()[:ROWS],
            "strikes": Takedown.objects.strikes(person).count(),
            "most": settings.TAKEDOWNS.strikes_max,
            "days": settings.TAKEDOWNS.strike_days,
            "suspension": Suspension.objects.open().filter(person=person).first(),
        },
    )


@role_required(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def of_plugin(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a plug-in down."""
    plugin = get_object_or_404(PlugIn.objects.with_everything(), slug=slug)
    form = TakeDownForm(request.POST if request.method == "POST" else None)

    def act() -> HttpResponse:
        cause, pictures = form.cause(), form.cleaned_data["pictures"]
        return redirect(taking_down.take_down_plugin(plugin, person_of(request), cause, pictures=pictures))

    context = {"form": form, "plugin": plugin}
    return filled_in(request, "takedowns/take_down.html", context, act)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def of_picture(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Hide a picture."""
    pictures = Picture.objects.kept().select_related("request__person")
    picture = get_object_or_404(pictures, pk=pk)
    form = TakeDownForm(request.POST if request.method == "POST" else None, of_picture=True)

    def act() -> HttpResponse:
        return redirect(taking_down.take_down_picture(picture, person_of(request), form.cause()))

    context = {"form": form, "picture": picture}
    return filled_in(request, "takedowns/take_down.html", context, act)


@login_required
@require_GET
def takedown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a takedown to its sides and to admins."""
    return _page(request, visible_takedown(person_of(request), pk))


@role_required(Role.ADMIN)
@require_POST
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown = visible_takedown(person, pk)
    form = RestoreForm(request.POST, has_money=shown.opened_dispute)
    return act_on(
        request,
        shown,
        form,
        lambda: taking_down.restore(shown, person, form.cleaned_data["reason"], money=form.outcome()),
        "Restored, as it was before.",
        partial(_page, request, shown, restore_form=form),
    )


@role_required(Role.ADMIN)
@require_POST
def uphold(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_of(request)
    shown, form = visible_takedown(person, pk), UpholdForm(request.POST)
    return act_on(
        request,
        shown,
        form,
        lambda: taking_down.uphold(shown, person, form.cleaned_data["reason"]),
        "Upheld. Both sides are told.",
        partial(_page, request, shown, uphold_form=form),
    )


@login_required
@require_http_methods(["GET", "POST"])
def counter_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer a takedown by a counter-notice."""
    person = person_of(request)
    shown = get_object_or_404(Takedown.objects.filter(person=person).with_everything(), pk=pk)
    about = f"{shown.target}, which was taken down on {date_format(shown.taken_down_at, 'j F Y')}"
    if shown.plugin:
        about = f"{about}: {request.build_absolute_uri(shown.plugin.get_absolute_url())}"
    initial = {"email": person.email, "material": about}
    form = CounterNoticeForm(request.POST if request.method == "POST" else None, initial=initial)

    def send_off() -> HttpResponse:
        answering.counter(shown, person, form.paper(), form.cleaned_data["reason"])
        return told(request, shown, "Your counter-notice is kept and passed on.")

    context = {"takedown": shown, "form": form, "days": settings.TAKEDOWNS.restore_business_days}
    return filled_in(request, "takedowns/counter_notice.html", context, send_off)


@login_required
@require_POST
def court(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the claimant's statement that they went to court."""
    person = person_of(request)
    shown, form = visible_takedown(person, pk), CourtForm(request.POST)
    return act_on(
        request,
        shown,
        form,
        lambda: answering.go_to_court(shown, person, form.cleaned_data["action"]),
        "It stays down until an admin has read what the court decides.",
        partial(_page, request, shown, court_form=form),
    )


@role_required(Role.ADMIN)
@require_POST
def lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Lift a suspension."""
    suspension = get_object_or_404(Suspension.objects.select_related("person"), pk=pk)
    form = LiftForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why it is lifted: the person reads it.")
        return redirect("takedowns:takedowns")
    return done(
        request,
        "takedowns:takedowns",
        lambda: lift_suspension(suspension, person_of(request), form.cleaned_data["reason"]),
        f"{suspension.person} can publish again.",
    )


def _page(
    request: HttpRequest, shown: Takedown, refusal: Refused | None = None, /, **forms: Any
) -> HttpResponse:
    person = person_of(request)
    if refusal:
        shown = visible_takedown(person, shown.pk)
    is_side = person.pk in (shown.person_id, shown.complainant_id)
    may_decide = person.is_admin and not is_side
    context = {
        "takedown": shown,
        "steps": shown.steps.select_related("by"),
        "refusal": refusal,
        "may_counter": person.pk == shown.person_id and shown.may_be_countered,
        "may_tell_of_court": shown.state == TakedownState.COUNTERED
        and (person.pk == shown.complainant_id or may_decide),
        "may_restore": may_decide and shown.is_open,
        "may_uphold": may_decide and shown.may_be_upheld,
        "restore_form": RestoreForm(has_money=shown.opened_dispute),
        "uphold_form": UpholdForm(),
        "court_form": CourtForm(),
    }
    return render(request, "takedowns/takedown.html", context | forms)
