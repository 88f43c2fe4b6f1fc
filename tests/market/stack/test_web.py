"""The web server as containers and `./run` start it, against requests that no browser makes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from market import configuration
from market.configuration import ROOT
from market.stack.serve import web
from tests.browser.chromium import free_port

PATIENCE = 120


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a web server that runs."""
    config = configuration.load({"DATA_DIR": str(tmp_path), "PORT": str(free_port())})
    child = web(config, {"DATA_DIR": str(tmp_path)})
    process = subprocess.Popen(
        child.command, cwd=ROOT, env={**os.environ, **child.environment}, start_new_session=True
    )
    try:
        yield config.number("PORT")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answer(port: int, request: bytes) -> bytes:
    """Send bytes, and give the first line that comes back."""
    for _ in range(PATIENCE * 5):
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            break
        except ConnectionRefusedError:
            time.sleep(0.2)
    with connection:
        try:
            connection.sendall(request)
            return connection.recv(65536).split(b"\r\n")[0]
        except ConnectionError:
            return b"closed"


@pytest.mark.slow
def test_headers_of_any_length_are_not_taken(port: int) -> None:
    plain = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"

    assert b" 200 " in answer(port, plain + b"\r\n")
    assert b" 200 " in answer(port, plain + b"X-Long: " + b"a" * 16_000 + b"\r\n\r\n")
    for long in (b"X-Long: " + b"a" * 1_000_000, b"\r\n".join(b"X-%d: a" % i for i in range(100_000))):
        said = answer(port, plain + long + b"\r\n\r\n")
        assert said == b"closed" or b" 400 " in said or b" 431 " in said
    assert b" 200 " in answer(port, plain + b"\r\n")
