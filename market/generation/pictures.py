"""Pages of a person's pictures: the gallery, one picture with its credits, its file, deleting it."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of
from market.accounts.models import User
from market.acting import told
from market.generation.models import Picture
from market.jobs.views import asked_by_htmx
from market.ledger.queries import credits as credits_of

PER_PAGE = 24
HIDDEN = "This picture is hidden at present. Its page says why."


def own_picture(person: User, pk: UUID) -> Picture:
    """Fetch a picture for the person who made it. For everybody else, and once it is deleted, it does not exist."""
    picture = (
        Picture.objects.kept()
        .select_related("request__release__base", "request__job")
        .filter(pk=pk, request__person=person)
        .first()
    )
    if picture is None:
        raise Http404("There is no such picture.")
    return picture


@login_required
@require_GET
def picture_list(request: HttpRequest) -> HttpResponse:
    """List pictures, the newest first. htmx asks for further pages one after the other."""
    pictures = Picture.objects.kept().filter(request__person=person_of(request)).select_related("request")
    words = request.GET.get("q", "").strip()[:100]
    if words:
        pictures = pictures.filter(
            Q(request__prompt__icontains=words)
            | Q(request__plugins__version__plugin__concept__name__icontains=words)
        ).distinct()
    page = Paginator(pictures, PER_PAGE).get_page(request.GET.get("page"))
    template = "generation/_pictures_page.html" if asked_by_htmx(request) else "generation/pictures.html"
    return render(request, template, {"page": page, "words": words})


@login_required
@require_GET
def picture_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = person_of(request)
    picture = own_picture(person, pk)
    made = picture.request
    siblings = Picture.objects.kept().filter(request=made).exclude(pk=picture.pk).order_by("index")
    context = {
        "picture": picture,
        "made": made,
        "siblings": siblings,
        "quote": made.price,
        "credits": credits_of(made.reference),
        "plugins": made.plugins.select_related(
            "version__plugin__concept", "version__plugin__owner", "version__plugin__base"
        ),
    }
    return render(request, "generation/picture.html", context)


@login_required
@require_GET
def picture_file(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Serve the original PNG; `?download` offers it to be saved.

    A browser keeps it, and asks each time whether it may still show it.
    """
    picture = own_picture(person_of(request), pk)
    if picture.hidden_because:
        refused = HttpResponse(
            HIDDEN, status=HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, content_type="text/plain"
        )
        refused["Cache-Control"] = "no-store"  # it may be shown again at any time
        return refused
    etag = f'"{picture.sha256}"'
    if kept := get_conditional_response(request, etag=etag):
        return kept
    try:
        content = default_storage.open(str(picture.file.name))
    except FileNotFoundError:
        raise Http404("The file of this picture is missing.") from None
    response = FileResponse(
        content,
        content_type="image/png",
        as_attachment="download" in request.GET,
        filename=f"picture-{picture.seed}-{str(picture.pk)[:8]}.png",
    )
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response


@login_required
@require_POST
def picture_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    picture = own_picture(person_of(request), pk)
    if picture.hidden_because:
        messages.error(
            request,
            "The picture is hidden, and stays as it is until that is decided. It can be deleted then.",
        )
        return redirect(picture)
    picture.discard()
    return told(
        request, "generation:pictures", "The picture is deleted. What was paid for it stays with its artists."
    )
