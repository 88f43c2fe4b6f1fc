"""Public pages: the catalogue, a plug-in, an artist, a sample."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parseaddr
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from market.accounts.models import User
from market.catalog.access import barred_plugin, is_kept_down, public_artist, visible_plugin, visible_sample
from market.catalog.bans import bans_of
from market.catalog.browsing import BrowseForm, browse, page_of
from market.catalog.calling import trigger_words
from market.catalog.changelog import changelog
from market.catalog.combined import price_now
from market.catalog.earned import shown_earnings
from market.catalog.facets import facets_of
from market.catalog.figures import shown_figures
from market.catalog.link_preview import preview_of_artist, preview_of_plugin
from market.catalog.models import DomainProof, PlugIn
from market.catalog.models.plugins import PlugInQuerySet
from market.catalog.not_found import not_found
from market.catalog.offering import why_not_offered
from market.catalog.on_release import unneeded_on
from market.catalog.royalties import royalties_of
from market.stored_files import send

UNAVAILABLE = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS


@require_safe
def plugins(request: HttpRequest) -> HttpResponse:
    form = BrowseForm(request.GET)
    chosen = form.choices_made()
    page = page_of(browse(chosen), request.GET.get("page"))
    filters = {name: value for name, value in chosen.items() if name not in {"q", "sort"}}
    context = {
        "form": form,
        "page": page,
        "searching": bool(chosen),
        "filtering": bool(filters),
        "query": chosen.get("q", ""),
        "facets": facets_of(chosen),
        "missing": not_found(request.user, chosen),
        "anything": page.paginator.count > 0 or PlugIn.objects.published().exists(),
    }
    return render(request, "catalog/plugins.html", context)


@require_safe
def plugin(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        offer = visible_plugin(request.user, slug)
    except Http404:
        barred, why = barred_plugin(slug)
        return render(
            request,
            "catalog/not_offered.html",
            {"plugin": barred, "why": why, "contact": parseaddr(settings.DEFAULT_FROM_EMAIL)[1]},
            status=UNAVAILABLE,
        )
    # People may use what they combined even if it is not published.
    asked = offer.is_published or offer.concept.is_combination
    not_offered = why_not_offered(offer) if asked else ""
    version = offer.current_version
    samples = list(version.samples.all()) if version and not is_kept_down(version) else []
    public = offer.is_published and offer.base.listed and not not_offered
    price = price_now(offer)
    others = (
        PlugIn.objects.published()
        .filter(owner=offer.owner)
        .exclude(pk=offer.pk)
        .with_everything()
        .with_samples()
        .order_by("-published_at", "-pk")[:4]
    )
    context = {
        "plugin": offer,
        "version": version,
        "samples": samples,
        "compared": [each for each in samples if each.plain],
        "trigger_words": trigger_words(offer.concept),
        "changelog": changelog(offer),
        "earned": shown_earnings(offer),
        "preview": preview_of_plugin(offer, next(iter(samples), None)) if public else None,
        "figures": shown_figures(version.figures) if version else [],
        "royalties": royalties_of(offer),
        "others": others,
        "bans": bans_of(offer),
        "owns": offer.owner == request.user,
        "not_offered": not_offered,
        "usable": (offer.is_published and not not_offered)
        or _among(PlugIn.objects.usable_by, request, offer),
        "combinable": _among(PlugIn.objects.combinable_by, request, offer),
        "unneeded": bool(version and unneeded_on(offer.base.default_release(), [version])),
        "price_micros": price,
        "total_micros": price + offer.base.fee_micros,
    }
    return render(request, "catalog/plugin.html", context)


def _among(select: Callable[[User], PlugInQuerySet], request: HttpRequest, offer: PlugIn) -> bool:
    """Whether a plug-in is among those that the signed-in person may do something with."""
    return isinstance(request.user, User) and select(request.user).filter(pk=offer.pk).exists()


@require_safe
def sample(request: HttpRequest, plugin: int, pk: int) -> HttpResponse:
    shown = visible_sample(request.user, plugin, pk)
    return send(
        shown.file,
        "image/png",
        filename=f"{shown.version.plugin.slug}-sample-{shown.position + 1}.png",
        public=PlugIn.objects.published().filter(pk=plugin).exists(),
    )


@require_safe
def plain_sample(request: HttpRequest, plugin: int, pk: int) -> HttpResponse:
    """What the base draws of a sample's prompt and seed by itself."""
    shown = visible_sample(request.user, plugin, pk)
    if not shown.plain:
        raise Http404
    return send(
        shown.plain,
        "image/png",
        filename=f"{shown.version.plugin.slug}-sample-{shown.position + 1}-plain.png",
        public=PlugIn.objects.published().filter(pk=plugin).exists(),
    )


@require_safe
def artist(request: HttpRequest, handle: str) -> HttpResponse:
    person = public_artist(handle)
    offers = (
        PlugIn.objects.published()
        .filter(owner=person)
        .with_everything()
        .with_samples()
        .order_by("-published_at", "-pk")
    )
    links = list(person.profile_links.all())
    proof = DomainProof.objects.filter(person=person, verified_at__isnull=False).first()
    context = {
        "artist": person,
        "page": page_of(offers, request.GET.get("page")),
        "links": links,
        "proof": proof,
        "preview": preview_of_artist(person, offers.first(), links, proof),
    }
    return render(request, "catalog/artist.html", context)
