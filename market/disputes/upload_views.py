"""Pages of disputes about uploads: those who sent a picture follow them, admins decide them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import act_on
from market.catalog.models import UploadRefusal
from market.disputes.forms import UploadForm
from market.disputes.uploads import decide_upload, matched_picture, may_decide, visible_uploads
from market.refusals import Refused
from market.stored_files import answer, send

ROWS = 25


@login_required
@require_GET
def uploads(request: HttpRequest) -> HttpResponse:
    """List refused uploads, the latest first."""
    page = Paginator(visible_uploads(person_of(request)), ROWS).get_page(request.GET.get("page"))
    return render(request, "disputes/uploads.html", {"page_obj": page})


@login_required
@require_GET
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a refused upload to who sent it. Admins see what it matches, too."""
    return _page(request, get_object_or_404(visible_uploads(person_of(request)), pk=pk), UploadForm())


@login_required
@require_GET
def upload_picture(request: HttpRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(visible_uploads(person_of(request)), pk=pk)
    if not shown.picture:
        raise Http404("It was refused before such pictures were kept.")
    return send(shown.picture, "image/webp", filename="upload.webp")


@role_required(Role.ADMIN)
@require_GET
def upload_match(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the picture that an upload matches, small."""
    shown = get_object_or_404(visible_uploads(person_of(request)), pk=pk)
    picture = matched_picture(shown) if may_decide(person_of(request), shown) else None
    if picture is None:
        raise Http404("There is no such picture any more.")
    return answer(picture, "image/webp")


@role_required(Role.ADMIN)
@require_POST
def decide_one(request: HttpRequest, pk: int) -> HttpResponse:
    admin = person_of(request)
    asked = get_object_or_404(visible_uploads(admin), pk=pk)
    form = UploadForm(request.POST)

    def act() -> None:
        said = form.cleaned_data
        decide_upload(asked, admin, is_taken=said["is_taken"] == "yes", decision=said["decision"])

    def show(refusal: Refused | None) -> HttpResponse:
        if refusal:
            form.add_error(None, str(refusal))
        return _page(request, asked, form)

    return act_on(request, asked, form, act, "Decided. The person who sent it is told.", show)


def _page(request: HttpRequest, shown: UploadRefusal, form: UploadForm) -> HttpResponse:
    return render(
        request,
        "disputes/upload.html",
        {"upload": shown, "form": form, "may_decide": may_decide(person_of(request), shown)},
    )
