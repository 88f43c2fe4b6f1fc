"""One stack per data directory: a lock that the kernel releases, however its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Holder:
    """The stack that holds the lock."""

    pid: int
    address: str


class AlreadyRunning(Exception):
    """Say which stack runs on this data directory."""

    def __init__(self, data_dir: Path, holder: Holder | None) -> None:
        self.holder = holder
        who = f"pid {holder.pid}, {holder.address}" if holder else "just starting"
        super().__init__(f"A market already runs in {data_dir}: {who}.")


class StackLock:
    """Hold the lock of a data directory from `acquire` until `release` or the end of the process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.path = data_dir / "stack.lock"
        self._file: IO[str] | None = None

    def acquire(self, address: str) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = self.path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunning(self.data_dir, self.holder()) from None
        # The file stays when the lock goes: removing it would let two processes lock two files of one name.
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "address": address}))
        lock.flush()
        self._file = lock

    def holder(self) -> Holder | None:
        try:
            known = json.loads(self.path.read_text())
            return Holder(int(known["pid"]), str(known["address"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def release(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None
