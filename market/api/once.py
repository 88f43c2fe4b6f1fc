"""Requests that act once, however often they are sent: the answer is kept under the Idempotency-Key."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from market.api.models import KEY_LENGTH, KeptAnswer
from market.api.problems import KEY_MISSING, KEY_REUSED, UNREADABLE, Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(days=7)
_FOR_GOOD = uuid.UUID("8b0f5a0e-55a0-4f43-9c4b-6f1c3b0f7d11")
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}")

Act = Callable[..., Response]
First = Callable[..., AbstractContextManager[object]]
"""Slow work to do before the transaction. The method gets its result after the request."""
AnyAct = TypeVar("AnyAct", bound=Act)


def once(act: Act) -> Act:
    """Require a key for a method that creates or costs something."""
    return _keyed(act, needed=True)


def once_if_asked(act: Act) -> Act:
    """Let a method take a key. Without one, the state of the object refuses a repetition."""
    return _keyed(act, needed=False)


def after(first: First) -> Callable[[AnyAct], AnyAct]:
    """Do something before the method, and before the transaction in which it acts once."""

    def note(act: AnyAct) -> AnyAct:
        cast("Any", act).first = first
        return act

    return note


def key_of(request: Request) -> str:
    """Read the key of a request; empty if it has none."""
    key = str(request.headers.get(HEADER, ""))
    if key and not _KEY.fullmatch(key):
        raise Problem(
            UNREADABLE, f"An {HEADER} has 1 to {KEY_LENGTH} letters, digits and signs, without blanks."
        )
    return key


def lasting_key_of(request: Request) -> uuid.UUID:
    """Make of a request's key a key of what it pays for, which is kept for good."""
    return uuid.uuid5(_FOR_GOOD, key_of(request))


def forget_answers() -> int:
    """Delete answers that are kept for long enough."""
    deleted, _ = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted


def _keyed(act: Act, *, needed: bool) -> Act:
    first: First | None = getattr(act, "first", None)

    def ready(*asked: Any, **kwargs: Any) -> AbstractContextManager[tuple[object, ...]]:
        return _outcome(first(*asked, **kwargs)) if first else nullcontext(())

    @wraps(act)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = key_of(request)
        if needed and not key:
            raise Problem(
                KEY_MISSING,
                f"Send the header {HEADER} with a value of your own making, such as a UUID: "
                "a request that is repeated with it acts only once.",
            )
        digest = _digest(request) if key else ""
        if key and (kept := KeptAnswer.objects.filter(person_id=request.user.pk, key=key).first()):
            return _again(kept, digest)
        with ready(view, request, *args, **kwargs) as outcome:
            if not key:
                return act(view, request, *outcome, *args, **kwargs)
            return _answer_once(key, digest, request, lambda: act(view, request, *outcome, *args, **kwargs))

    cast("Any", keyed).needs_key = needed
    return keyed


@contextmanager
def _outcome(first: AbstractContextManager[object]) -> Iterator[tuple[object, ...]]:
    with first as outcome:
        yield (outcome,)


def _answer_once(key: str, digest: str, request: Request, act: Callable[[], Response]) -> Response:
    """Act and keep the answer in one transaction.

    A second request waits at the unique key until the first one ends. A refusal undoes the row too, so that the key is free for
    another try.
    """
    with transaction.atomic():
        kept, is_new = KeptAnswer.objects.get_or_create(
            person_id=request.user.pk, key=key, defaults={"request_sha256": digest}
        )
        if not is_new:
            return _again(kept, digest)
        response = act()
        kept.status = response.status_code
        kept.body = json.loads(JSONRenderer().render(response.data) or "null")
        kept.location = response.headers.get("Location", "")
        kept.save(update_fields=["status", "body", "location"])
        return response


def _again(kept: KeptAnswer, digest: str) -> Response:
    if kept.request_sha256 != digest:
        raise Problem(
            KEY_REUSED, f"The {HEADER} “{kept.key}” came before, with another request. Nothing was done."
        )
    headers = {REPLAYED: "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(kept.body, status=kept.status, headers=headers)


def _digest(request: Request) -> str:
    """Name what is asked for, whatever its layout: the order of members, or the boundary of a form's parts."""
    asked = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    if isinstance(request.data, MultiValueDict):
        for name in sorted(request.data):
            for value in request.data.getlist(name):
                asked.update(f"{name}\n".encode())
                asked.update(_digest_of_part(value))
    else:
        asked.update(json.dumps(request.data, sort_keys=True).encode())
    return asked.hexdigest()


def _digest_of_part(value: Any) -> bytes:
    if not isinstance(value, UploadedFile):
        return hashlib.sha256(str(value).encode()).digest()
    content = hashlib.sha256(f"{value.name}\n".encode())
    for chunk in value.chunks():
        content.update(chunk)
    value.seek(0)
    return content.digest()
