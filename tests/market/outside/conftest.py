"""A world outside of one server: a real one with TLS on this machine, and names that lead to it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from market.outside import fetching, names

PUBLIC = "93.184.215.14"


def page(text: str, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html", *headers, "Connection: close", "", text]
    return "\r\n".join(lines).encode()


@dataclass
class World:
    """What is said outside: records by name and kind, and an answer by host. asked: whom the market connected to."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    answers: dict[str, bytes | Callable[[ssl.SSLSocket], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)

    def has(self, host: str, answer: bytes | Callable[[ssl.SSLSocket], None], address: str = PUBLIC) -> None:
        self.records[host, "A"] = [address]
        self.answers[host] = answer

    def ask(self, name: str, kind: str, *, until: float) -> list[str]:
        self.lookups.append(name)
        return self.records.get((name, kind), [])


def certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "outside")])
    hosts = ["ada.example", "www.ada.example", "other.example"]
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The edge is played: names are looked up in the world's records, and every public address is a server of this machine."""
    outside, context = World(), certificate(tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    asked_for: list[str] = []
    context.sni_callback = lambda _stream, name, _context: asked_for.append(str(name))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(raw, server_side=True) as stream:
                    stream.recv(65536)
                    answer = outside.answers[asked_for[-1]]
                    stream.sendall(answer) if isinstance(answer, bytes) else answer(stream)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def open_socket(address: str, seconds: float) -> socket.socket:
        outside.asked.append(address)
        return socket.create_connection(listener.getsockname(), timeout=seconds)

    monkeypatch.setattr(names, "ask", outside.ask)
    monkeypatch.setattr(fetching, "open_socket", open_socket)
    monkeypatch.setattr(
        fetching, "tls_context", lambda: ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    )
    yield outside
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)
