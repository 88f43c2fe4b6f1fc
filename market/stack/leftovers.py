"""Remember the processes of a stack, and end those that outlived a killed stack."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

# Every Python process of a stack has its data directory in this variable, and so do the processes it forks.
MARK = "MARKET_STACK"

# psutil's start time may differ by a tick between two readings.
SAME_START = 0.5


class Record:
    """The pids of a stack's children with their start times: a later process may have the same pid."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.path = data_dir / "processes.json"

    def write(self, pids: Iterable[int]) -> None:
        known = []
        for pid in pids:
            try:
                known.append([pid, psutil.Process(pid).create_time()])
            except psutil.Error:
                continue
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(known))
        draft.replace(self.path)

    def alive(self) -> list[psutil.Process]:
        """Return the recorded processes that still run, with their descendants, and every process with our mark."""
        found: dict[int, psutil.Process] = {}
        for process in [*self._recorded(), *marked(self.data_dir)]:
            try:
                for one in [process, *process.children(recursive=True)]:
                    found[one.pid] = one
            except psutil.Error:
                continue
        found.pop(os.getpid(), None)
        return list(found.values())

    def _recorded(self) -> list[psutil.Process]:
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return []
        processes = []
        for pid, started in known:
            try:
                process = psutil.Process(pid)
                if abs(process.create_time() - started) < SAME_START:
                    processes.append(process)
            except psutil.Error:
                continue
        return processes


def marked(data_dir: Path) -> list[psutil.Process]:
    """Return the other processes of ours whose environment carries the mark of this data directory."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    processes = []
    for process in psutil.process_iter():
        try:
            if process.pid not in own and process.environ().get(MARK) == str(data_dir):
                processes.append(process)
        except (psutil.Error, OSError):
            continue
    return processes


def end(processes: list[psutil.Process], *, patience: float = 15) -> int:
    """Stop the processes, if needed by force. Return how many there were."""
    for process in processes:
        try:
            # PostgreSQL takes SIGTERM as "when the last client has left".
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
        except psutil.Error:
            continue
    _, stubborn = psutil.wait_procs(processes, timeout=patience)
    for process in stubborn:
        try:
            # SIGQUIT has PostgreSQL go at once and take its children along; SIGKILL would leave them.
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGKILL)
        except psutil.Error:
            continue
    psutil.wait_procs(stubborn, timeout=10)
    return len(processes)
