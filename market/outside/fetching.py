"""Read a page of a domain that somebody named: https only, public addresses only, little, soon, and nowhere else.

The host is looked up once, every address of it has to be public, and the connection goes to one of these: a second look-up cannot
lead elsewhere. Redirects are followed within the domain, each judged anew.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from market.outside.names import Unreachable, public_addresses

MOST_BYTES = 256 * 1024
"""A page is read this far."""
MOST_REDIRECTS = 3
PORT = 443
_MOVED = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}


def front_page(domain: str, *, until: float) -> str:
    """Give the text of https://DOMAIN/. `until` is a moment of `time.monotonic`. Raises Unreachable."""
    address = f"https://{domain}/"
    for _ in range(MOST_REDIRECTS + 1):
        found, to = _read(address, until=until)
        if not to:
            return found
        address = within(domain, address, to)
    raise Unreachable(f"{domain} redirects more than {MOST_REDIRECTS} times.")


def within(domain: str, base: str, to: str) -> str:
    """Give the whole address to which a redirect leads. Raises Unreachable if it is not one within the domain."""
    try:
        address = urljoin(base, to)
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port or PORT
    except ValueError as error:
        raise Unreachable(f"{domain} redirects to an address that is none.") from error
    if parts.scheme != "https" or port != PORT or parts.username is not None:
        raise Unreachable(f"{domain} redirects to an address that is not plain https.")
    if host != domain and not host.endswith(f".{domain}"):
        raise Unreachable(f"{domain} redirects to another domain.")
    return address


def _read(address: str, *, until: float) -> tuple[str, str]:
    """Give the text at an address, or where it redirects to."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        with _stream(host, public_addresses(host, until=until), until) as stream:
            # However slowly it answers, from the handshake on, it is cut off in time.
            guard = threading.Timer(max(0.0, until - time.monotonic()), _cut, [stream])
            guard.daemon = True
            guard.start()
            try:
                stream.do_handshake()
                found = _answer(host, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", stream)
            finally:
                guard.cancel()
            # What was cut off may look like a whole page.
            if time.monotonic() >= until:
                raise Unreachable(f"https://{host}/ took too long to answer.")
            return found
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(f"https://{host}/ gave no answer that could be read.") from error


def _answer(host: str, path: str, stream: ssl.SSLSocket) -> tuple[str, str]:
    connection = http.client.HTTPSConnection(host)
    connection.sock = stream
    connection.request(
        "GET", path, headers={"User-Agent": "copyright-plug-in-market", "Accept": "text/html", "Connection": "close"}
    )  # fmt: skip
    answer = connection.getresponse()
    if answer.status in _MOVED:
        return "", answer.getheader("Location") or "none:"
    if answer.status != HTTPStatus.OK:
        raise Unreachable(f"https://{host}/ answered with {answer.status}.")
    return answer.read(MOST_BYTES).decode(errors="replace"), ""


def _stream(host: str, addresses: list[str], until: float) -> ssl.SSLSocket:
    raw = open_socket(addresses[0], max(0.1, until - time.monotonic()))
    try:
        return tls_context().wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        raw.close()
        raise


def open_socket(address: str, seconds: float) -> socket.socket:
    """Connect to an address that was judged."""
    return socket.create_connection((address, PORT), timeout=seconds)


def tls_context() -> ssl.SSLContext:
    """Trust whom the machine trusts."""
    return ssl.create_default_context()


def _cut(stream: ssl.SSLSocket) -> None:
    try:
        socket.socket.shutdown(stream, socket.SHUT_RDWR)
    except OSError:
        return
