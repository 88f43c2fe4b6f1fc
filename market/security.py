"""What browsers must refuse: other hosts' files, inline scripts, devices, embedding, and caching pages about money."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "Content-Security-Policy"
# No page uses any of these.
DEVICES = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
OTHERS = {
    "Permissions-Policy": ", ".join(f"{device}=()" for device in DEVICES),
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Apps whose pages must not stay in the browser of a shared computer.
ABOUT_MONEY = {"accounts", "payments", "reports"}


class Nonce:
    """A page's nonce, made when a template first prints it as {{ request.csp_nonce }}."""

    value = ""

    def __str__(self) -> str:
        self.value = self.value or secrets.token_urlsafe(16)
        return self.value


def allow_forms_to(request: HttpRequest, origins: list[str]) -> None:
    """Let the forms of this request's page also lead to other sites: browsers apply the form rule to redirects, too."""
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
def security_headers(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Send these headers with every response that does not bring its own."""

    def prepare(request: HttpRequest) -> Nonce:
        nonce = Nonce()
        cast("Any", request).csp_nonce = nonce
        return nonce

    def finish(request: HttpRequest, response: HttpResponseBase, nonce: Nonce) -> HttpResponseBase:
        response.headers.setdefault(HEADER, policy(nonce.value, getattr(request, "csp_form_origins", ())))
        for name, value in OTHERS.items():
            response.headers.setdefault(name, value)
        match = request.resolver_match
        if match is not None and match.app_name in ABOUT_MONEY:
            response.headers.setdefault("Cache-Control", "private, no-store")
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
