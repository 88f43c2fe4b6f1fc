"""The public pages of base models, and their owner's settings on them."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from market.accounts.models import User
from market.basemodels.card import BadCard, Card, read_card
from market.basemodels.forms import OfferForm
from market.basemodels.models import BaseModel, BaseModelQuerySet

log = logging.getLogger(__name__)

Person = AbstractBaseUser | AnonymousUser


def visible_bases(person: Person) -> BaseModelQuerySet:
    """Listed base models, and to their owner and to administrators the others, too."""
    bases = BaseModel.objects.select_related("owner")
    if isinstance(person, User):
        return bases if person.is_admin else bases.filter(Q(listed=True) | Q(owner=person))
    return bases.filter(listed=True)


def visible_base(person: Person, slug: str) -> BaseModel:
    base = visible_bases(person).filter(slug=slug).first()
    if base is None:
        raise Http404
    return base


def card_of(base: BaseModel) -> Card | None:
    """Read the card beside the model's weights, or None where this machine has none."""
    directory = settings.EMBEDDED_BASE_DIR if base.is_embedded else Path(base.source)
    try:
        return read_card(directory)
    except BadCard as problem:
        log.info("base model %s: %s", base.slug, problem)
        return None


@require_safe
def bases(request: HttpRequest) -> HttpResponse:
    published = Count("plugins", filter=Q(plugins__state="published"))
    return render(
        request, "basemodels/bases.html", {"bases": visible_bases(request.user).annotate(offers=published)}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def base(request: HttpRequest, slug: str) -> HttpResponse:
    model = visible_base(request.user, slug)
    owns = model.owner == request.user
    form = OfferForm(request.POST or None, instance=BaseModel.objects.get(pk=model.pk)) if owns else None
    if request.method == "POST":
        if form is None:
            raise PermissionDenied("Only the owner of a base model changes what it costs.")
        if form.is_valid():
            form.save()
            messages.success(
                request, f"The settings of {model.name} are saved. They hold for pictures from now on."
            )
            return redirect(model)
    context = {
        "base": model,
        "card": card_of(model),
        "releases": model.releases.order_by("-number"),
        "offers": model.plugins.filter(state="published").count(),
        "form": form,
    }
    return render(request, "basemodels/base.html", context, status=422 if form and form.errors else 200)
