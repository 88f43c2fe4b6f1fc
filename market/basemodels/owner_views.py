"""Pages of model owners: their base models, registering one, having it checked, confirming what was found."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
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
from market.basemodels.access import managed_base, managed_bases, owned_base, owned_upload
from market.basemodels.checking import CheckRefused, confirm_weights, start_check
from market.basemodels.forms import RegisterForm
from market.basemodels.models import BaseUpload
from market.basemodels.registering import RegistrationRefused, register_base, remove_base
from market.basemodels.uploading import give_up_upload

ROWS = 25
View = Callable[..., HttpResponse]

owners_only = role_required(Role.MODEL_OWNER)


def owners_and_admins(view: View) -> View:
    """Let in model owners and administrators; others as `role_required` has it."""
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
        "uploads": BaseUpload.objects.filter(owner=person, base=None),
        "may_register": person.is_model_owner,
    }
    return render(request, "basemodels/my_bases.html", context)


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Take what a base is called and costs, and where its weights are; then a worker checks them."""
    person = person_of(request)
    initial = {"upload": request.GET.get("upload", "")}
    form = RegisterForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            base = register_base(
                person, form.fields_of_base(), source=form.cleaned_data["source"],
                upload=form.cleaned_data["upload"], by=person,
            )  # fmt: skip
        except RegistrationRefused as refusal:
            for reason in refusal.reasons:
                form.add_error(None, reason)
        else:
            messages.success(
                request, f"{base.name} is registered. A worker checks it now; then you can list it."
            )
            return redirect(base)
    context = {
        "form": form,
        "directories": settings.BASE_MODEL_DIRS,
        "max_megabytes": settings.BASE_MAX_BYTES // 1_000_000,
    }
    return render(request, "basemodels/register.html", context, status=422 if form.errors else 200)


@owners_only
@require_POST
def give_up(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete an upload that is not registered."""
    if give_up_upload(owned_upload(person_of(request), pk).pk):
        messages.success(request, "The upload is given up, and what had arrived is deleted.")
    else:
        messages.error(request, "A base model is registered from this upload; it stays.")
    return redirect("basemodels:my_bases")


@owners_and_admins
@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a base's weights checked anew."""
    base = managed_base(person_of(request), slug)
    try:
        start_check(base, person_of(request))
    except CheckRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "A worker checks it as soon as one is free.")
    return redirect(base)


@owners_only
@require_POST
def confirm(request: HttpRequest, slug: str) -> HttpResponse:
    """Make other weights, as they were shown, the release in use."""
    base = owned_base(person_of(request), slug)
    try:
        release = confirm_weights(base, person_of(request), request.POST.get("fingerprint", ""))
    except CheckRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, f"Release {release.number} is in use. List the base again when you are ready."
        )
    return redirect(base)


@owners_only
@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    """Forget a base that never passed a check."""
    base = owned_base(person_of(request), slug)
    try:
        remove_base(base)
    except CheckRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(base)
    messages.success(request, f"{base.name} is removed.")
    return redirect("basemodels:my_bases")
