"""Jobs: the state of work that takes a while, waiting for it, and cancelling it."""

from __future__ import annotations

import asyncio
import re
from functools import wraps
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from market.accounts.models import Scope
from market.api.authentication import require_scope
from market.api.endpoint import Endpoint
from market.api.once import once_if_asked
from market.api.paging import PAGE_PARAMETERS, listed, page_of
from market.api.problems import NOT_POSSIBLE, Problem
from market.catalog.addition import KIND as ADDITION
from market.catalog.plugin_uploads import KIND as UPLOAD
from market.claims.measuring import KIND as EVIDENCE
from market.combinations.requesting import KIND as COMBINATION
from market.generation.requesting import KIND as GENERATION
from market.jobs.access import own_job
from market.jobs.cancelling import cancel_job
from market.jobs.estimates import standing
from market.jobs.models import Job
from market.jobs.watching import watcher

LONGEST_WAIT = 20
"""Seconds; proxies cut longer silences."""
SCOPES = {
    GENERATION: Scope.GENERATE,
    COMBINATION: Scope.GENERATE,
    ADDITION: Scope.SELL,
    UPLOAD: Scope.SELL,
    EVIDENCE: Scope.CLAIM,
}
"""The scope that cancelling a kind of job needs. All other kinds need `manage`."""
_WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,6})(?:$|[,;\s])")


class JobOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(["queued", "running", "succeeded", "failed", "cancelled"])
    ended = serializers.BooleanField(
        source="has_ended", help_text="Whether the state is one of the last three."
    )
    progress = serializers.FloatField(
        source="fraction", allow_null=True, help_text="0 to 1; null before the first step."
    )
    error = serializers.CharField(help_text="Why it failed; else empty.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class OneJobOut(JobOut):
    ahead = serializers.SerializerMethodField(help_text="Jobs that are done before it.")
    seconds = serializers.SerializerMethodField(
        help_text="How long it is likely to take yet; null while that is not known."
    )

    def get_ahead(self, job: Job) -> int:
        return 0 if job.has_ended else standing(job).ahead

    def get_seconds(self, job: Job) -> int | None:
        return 0 if job.has_ended else standing(job).seconds


class Jobs(Endpoint):
    @extend_schema(parameters=list(PAGE_PARAMETERS), responses=page_of(JobOut))
    def get(self, request: Request) -> Response:
        """Your jobs, the latest first."""
        return listed(request, Job.objects.owned_by(self.person), JobOut)


class OneJob(Endpoint):
    @extend_schema(
        parameters=[
            OpenApiParameter(
                "Prefer",
                str,
                OpenApiParameter.HEADER,
                description=f"`wait=N`: answer once the job has ended, or after N seconds, at most {LONGEST_WAIT}.",
            )
        ],
        responses=OneJobOut,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """One of your jobs, at once or when it has ended."""
        return Response(OneJobOut(own_job(self.person, pk)).data)


class CancelJob(Endpoint):
    @extend_schema(request=None, responses=OneJobOut)
    @once_if_asked
    def post(self, request: Request, pk: UUID) -> Response:
        """Cancel a job. Nothing is charged for it.

        A running job is asked to stop; it has ended a moment later. The token needs the scope of what the job is for: generate,
        sell, claim or manage.
        """
        job = own_job(self.person, pk)
        require_scope(request, SCOPES.get(job.kind, Scope.MANAGE))
        if not cancel_job(job, self.person):
            raise Problem(NOT_POSSIBLE, f"This job had already ended: {job.get_state_display().lower()}.")
        return Response(OneJobOut(job).data)


def _wait_asked_for(request: HttpRequest) -> int:
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(int(found.group(1)), LONGEST_WAIT) if found else 0


def waiting(view: Any) -> Any:
    """Let the view of a job wait for its end without keeping a database connection."""
    answer = sync_to_async(view)

    @wraps(view)
    async def patient(request: HttpRequest, pk: UUID) -> Any:
        response = await answer(request, pk=pk)
        seconds = _wait_asked_for(request) if request.method == "GET" else 0
        if not seconds or response.status_code != 200 or response.data["ended"]:
            return response
        await sync_to_async(_give_back_connection)()
        try:
            async with asyncio.timeout(seconds):
                await _end_of(pk)
        except TimeoutError:
            pass
        response = await answer(request, pk=pk)
        response["Preference-Applied"] = f"wait={seconds}"
        return response

    return patient


def _give_back_connection() -> None:
    # Named, so that the connection of the answering thread is the one that is closed.
    connection.close()


async def _end_of(pk: UUID) -> None:
    """Return when a job has ended, or does not exist any more."""
    has_ended = sync_to_async(_has_ended, thread_sensitive=False)
    async with watcher().watch(pk) as changed:
        while True:
            # Before reading the job, so that a later change is noticed.
            changed.clear()
            if await has_ended(pk):
                return
            await changed.wait()


def _has_ended(pk: UUID) -> bool:
    try:
        job = Job.objects.filter(pk=pk).first()
        return job is None or job.has_ended
    finally:
        connection.close()
