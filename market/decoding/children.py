"""The child processes that read strangers' files.

There are few at once, each reads many files, and one that exceeds its bounds is ended.
"""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import IO, Any, cast

from django.conf import settings
from django.db import connection

from market.configuration import ROOT
from market.decoding.messages import Ended, receive, send
from market.refusals import Reason, Refused, invalid

log = logging.getLogger(__name__)

INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")
"""The only environment variables that a child gets: it must not see keys and addresses."""
FILES_EACH = 100
"""After so many files a child is replaced by a new one, which also frees memory that a library leaked."""
OWN_MEMORY = 500_000_000
"""Bytes that a child needs for itself, with the libraries it loads."""
MEMORY_A_PIXEL = 32
"""The most bytes that a picture needs while it is read and encoded anew."""
EXCEEDED = "The file takes more memory or time to read than any file may. Save it anew with another program, or smaller."
FAILED = "The file is damaged or of a rare kind: it cannot be read. Save it anew with another program."


class Exceeded(Exception):
    """A child ended, or was ended, before it answered."""


@dataclass(frozen=True)
class Bounds:
    """Bounds for reading one file: seconds of the processor, seconds in all, and bytes of the answer."""

    seconds: int
    patience: int
    most: int


class Child:
    """One process."""

    def __init__(self, memory: int) -> None:
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        # Their threads would take more memory than the pictures.
        alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "market.decoding.child", str(memory)],
            cwd=ROOT,
            env=kept | alone,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._asked = cast("IO[bytes]", self.process.stdin)
        self._answers = cast("IO[bytes]", self.process.stdout)
        self.read = 0

    @property
    def is_spent(self) -> bool:
        return self.read >= FILES_EACH or self.process.poll() is not None

    def ask(self, said: dict[str, Any], data: bytes, bounds: Bounds) -> tuple[dict[str, Any], list[bytes]]:
        """Have a file read. Raises Exceeded if no answer came in time; the caller then ends the child."""
        self.read += 1
        watch = threading.Timer(bounds.patience, self.process.kill)
        watch.daemon = True
        watch.start()
        try:
            send(self._asked, said | {"seconds": bounds.seconds}, [data])
            return receive(self._answers, most=bounds.most)
        except (Ended, OSError) as error:
            raise Exceeded(str(error)) from error
        finally:
            watch.cancel()

    def end(self) -> None:
        self.process.kill()
        for stream in (self._asked, self._answers):
            with suppress(OSError):  # what was not sent yet, and nobody will read
                stream.close()
        self.process.wait()


class Children:
    """At most so many children at once. A caller who finds all busy waits for one."""

    def __init__(self, count: int, memory: int) -> None:
        self._memory = memory
        self._free = threading.BoundedSemaphore(count)
        self._idle: list[Child] = []
        self._lock = threading.Lock()

    def read(
        self, reader: str, data: bytes, options: dict[str, Any], bounds: Bounds
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Have `module:function` read a file, as `child.Read` says. Raises Refused: by the function, or beyond the bounds."""
        with self._free:
            child = self._take()
            try:
                answer, parts = child.ask({"read": reader, "options": options}, data, bounds)
            except Exceeded as why:
                child.end()
                log.warning("a child that read a stranger's file ended: %s", why)
                raise invalid(EXCEEDED) from None
            except BaseException:
                child.end()
                raise
            if child.is_spent or "exceeded" in answer:
                child.end()
            else:
                with self._lock:
                    self._idle.append(child)
        return _found(answer), parts

    def close(self) -> None:
        """End the idle children."""
        while child := self._pop():
            child.end()

    def _take(self) -> Child:
        while child := self._pop():
            if not child.is_spent:
                return child
            child.end()
        return Child(self._memory)

    def _pop(self) -> Child | None:
        with self._lock:
            return self._idle.pop() if self._idle else None


def _found(answer: dict[str, Any]) -> dict[str, Any]:
    if "found" in answer:
        return dict(answer["found"])
    if "refused" in answer:
        reasons = [Reason(str(each["text"]), str(each["field"])) for each in answer["refused"]]
        raise Refused(*reasons, status=HTTPStatus(answer["status"]))
    if "exceeded" in answer:
        raise invalid(EXCEEDED)
    log.warning("a stranger's file could not be read: %r", answer.get("failed"))
    raise invalid(FAILED)


@cache
def children() -> Children:
    """Give this process's children. They start when there is something to read, and end with the process."""
    made = Children(settings.UPLOADS.readers, OWN_MEMORY + MEMORY_A_PIXEL * settings.UPLOADS.work_pixels)
    atexit.register(made.close)
    return made


def let_go_of_the_database() -> None:
    """Give the database connection back while something long runs.

    The next query takes one again. Within a transaction it stays.
    """
    if not connection.in_atomic_block:
        connection.close()


def read_apart(
    reader: Callable[..., object], data: bytes, options: dict[str, Any], bounds: Bounds
) -> tuple[dict[str, Any], list[bytes]]:
    """Have a function read a file in a child. Meanwhile this thread waits without a database connection. Raises Refused."""
    let_go_of_the_database()
    return children().read(f"{reader.__module__}:{reader.__qualname__}", data, options, bounds)
