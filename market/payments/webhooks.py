"""The endpoint to which gateways report payments. The signature is checked first, and every report may come again."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from market.payments.gateways.offline import OfflineGateway
from market.payments.gateways.protocol import (
    BadMessage,
    BadSignature,
    GatewayDown,
    GatewayRefused,
    GatewayUnavailable,
    PaymentError,
    PaymentMismatch,
    UnknownPayment,
)
from market.payments.gateways.registry import gateway_named
from market.payments.top_ups import receive

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024

STATUSES: dict[type[PaymentError], int] = {
    BadSignature: 400,
    BadMessage: 422,
    UnknownPayment: 404,
    PaymentMismatch: 409,
    GatewayUnavailable: 404,
    GatewayDown: 503,
    GatewayRefused: 502,
}


def handle(gateway_name: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Act on one message; return the HTTP status and the answer."""
    try:
        gateway = gateway_named(gateway_name)
        event = gateway.read(body, headers)
        if event is None:
            # Not an error: then the gateway would send it again for days.
            return 200, {"ignored": "The market does nothing about messages of this kind."}
        top_up = receive(gateway, event)
    except PaymentError as error:
        log.warning("A webhook of %s was refused: %s", gateway_name, error)
        return STATUSES[type(error)], {"error": type(error).__name__, "message": str(error)}
    return 200, {"top_up": str(top_up.pk), "state": top_up.state}


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, gateway: str) -> JsonResponse:
    """Take a gateway's message. Its signature replaces the CSRF token."""
    try:
        body = request.body
    except RequestDataTooBig:
        body = None
    if body is None or len(body) > LARGEST_BODY:
        return JsonResponse({"error": "TooLarge", "message": f"At most {LARGEST_BODY} bytes."}, status=413)
    status, answer = handle(gateway, body, request.headers)
    return JsonResponse(answer, status=status)


def send_to_market(body: bytes, headers: Mapping[str, str]) -> int:
    """Pass a webhook from the test gateway to the market. They are one program, so no network is between them."""
    status, _ = handle(OfflineGateway.name, body, headers)
    return status
