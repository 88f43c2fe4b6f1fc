"""Pages of a person's jobs: the list, one job's page, its events, its preview, cancelling it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.db import connection
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from market.accounts.access import person_of
from market.jobs.access import own_job
from market.jobs.cancelling import cancel_job
from market.jobs.events import job_events, panel_context
from market.jobs.models import Job
from market.jobs.states import JobState

PER_PAGE = 20
STOP_POLLING = 286
"""The status at which htmx inserts the answer and stops asking."""


def asked_by_htmx(request: HttpRequest) -> bool:
    """Whether only a part of the page is wanted."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


@login_required
@require_GET
def job_list(request: HttpRequest) -> HttpResponse:
    jobs = Job.objects.filter(owner=request.user.pk)
    state = request.GET.get("state", "")
    if state in JobState.values:
        jobs = jobs.filter(state=state)
    page = Paginator(jobs, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "jobs/list.html", {"page": page, "state": state, "states": JobState.choices})


@login_required
@never_cache
@require_GET
def job_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a job. htmx asks for the panel alone if the event stream does not get through."""
    job = own_job(request.user, pk)
    context = panel_context(job)
    if asked_by_htmx(request):
        return render(request, "jobs/_panel.html", context, status=STOP_POLLING if job.has_ended else 200)
    return render(request, "jobs/job.html", context)


@login_required
@require_GET
async def job_stream(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    person = await request.auser()
    await sync_to_async(own_job)(person, pk)
    response = StreamingHttpResponse(_without_connection(pk), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _without_connection(pk: UUID) -> AsyncIterator[str]:
    """Stream a job's events after giving back the database connection that the access check took.

    Otherwise the request would keep the connection while the page is open.
    """
    await sync_to_async(_give_back_connection)()
    async with aclosing(job_events(pk)) as events:
        async for each in events:
            yield each


def _give_back_connection() -> None:
    connection.close()


@login_required
@require_POST
def job_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    job = own_job(request.user, pk)
    asked = cancel_job(job, person_of(request))
    if asked_by_htmx(request):
        return render(request, "jobs/_panel.html", panel_context(job), status=200 if asked else 409)
    if asked:
        messages.success(request, "Cancelled." if job.has_ended else "Cancelling. Nothing will be charged.")
    else:
        messages.info(request, f"This job had already ended: {job.get_state_display().lower()}.")
    return redirect(job)


@login_required
@never_cache
@require_GET
def job_preview(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Serve the latest preview picture of a running job.

    Each has its own name, so a worker never overwrites one being read. Once the job has ended there is no preview: there is its
    result, which may be hidden, or nothing was paid for.
    """
    job = own_job(request.user, pk)
    if job.has_ended or not job.preview:
        raise Http404("There is no preview yet.")
    try:
        preview = default_storage.open(str(job.preview.name))
    except FileNotFoundError:
        raise Http404("The preview has just been replaced.") from None
    return FileResponse(preview, content_type="image/png")
