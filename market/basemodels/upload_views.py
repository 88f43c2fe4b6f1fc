"""Uploading a diffusers directory in parts, for the page's script. Answers are JSON; other programs have the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from market.accounts.access import person_of, role_required
from market.accounts.models import Role
from market.basemodels.access import owned_upload
from market.basemodels.models.uploads import PART_BYTES
from market.basemodels.uploading import (
    announced,
    as_json,
    begin_upload,
    file_as_json,
    take_part,
)
from market.refusals import Refused, invalid

P = ParamSpec("P")
Answering = Callable[Concatenate[HttpRequest, P], JsonResponse]

owners_only = role_required(Role.MODEL_OWNER)


def saying_why_not(view: Answering[P]) -> Answering[P]:
    """Answer a refusal as {"error": …} with its status."""

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> JsonResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as refusal:
            return JsonResponse({"error": str(refusal)}, status=refusal.status)

    return answer


@owners_only
@require_POST
@saying_why_not
def begin(request: HttpRequest) -> JsonResponse:
    """Take the list of files. The same list again gives the same upload, with what has arrived of it."""
    try:
        said: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        raise invalid("Expected the list of files as JSON in UTF-8.") from None
    return JsonResponse(as_json(begin_upload(person_of(request), announced(said))))


@owners_only
@never_cache
@require_safe
def upload(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Say what has arrived."""
    return JsonResponse(as_json(owned_upload(person_of(request), pk)))


@owners_only
@require_http_methods(["PUT"])
@saying_why_not
def part(request: HttpRequest, pk: UUID, position: int, number: int) -> JsonResponse:
    """Take one part, the body of the request."""
    found = owned_upload(person_of(request), pk)
    # Read by hand: a body is otherwise limited to what a form may hold.
    data = request.read(PART_BYTES + 1)
    return JsonResponse(file_as_json(take_part(found, position, number, data)))
