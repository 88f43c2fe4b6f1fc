"""The content security policy: pages load nothing from other hosts and run no inline script."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "Content-Security-Policy"


class Nonce:
    """A page's nonce, made when a template first prints it as {{ request.csp_nonce }}."""

    value = ""

    def __str__(self) -> str:
        self.value = self.value or secrets.token_urlsafe(16)
        return self.value


def allow_forms_to(request: HttpRequest, origins: list[str]) -> None:
    """Let the forms of the page that answers this request lead to other sites too: browsers hold redirects to it as well."""
    cast("Any", request).csp_form_origins = origins


def policy(nonce: str, form_origins: Iterable[str] = ()) -> str:
    own = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {own}",
            f"style-src {own}",
            "img-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'none'",
            " ".join(["form-action 'self'", *form_origins]),
            "frame-ancestors 'none'",
        ]
    )


@sync_and_async_middleware
def content_security_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Send the policy with every response that does not bring its own."""

    def prepare(request: HttpRequest) -> Nonce:
        nonce = Nonce()
        cast("Any", request).csp_nonce = nonce
        return nonce

    def finish(request: HttpRequest, response: HttpResponseBase, nonce: Nonce) -> HttpResponseBase:
        response.headers.setdefault(HEADER, policy(nonce.value, getattr(request, "csp_form_origins", ())))
        return response

    if iscoroutinefunction(get_response):
        awaitable = cast("Callable[[HttpRequest], Awaitable[HttpResponseBase]]", get_response)

        async def on_async(request: HttpRequest) -> HttpResponseBase:
            nonce = prepare(request)
            return finish(request, await awaitable(request), nonce)

        return on_async

    def on_sync(request: HttpRequest) -> HttpResponseBase:
        nonce = prepare(request)
        return finish(request, get_response(request), nonce)

    return on_sync
