"""Requests with files take turns: a web process handles few at once, and one at a time from one sender.

Each takes a thread and the interpreter for long, and pages share both. Whoever waits takes neither, since the event loop
holds the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any, cast
from weakref import WeakValueDictionary

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from market.api import problems
from market.decoding.places import FULL
from market.refusals import Refused

Answer = Callable[[HttpRequest], HttpResponseBase]

MOST_WAITING = 60
"""How many requests wait in one web process. Each holds its body: up to 2.5 MB in memory, a larger one in a file."""
PATIENCE = 30.0
"""Seconds that a request waits. Browsers and proxies give up after a minute or so."""


class Turns:
    """At most `at_once` turns at once, and one for each sender. All use it from one event loop."""

    def __init__(self, at_once: int, *, most_waiting: int = MOST_WAITING, patience: float = PATIENCE) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._own: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._waiting = 0
        self._most_waiting = most_waiting
        self._patience = patience

    @asynccontextmanager
    async def of(self, sender: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises Refused if too many wait already, or if none came in time."""
        if self._waiting >= self._most_waiting:
            raise _full()
        own = self._own.setdefault(sender, asyncio.Lock())
        async with AsyncExitStack() as held:
            self._waiting += 1
            try:
                async with asyncio.timeout(self._patience):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise _full() from None
            finally:
                self._waiting -= 1
            yield


def _full() -> Refused:
    return Refused(FULL, status=HTTPStatus.SERVICE_UNAVAILABLE)


def carries_files(request: HttpRequest) -> bool:
    return request.content_type == "multipart/form-data"


def sender_of(request: HttpRequest) -> str:
    """Tell senders apart without asking the database: by session, token, or address."""
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return session or request.headers.get("Authorization") or str(request.META.get("REMOTE_ADDR") or "")


def refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """Refuse at little cost: programs get a problem, people a page of few words."""
    problem = problems.refused(refusal)
    if request.path.startswith("/api/"):
        return problems.sent(problem)
    page = render_to_string("errors/busy.html", {"refusal": refusal})
    return HttpResponse(page, status=refusal.status, headers=problem.headers)


class TakingTurns(ASGIHandler):
    """Django's handler, where requests with files wait for their turns after their body has come.

    It is no middleware: some of the others are synchronous, so Django would run this one in a thread, too, which waiting must not hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turns = Turns(settings.UPLOADS.turns)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in turn, or with a refusal."""
        if not carries_files(request):
            return await super().get_response_async(request)
        try:
            async with self._turns.of(sender_of(request)):
                return await super().get_response_async(request)
        except Refused as refusal:
            cast("Any", request).no_turn = refusal
            return await super().get_response_async(request)


def refuse_without_turn(get_response: Answer) -> Answer:
    """Refuse what got no turn, behind those that set headers and before anything costs time."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        refusal: Refused | None = getattr(request, "no_turn", None)
        return get_response(request) if refusal is None else refused(request, refusal)

    return answer
