"""What runs in a child: it reads one file after the other, within bounds that it cannot raise, and answers what it found.

It has no database, no settings and no secrets. From the market it imports only what reads a kind of file. `python -m
market.decoding.child BYTES` allows it that many bytes of memory.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from market.decoding.messages import Ended, receive, send
from market.refusals import Refused

Read = Callable[[bytes, dict[str, Any]], tuple[dict[str, Any], Sequence[bytes]]]
"""A function that reads a file: it takes bytes and options, and gives its findings as JSON and as bytes. It may refuse the file."""

MOST = 1 << 31
"""The most bytes of a file. The sender bounds what it sends."""
NICENESS = 5
"""Pages have priority, since people wait for them. Even beside a training this still makes progress."""


def bind(memory: int) -> None:
    """Give up, for good, the rights that reading a file does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)


def allow(seconds: int) -> None:
    """Allow so many more seconds of processor time. After them the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, most))


def read(said: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Read one file as it was asked for, and answer what was found, or why not."""
    module, _, name = str(said["read"]).partition(":")
    reader: Read = getattr(import_module(module), name)
    allow(int(said["seconds"]))
    try:
        found, parts = reader(data, said["options"])
    except Refused as refusal:
        reasons = [{"text": each.text, "field": each.field} for each in refusal.reasons]
        return {"refused": reasons, "status": int(refusal.status)}, ()
    except MemoryError:
        return {"exceeded": "memory"}, ()
    except Exception as error:  # noqa: BLE001  # a decoder fed hostile bytes raises almost anything
        return {"failed": repr(error)[:2000]}, ()
    return {"found": found}, parts


def main() -> None:
    bind(int(sys.argv[1]))
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not be taken for a message.
    os.dup2(2, 1)
    while True:
        try:
            said, (data,) = receive(asked, most=MOST)
        except Ended:
            return
        answer, parts = read(said, data)
        send(answers, answer, parts)


if __name__ == "__main__":
    main()
