"""The public pages of base models, and their owner's settings on them."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from market.accounts.models import User
from market.acting import told
from market.basemodels.access import visible_base, visible_bases, visible_sample
from market.basemodels.card import BadCard, Card, parse_card, read_card
from market.basemodels.forms import OfferForm
from market.basemodels.models import BaseCheck, BaseModel
from market.stored_files import send

log = logging.getLogger(__name__)


def card_of(base: BaseModel, check: BaseCheck | None) -> Card | None:
    """Give a base's card as its check found it. The embedded base's is read from its files. None if there is no card."""
    try:
        if base.is_embedded:
            return read_card(settings.EMBEDDED_BASE_DIR)
        return parse_card(check.card) if check else None
    except BadCard as problem:
        log.info("base model %s: %s", base.slug, problem)
        return None


@require_safe
def bases(request: HttpRequest) -> HttpResponse:
    published = Count("plugins", filter=Q(plugins__state="published", plugins__taken_down_at=None))
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
            # Only the form's fields: a worker may be writing its findings to the same row.
            form.save(commit=False).save(update_fields=OfferForm.Meta.fields)
            return told(
                request, model, f"The settings of {model.name} are saved. They hold for pictures from now on."
            )
    # Everybody sees the weights in use, even while the owner has yet to confirm others.
    check = model.checks.filter(fingerprint=model.fingerprint).order_by("-pk").first()
    manages = owns or (isinstance(request.user, User) and request.user.is_admin)
    context = {
        "base": model,
        "card": card_of(model, check),
        "check": check,
        "samples": check.samples.select_related("check_of__base") if check else [],
        "releases": model.releases.order_by("-number"),
        "offers": model.plugins.filter(state="published", taken_down_at=None).count(),
        "form": form,
        "manages": manages,
        "other_weights": model.other_weights() if manages else None,
    }
    return render(request, "basemodels/base.html", context, status=422 if form and form.errors else 200)


@require_safe
def sample(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    found = visible_sample(request.user, slug, pk)
    return send(found.file, "image/png", filename=f"{slug}-sample-{pk}.png")
