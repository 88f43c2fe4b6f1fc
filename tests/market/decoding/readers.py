"""Readers of files that go wrong, each in its own way. They run in children."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

Found = tuple[dict[str, Any], tuple[bytes, ...]]


def counts(data: bytes, options: dict[str, Any]) -> Found:
    """Read a file as it should be read."""
    return {"bytes": len(data), "process": os.getpid(), **options}, (data[::-1],)


def takes_memory(data: bytes, options: dict[str, Any]) -> Found:
    return {"bytes": len(bytearray(options["bytes"]))}, ()


def takes_time(data: bytes, options: dict[str, Any]) -> Found:
    while True:
        pass


def waits(data: bytes, options: dict[str, Any]) -> Found:
    begun = time.monotonic()
    time.sleep(options["seconds"])
    return {"begun": begun, "ended": time.monotonic()}, ()


def dies(data: bytes, options: dict[str, Any]) -> Found:
    os._exit(1)


def trips(data: bytes, options: dict[str, Any]) -> Found:
    raise ZeroDivisionError("as a decoder may")


def says_much(data: bytes, options: dict[str, Any]) -> Found:
    return {}, (bytes(options["bytes"]),)


def prints(data: bytes, options: dict[str, Any]) -> Found:
    print("a library that prints", flush=True)
    return {"printed": True}, ()


def writes(data: bytes, options: dict[str, Any]) -> Found:
    Path(options["path"]).write_bytes(data)
    return {}, ()


def looks_around(data: bytes, options: dict[str, Any]) -> Found:
    """Say what a reader has beside its file."""
    links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return {
        "environment": sorted(os.environ),
        "modules": sorted(sys.modules),
        "files": [each for each in links if not each.startswith("/dev/null")],
        "memory": resource.getrlimit(resource.RLIMIT_AS),
    }, ()
