"""An artist's plug-ins: starting an addition, terms, versions, publishing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of
from market.acting import act_on, acted, filled_in, told
from market.catalog.access import is_kept_down, owned_concept, owned_plugin, owned_version
from market.catalog.addition import start_addition
from market.catalog.combined import holds_others_weights
from market.catalog.figures import GivenBack, ShownFigure, given_back, shown_figures, unlike_works
from market.catalog.forms import AdditionForm, PlugInFileForm, TermsForm
from market.catalog.models import PlugIn, PlugInOriginal, PlugInSample, PlugInVersion
from market.catalog.offering import why_not_offered
from market.catalog.plugin_uploads import parts_in_words, start_upload
from market.catalog.publishing import obstacles, publish, use_version
from market.catalog.rereading import in_words, make_anew
from market.catalog.royalties import royalties_of
from market.catalog.terms import change_terms
from market.catalog.versions import is_running
from market.catalog.views.desk import artists_only
from market.refusals import Refused
from market.stored_files import send


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def addition(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose base, price and licence, and start the making of a plug-in."""
    person = person_of(request)
    concept = owned_concept(person, pk)
    existing = concept.plugins.filter(base__slug=request.GET.get("base", "")).first()
    form = AdditionForm(
        request.POST or None, instance=existing, initial={"base": existing.base.slug} if existing else {}
    )

    def start() -> HttpResponse:
        return redirect(
            start_addition(
                concept, form.cleaned_data["base"], person, terms=form.order, settings=form.settings
            )
        )

    context = {"concept": concept, "form": form, "works": concept.works.all()}
    return filled_in(request, "catalog/addition.html", context, start)


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def upload_plugin(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a plug-in as a file, with base, price and licence, and say who will get its fee."""
    person = person_of(request)
    concept = owned_concept(person, pk)
    existing = concept.plugins.filter(base__slug=request.GET.get("base", "")).first()
    form = PlugInFileForm(
        request.POST or None,
        request.FILES or None,
        instance=existing,
        initial={"base": existing.base.slug} if existing else {},
    )

    def start() -> HttpResponse:
        job, parts = start_upload(
            concept, form.cleaned_data["base"], person, form.cleaned_data["file"], terms=form.order
        )
        if parts:
            messages.info(request, parts_in_words(parts))
        return redirect(job)

    context = {"concept": concept, "form": form, "max_megabytes": settings.UPLOADS.plugin_bytes // 1_000_000}
    return filled_in(request, "catalog/upload_plugin.html", context, start)


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def plugin(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a plug-in to its artist; a POST changes price and licence."""
    offer = owned_plugin(person_of(request), pk)
    form = TermsForm(request.POST or None, instance=PlugIn.objects.get(pk=pk))
    show = partial(_plugin_page, request, offer, form=form)

    def save() -> HttpResponse:
        change_terms(offer, form.order)
        return told(
            request, offer.desk_url, "Price and licence are saved. They hold for pictures from now on."
        )

    return acted(form, save, show) if request.method == "POST" else show()


@artists_only
@require_POST
def publish_plugin(request: HttpRequest, pk: int) -> HttpResponse:
    offer = owned_plugin(person_of(request), pk)
    said = f"{offer.name} is on the market."
    show = partial(_plugin_page, request, offer)
    return act_on(request, offer.desk_url, None, lambda: publish(offer, person_of(request)), said, show)


@artists_only
@require_POST
def withdraw_plugin(request: HttpRequest, pk: int) -> HttpResponse:
    offer = owned_plugin(person_of(request), pk)
    if offer.withdraw():
        messages.success(request, f"{offer.name} is withdrawn. Pictures already made keep their licence.")
    else:
        messages.info(request, f"{offer.name} is not on the market.")
    return redirect(offer.desk_url)


@artists_only
@require_POST
def choose_version(request: HttpRequest, plugin: int, pk: int) -> HttpResponse:
    person = person_of(request)
    version = owned_version(person, plugin, pk)
    offer = owned_plugin(person, plugin)
    said = f"Pictures are made with version {version.number} from now on."
    show = partial(_plugin_page, request, offer)
    return act_on(request, offer.desk_url, None, lambda: use_version(offer, version), said, show)


@artists_only
@require_POST
def make_version_anew(request: HttpRequest, plugin: int, pk: int) -> HttpResponse:
    """Make a new version of the file that a version was read from."""
    person = person_of(request)
    version = owned_version(person, plugin, pk)
    offer = owned_plugin(person, plugin)
    said = "The file is being read. The new version appears here; use it when you like its samples."
    show = partial(_plugin_page, request, offer)
    return act_on(request, offer.desk_url, None, lambda: make_anew(version, person), said, show)


@artists_only
@require_safe
def version_file(request: HttpRequest, plugin: int, pk: int) -> HttpResponse:
    version = owned_version(person_of(request), plugin, pk)
    if holds_others_weights(version):
        raise Http404
    return send(
        version.file,
        "application/octet-stream",
        filename=f"{version.plugin.slug}-v{version.number}.safetensors",
        download=True,
    )


@dataclass(frozen=True)
class ShownVersion:
    """A version on its artist's desk. has_file: whether they may have its weights. misread: what a later reading found."""

    version: PlugInVersion
    figures: list[ShownFigure]
    given_back: GivenBack | None
    unlike_works: tuple[str, ...]
    samples: list[PlugInSample]
    has_file: bool
    misread: str


def _shown(version: PlugInVersion) -> ShownVersion:
    samples = [] if is_kept_down(version) else list(version.samples.all())
    original: PlugInOriginal | None = getattr(version, "original", None)
    return ShownVersion(
        version,
        shown_figures(version.figures),
        given_back(version.figures),
        unlike_works(version.figures),
        samples,
        has_file=not holds_others_weights(version),
        misread=in_words(original) if original and original.is_misread else "",
    )


def _plugin_page(
    request: HttpRequest, offer: PlugIn, refusal: Refused | None = None, *, form: TermsForm | None = None
) -> HttpResponse:
    versions = []
    for version in offer.versions.select_related("original").prefetch_related("samples").order_by("-number"):
        version.plugin = offer  # already here: its samples' addresses need it
        versions.append(_shown(version))
    context = {
        "plugin": offer,
        "form": form or TermsForm(instance=offer),
        "versions": versions,
        "royalties": royalties_of(offer),
        "running": offer.latest_job if is_running(offer) else None,
        "ended": offer.latest_job if offer.latest_job and not versions else None,
        "refusal": refusal,
        "not_offered": why_not_offered(offer) if offer.is_published else "",
        "obstacles": [] if offer.is_published else obstacles(offer, person_of(request)),
    }
    return render(request, "catalog/desk_plugin.html", context)
