"""Pages of model owners: their base models, registering one, having it checked, confirming what was found."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import done, filled_in, told
from market.basemodels.access import managed_base, managed_bases, owned_base, owned_upload
from market.basemodels.checking import confirm_weights, start_check
from market.basemodels.forms import RegisterForm, ReplaceForm
from market.basemodels.models import BaseUpload
from market.basemodels.registering import register_base, remove_base
from market.basemodels.replacing import propose_weights, withdraw_weights
from market.basemodels.uploading import CLAIMED, give_up_upload
from market.refusals import Refused

ROWS = 25
View = Callable[..., HttpResponse]

owners_only = role_required(Role.MODEL_OWNER)


def owners_and_admins(view: View) -> View:
    """Let in model owners and administrators. Others are treated as by `role_required`."""
    for_owners = cast("View", owners_only(view))

    @wraps(view)
    def choose(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        guarded = view if person_of(request).is_admin else for_owners
        return guarded(request, *args, **kwargs)

    return cast("View", login_required(choose))


@owners_and_admins
@require_safe
def my_bases(request: HttpRequest) -> HttpResponse:
    """List a model owner's base models and unfinished uploads; all base models for administrators."""
    person = person_of(request)
    bases = managed_bases(person).order_by("-created_at", "-pk")
    context = {
        "page": Paginator(bases, ROWS).get_page(request.GET.get("page")),
        "uploads": BaseUpload.objects.unclaimed().filter(owner=person),
        "may_register": person.is_model_owner,
    }
    return render(request, "basemodels/my_bases.html", context)


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Take a base's name and price, and where its weights are. Then a worker checks them."""
    person = person_of(request)
    initial = {"upload": request.GET.get("upload", "")}
    form = RegisterForm(request.POST if request.method == "POST" else None, initial=initial)

    def act() -> HttpResponse:
        base = register_base(
            person, form.fields_of_base(), source=form.cleaned_data["source"],
            upload=form.cleaned_data["upload"], hub=form.hub(), by=person,
        )  # fmt: skip
        return told(
            request, base, f"{base.name} is registered. A worker checks it now; then you can list it."
        )

    context = {
        "form": form,
        "directories": settings.BASE_MODEL_DIRS,
        "allow_hub": settings.ALLOW_HUB,
        "organisations": settings.HUB_ORGANISATIONS,
        "max_megabytes": settings.UPLOADS.base_bytes // 1_000_000,
    }
    return filled_in(request, "basemodels/register.html", context, act)


@owners_only
@require_POST
def give_up(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete an upload that is not registered."""
    if give_up_upload(owned_upload(person_of(request), pk).pk):
        messages.success(request, "The upload is given up, and what had arrived is deleted.")
    else:
        messages.error(request, CLAIMED)
    return redirect("basemodels:my_bases")


@owners_and_admins
@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a base's weights checked anew."""
    base = managed_base(person_of(request), slug)
    said = "A worker checks it as soon as one is free."
    return done(request, base, lambda: start_check(base, person_of(request)), said)


@owners_only
@require_POST
def confirm(request: HttpRequest, slug: str) -> HttpResponse:
    """Put other weights, as they were shown, into use."""
    base = owned_base(person_of(request), slug)
    again = "" if base.listed else " List the base again when you are ready."
    return done(
        request,
        base,
        lambda: confirm_weights(base, person_of(request), request.POST.get("fingerprint", "")),
        lambda release: f"Release {release.number} is in use.{again}",
    )


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def replace(request: HttpRequest, slug: str) -> HttpResponse:
    """Take another upload. A worker checks it, and the owner then confirms its weights."""
    person = person_of(request)
    base = owned_base(person, slug)
    form = ReplaceForm(request.POST or None, initial={"upload": request.GET.get("upload", "")})

    def propose() -> HttpResponse:
        propose_weights(base, person, form.cleaned_data["upload"])
        return told(request, base, "A worker checks it. Nothing is drawn with it before you confirm it.")

    context = {
        "base": base,
        "form": form,
        "uploads": [each for each in BaseUpload.objects.unclaimed().filter(owner=person) if each.is_complete],
        "max_megabytes": settings.UPLOADS.base_bytes // 1_000_000,
    }
    return filled_in(
        request, "basemodels/replace.html", context, propose, refused_with=HTTPStatus.UNPROCESSABLE_ENTITY
    )


@owners_only
@require_POST
def withdraw(request: HttpRequest, slug: str) -> HttpResponse:
    """Stay with the weights in use."""
    base = owned_base(person_of(request), slug)
    said = "The weights in use stay. The other upload is among those not registered."
    return done(request, base, lambda: withdraw_weights(base, person_of(request)), said)


@owners_only
@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    """Forget a base that never passed a check."""
    base = owned_base(person_of(request), slug)
    try:
        remove_base(base)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(base)
    return told(request, "basemodels:my_bases", f"{base.name} is removed.")
