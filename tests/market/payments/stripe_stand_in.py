"""A stand-in for Stripe at the edge of HTTP: it plays exchanges of recorded/, in order, and notes what differed from them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe
from django.conf import settings

RECORDED = Path(__file__).parent / "recorded"
SECRET_KEY, WEBHOOK_SECRET = "sk_test_of_the_stand_in", "whsec_of_the_stand_in"


def filled(path: str, **values: object) -> str:
    """Return a recorded file's text with its placeholders filled in."""
    text = (RECORDED / path).read_text()
    for name, value in {"n": "a1B2c3", "public": settings.PUBLIC_URL, **values}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def signed(body: str, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> str:
    """Return the signature header that Stripe would send with a webhook."""
    return str(stripe.WebhookSignature.generate_signature_header(body, secret, at))


class StripeStandIn:
    """Plays what `play` queued. `differences` has what a request lacked; `requests` all that came, as method and path."""

    def __init__(self) -> None:
        self.exchanges: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.differences: list[str] = []
        self.closing = threading.Event()

    def play(self, name: str, **values: object) -> None:
        self.exchanges += json.loads(filled(f"exchanges/{name}.json", **values))

    def answer(self, method: str, target: str, headers: Any, body: str) -> dict[str, Any]:
        path, query = urlsplit(target).path, urlsplit(target).query
        self.requests.append(f"{method} {path}")
        if not self.exchanges:
            self.differences.append(f"nothing was to be played for {method} {target}")
            return {"status": 500, "body": {"error": {"type": "api_error", "message": "nothing to play"}}}
        exchange = self.exchanges.pop(0)
        expected, sent = exchange["request"], dict(parse_qsl(body or query, keep_blank_values=True))
        found = {
            "method": method,
            "path": path,
            "idempotency_key": headers.get("Idempotency-Key"),
            "authorization": headers.get("Authorization"),
        }
        for name, value in {"authorization": f"Bearer {SECRET_KEY}", **expected}.items():
            got = {key: sent.get(key) for key in value} if name == "sent" else found[name]
            if got != value:
                self.differences.append(f"{name}: expected {value}, found {got}")
        answer: dict[str, Any] = exchange["response"]
        return answer


@contextmanager
def running() -> Iterator[tuple[StripeStandIn, str]]:
    """Serve a stand-in on a free port; yield it and its address."""
    stand_in = StripeStandIn()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            answer = stand_in.answer(self.command, self.path, self.headers, body)
            if answer.get("never"):
                stand_in.closing.wait(30)
                return
            content = json.dumps(answer["body"]).encode()
            self.send_response(answer["status"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Request-Id", "req_of_the_stand_in")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond  # noqa: N815  # the names that the server calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that it overrides
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stand_in, f"http://127.0.0.1:{server.server_port}"
    finally:
        stand_in.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
