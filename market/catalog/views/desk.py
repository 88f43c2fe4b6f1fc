"""An artist's desk: concepts, their rights and works."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.acting import acted, done, filled_in, put_on, told
from market.catalog import addition, plugin_uploads
from market.catalog.access import owned_concept, owned_work
from market.catalog.addition import MIN_WORKS
from market.catalog.coowners import open_offers
from market.catalog.forms import AffirmForm, CaptionsForm, ConceptForm, UploadForm
from market.catalog.models import Concept, ConceptKind, PlugIn, Work
from market.catalog.naming import describe_concept
from market.catalog.offering import is_suspended
from market.catalog.pictures import MIN_SIDE, Limits
from market.catalog.reserving import lift, reserve
from market.catalog.rights import RIGHTS_CHANGED, RIGHTS_TEXT, RIGHTS_VERSION
from market.catalog.uploads import LEARNED_FROM, UploadReport, remove_work, upload_works
from market.jobs.models import Job
from market.refusals import Refused
from market.stored_files import send

artists_only = role_required(Role.ARTIST)


@artists_only
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    plugins = PlugIn.objects.select_related("base", "current_version", "latest_job", "concept")
    concepts = (
        Concept.objects.filter(artist=person)
        .exclude(kind=ConceptKind.COMBINATION)
        .annotate(works_count=Count("works"))
        .prefetch_related(Prefetch("plugins", queryset=plugins))
    )
    covers: dict[int, list[Work]] = {}
    for work in Work.objects.filter(artist=person).order_by("pk"):
        if len(covers.setdefault(work.concept_id, [])) < 4:
            covers[work.concept_id].append(work)
    context = {
        "concepts": [(concept, covers.get(concept.pk, [])) for concept in concepts],
        "jobs": Job.objects.owned_by(person).filter(kind__in=(addition.KIND, plugin_uploads.KIND))[:5],
        "offers": open_offers(person),
        "suspended": is_suspended(person),
    }
    return render(request, "catalog/desk.html", context)


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def new_concept(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    form = ConceptForm(request.POST or None)

    def register() -> HttpResponse:
        concept = describe_concept(Concept(artist=person), **form.cleaned_data)
        return told(
            request, concept, f"{concept.name} is registered. Next, affirm your rights and upload works."
        )

    return filled_in(request, "catalog/concept_form.html", {"form": form}, register)


@artists_only
@require_http_methods(["GET", "HEAD", "POST"])
def edit_concept(request: HttpRequest, pk: int) -> HttpResponse:
    concept = owned_concept(person_of(request), pk)
    form = ConceptForm(request.POST or None, instance=owned_concept(person_of(request), pk))

    def change() -> HttpResponse:
        describe_concept(concept, **form.cleaned_data)
        return told(request, concept, "The description is saved.")

    return filled_in(request, "catalog/concept_form.html", {"form": form, "concept": concept}, change)


@artists_only
@require_safe
def concept(request: HttpRequest, pk: int) -> HttpResponse:
    return _concept_page(request, owned_concept(person_of(request), pk))


@artists_only
@require_POST
def affirm(request: HttpRequest, pk: int) -> HttpResponse:
    of = owned_concept(person_of(request), pk)
    form = AffirmForm(request.POST)
    if not form.is_valid():
        return _concept_page(request, of, affirm_form=form, status=422)
    if form.cleaned_data["version"] != RIGHTS_VERSION:
        messages.error(request, RIGHTS_CHANGED)
        return redirect(of)
    of.affirm_rights(person_of(request), ip_address=request.META.get("REMOTE_ADDR") or None)
    return told(request, of, "Your affirmation is kept with its text and the time.")


@artists_only
@require_POST
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the pictures that can be taken. The page says why each of the others was not."""
    to = owned_concept(person_of(request), pk)
    form = UploadForm(request.POST, request.FILES)

    def take() -> HttpResponse:
        report = upload_works(to, person_of(request), form.cleaned_data["files"])
        if not report.refused:
            count = len(report.taken)
            return told(request, to, f"{count} work{'s' if count != 1 else ''} uploaded.")
        return _concept_page(request, to, report=report, status=200 if report.taken else 422)

    def show(refusal: Refused | None) -> HttpResponse:
        if refusal:
            put_on(form, refusal)
        return _concept_page(request, to, upload_form=form)

    return acted(form, take, show)


@artists_only
@require_POST
def captions(request: HttpRequest, pk: int) -> HttpResponse:
    of = owned_concept(person_of(request), pk)
    form = CaptionsForm(request.POST, works=of.works.all())
    if not form.is_valid():
        return _concept_page(request, of, captions_form=form, status=422)
    form.save()
    return told(request, of, "The captions are saved.")


@artists_only
@require_safe
def work_file(request: HttpRequest, concept: int, pk: int) -> HttpResponse:
    work = owned_work(person_of(request), concept, pk)
    return send(work.file, work.content_type, filename=f"work-{work.pk}.{work.content_type.split('/')[-1]}")


@artists_only
@require_safe
def work_thumbnail(request: HttpRequest, concept: int, pk: int) -> HttpResponse:
    work = owned_work(person_of(request), concept, pk)
    return send(work.thumbnail, "image/webp", filename=f"work-{work.pk}-small.webp")


@artists_only
@require_POST
def delete_work(request: HttpRequest, concept: int, pk: int) -> HttpResponse:
    work = owned_work(person_of(request), concept, pk)
    if remove_work(work):
        messages.success(request, f"“{work}” is deleted.")
    else:
        messages.error(request, LEARNED_FROM)
    return redirect(work.concept)


@artists_only
@require_POST
def reserve_works(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a concept's works as not for training, or take the mark off."""
    of = owned_concept(person_of(request), pk)
    is_reserved = request.POST.get("reserved") == "yes"
    reserve(of, person_of(request), is_reserved=is_reserved)
    said = (
        "protected, and not for training" if is_reserved else "for training, unless their files say otherwise"
    )
    return told(request, of, f"The works of {of.name} are {said}.")


@artists_only
@require_POST
def lift_reservation(request: HttpRequest, concept: int, pk: int) -> HttpResponse:
    """Let a work be learned from although its file forbids it: its artist says that the credentials are their own."""
    work = owned_work(person_of(request), concept, pk)
    said = f"“{work}” may be learned from."
    return done(request, work.concept, lambda: lift(work, person_of(request)), said)


def _concept_page(
    request: HttpRequest,
    concept: Concept,
    *,
    affirm_form: AffirmForm | None = None,
    upload_form: UploadForm | None = None,
    captions_form: CaptionsForm | None = None,
    report: UploadReport | None = None,
    status: int = 200,
) -> HttpResponse:
    works = list(concept.works.all())
    usable = sum(not work.is_reserved for work in works)
    limits = Limits.configured()
    affirmation = concept.current_affirmation()
    plugins = list(concept.plugins.select_related("base", "current_version", "latest_job"))
    context: dict[str, Any] = {
        "concept": concept,
        "works": works,
        "affirmation": affirmation,
        "rights_text": RIGHTS_TEXT,
        "rights_version": RIGHTS_VERSION,
        "affirm_form": affirm_form or AffirmForm(initial={"version": RIGHTS_VERSION}),
        "upload_form": upload_form or UploadForm(),
        "captions_form": captions_form or CaptionsForm(works=works),
        "report": report,
        "plugins": plugins,
        "missing": max(0, MIN_WORKS - usable),
        "ready": affirmation is not None and usable >= MIN_WORKS and not concept.not_for_training,
        "min_works": MIN_WORKS,
        "min_side": MIN_SIDE,
        "max_megabytes": limits.max_bytes // 1_000_000,
        "max_megapixels": limits.max_pixels // 1_000_000,
    }
    return render(request, "catalog/concept.html", context, status=status)
