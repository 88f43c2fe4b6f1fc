"""Debian's chromium, driven by playwright; nothing is downloaded."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

DEFAULT = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    return os.environ.get("CHROMIUM") or DEFAULT


def missing() -> str:
    """Say why there is no browser, or nothing when there is one."""
    path = executable()
    if Path(path).is_file() and os.access(path, os.X_OK):
        return ""
    return f"no browser at {path}: install Debian's chromium, or name one in the CHROMIUM variable"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own, made for this run and removed after it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
