"""Where the request being answered came from, for audit lines that are written meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


@dataclass(frozen=True)
class Origin:
    """The origin of a request. The web server has put the client's address there, as a trusted proxy names it if there is one."""

    address: str | None


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def current_origin() -> Origin | None:
    """Give the origin of the request. None outside a request, such as in a command."""
    return _origin.get()


def origin_of(request: HttpRequest) -> Origin:
    """Read the origin of a request; over a socket file there is no address."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    try:
        return Origin(str(ip_address(address)))
    except ValueError:
        return Origin(None)


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    token = _origin.set(origin_of(request))
    try:
        yield
    finally:
        _origin.reset(token)


@sync_and_async_middleware
def remember_origin(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Keep the origin at hand for as long as the request is answered."""
    if iscoroutinefunction(get_response):
        awaitable = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", get_response)

        async def on_async(request: HttpRequest) -> HttpResponseBase:
            with answering(request):
                return await awaitable(request)

        return on_async

    def on_sync(request: HttpRequest) -> HttpResponseBase:
        with answering(request):
            return cast("HttpResponseBase", get_response(request))

    return on_sync
