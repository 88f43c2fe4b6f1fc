"""Problems: every refusal of the API, in the form of RFC 9457 and the words of the use case that refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.defaults import server_error as server_error_page
from rest_framework import exceptions
from rest_framework.response import Response

from market.refusals import BalanceTooLow, PriceChanged, Refused

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its name in addresses, its title, the status it is sent with, and what to do about it."""

    name: str
    title: str
    status: int
    advice: str

    @property
    def uri(self) -> str:
        return f"{settings.PUBLIC_URL}{reverse('api:docs')}#problem-{self.name}"


UNREADABLE = Kind(
    "unreadable", "The request cannot be read", 400, "Send what the reference of the operation says."
)
KEY_MISSING = Kind(
    "key-missing",
    "An Idempotency-Key is needed",
    400,
    "Send one with each new request, and the same one when you repeat it.",
)
NOT_SIGNED_IN = Kind(
    "not-signed-in",
    "A token is needed",
    401,
    "Send the header “Authorization: Bearer” with a token that was not revoked and has not ended.",
)
BALANCE_TOO_LOW = Kind("balance-too-low", "The balance is too low", 402, "Top up, or ask for less.")
NOT_ALLOWED = Kind(
    "not-allowed", "The token may not do that", 403, "Make a token that may; see what the operation needs."
)
NOT_FOUND = Kind(
    "not-found", "There is no such thing", 404, "Check the address. What is not yours to see is not found."
)
WRONG_METHOD = Kind(
    "wrong-method", "This address is not used so", 405, "The header Allow says how it is used."
)
NOT_POSSIBLE = Kind(
    "not-possible",
    "Not possible as things stand",
    409,
    "Read it again: it has changed, or something else comes first.",
)
PRICE_CHANGED = Kind(
    "price-changed",
    "The price is not the one agreed to",
    409,
    "Look at the quote that is sent along, and agree to its digest.",
)
LENGTH_MISSING = Kind(
    "length-missing", "The length of the body is not said", 411, "Send it with the header Content-Length."
)
TOO_LARGE = Kind("too-large", "The request is too large", 413, "Send less at once.")
WRONG_TYPE = Kind(
    "wrong-type",
    "The content is of another type than is taken",
    415,
    "Send what the reference says: JSON, files as a form, or bytes.",
)
INVALID = Kind(
    "invalid", "Something in the request is not right", 422, "The list of errors says what, and where."
)
KEY_REUSED = Kind(
    "key-reused",
    "The Idempotency-Key was used for another request",
    422,
    "Send a new key with a new request.",
)
TOO_MANY = Kind("too-many", "Too many requests", 429, "Wait as long as the header Retry-After says.")
TOO_MANY_WAITING = Kind(
    "too-many-waiting", "Too many unfinished requests", 429, "Wait until one is done, or give one up."
)
BUSY = Kind(
    "busy", "The market has no room for it just now", 503, "Wait as long as the header Retry-After says."
)
HIDDEN = Kind("hidden", "Hidden at present", 451, "The detail says why; it may be shown again later.")
FAILED = Kind(
    "failed",
    "The market failed",
    500,
    "It is not your request. Try again later, with the same Idempotency-Key.",
)

KINDS = (
    UNREADABLE, KEY_MISSING, NOT_SIGNED_IN, BALANCE_TOO_LOW, NOT_ALLOWED, NOT_FOUND, WRONG_METHOD, NOT_POSSIBLE,
    PRICE_CHANGED, LENGTH_MISSING, TOO_LARGE, WRONG_TYPE, INVALID, KEY_REUSED, TOO_MANY, TOO_MANY_WAITING, HIDDEN, BUSY, FAILED,
)  # fmt: skip

_BY_STATUS = {
    400: UNREADABLE, 401: NOT_SIGNED_IN, 402: BALANCE_TOO_LOW, 403: NOT_ALLOWED, 404: NOT_FOUND, 405: WRONG_METHOD,
    409: NOT_POSSIBLE, 413: TOO_LARGE, 415: WRONG_TYPE, 422: INVALID, 429: TOO_MANY, 503: BUSY,
}  # fmt: skip

# When a use case says 429, nobody asked too often: too much is unfinished.
_BY_REFUSAL = _BY_STATUS | {429: TOO_MANY_WAITING}

BUSY_FOR = 30
"""Seconds until a client may try again who was refused because there was no room."""

NOT_THERE = "There is no such thing here, or it is not yours to see."


@dataclass(frozen=True)
class Fault:
    """What is wrong with one value: of the body at a JSON pointer, or of a query parameter."""

    detail: str
    pointer: str = ""
    parameter: str = ""

    def as_json(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


class Problem(exceptions.APIException):
    """The request was refused and nothing was done. `more` are further members of the answer."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Iterable[Fault] = (),
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status_code = kind.status
        self.words = detail
        self.errors = list(errors)
        self.more = dict(more or {})
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.words,
        }
        if self.errors:
            said["errors"] = [each.as_json() for each in self.errors]
        return said | self.more


def invalid(errors: Sequence[Fault], more: Mapping[str, Any] | None = None) -> Problem:
    """Make a problem from wrong values. Its detail has all their messages."""
    return Problem(INVALID, " ".join(dict.fromkeys(each.detail for each in errors)), errors=errors, more=more)


def answer(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer with the problem that an exception stands for. None for an unexpected exception."""
    problem = _problem(error)
    if problem is None:
        return None
    return Response(
        problem.as_json(), status=problem.kind.status, headers=problem.headers, content_type=MEDIA_TYPE
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected exception: programs get a problem, people a page."""
    if not request.path.startswith("/api/"):
        return server_error_page(request)
    return sent(
        Problem(FAILED, "Something went wrong here. Nothing was charged for a request that failed so.")
    )


def sent(problem: Problem) -> JsonResponse:
    """Answer with a problem outside of the framework's views."""
    return JsonResponse(
        problem.as_json(), status=problem.kind.status, headers=problem.headers, content_type=MEDIA_TYPE
    )


def _problem(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return refused(error)
    if isinstance(error, Http404):
        return Problem(NOT_FOUND, NOT_THERE)
    if isinstance(error, PermissionDenied):
        return Problem(NOT_ALLOWED, str(error) or NOT_ALLOWED.title)
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return Problem(TOO_LARGE, f"{str(error).rstrip('.')}.")
    if isinstance(error, SuspiciousOperation):
        return Problem(UNREADABLE, "The request is not what a program would send.")
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    return None


def refused(refusal: Refused, more: Mapping[str, Any] | None = None) -> Problem:
    """Give the problem that a refusal is, in its own words; `more` are further members of the answer."""
    kind = PRICE_CHANGED if isinstance(refusal, PriceChanged) else _BY_REFUSAL[refusal.status]
    if isinstance(refusal, BalanceTooLow):
        amounts = ("needed", "available", "missing")
        more = {f"{name}_micros": getattr(refusal, name) for name in amounts}
    errors = [Fault(each.text, pointer=f"#/{each.field}" if each.field else "") for each in refusal.reasons]
    headers = {"Retry-After": str(BUSY_FOR)} if kind is BUSY else {}
    shown = errors if kind in (INVALID, NOT_POSSIBLE) else ()
    return Problem(kind, str(refusal), errors=shown, more=more, headers=headers)


def _of_framework(error: exceptions.APIException) -> Problem:
    kind = _BY_STATUS.get(error.status_code, UNREADABLE)
    headers = {}
    challenge = getattr(error, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = str(challenge)
    if isinstance(error, exceptions.Throttled):
        seconds = max(1, round(getattr(error, "wait", None) or 1))
        headers["Retry-After"] = str(seconds)
        return Problem(TOO_MANY, f"You have asked too often. Ask again in {seconds} s.", headers=headers)
    if isinstance(error, exceptions.NotFound):
        return Problem(NOT_FOUND, NOT_THERE)
    return Problem(kind, str(error.detail), headers=headers)
