"""Start a stack's processes in order, keep them running, gather their output, stop them in the reverse order.

One thread does everything: it waits for output and for deaths, and asks the caller's question ("is it ready?") in between. So a
child can safely be forked with a `preexec_fn`, and nothing here needs a lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from market.stack.embedded import StackError, tail
from market.stack.leftovers import Record

LOG_LIMIT = 10_000_000
SLOWEST_RESTART = 30.0
STEADY_AFTER = 60.0
PR_SET_PDEATHSIG = 1


def nothing() -> list[str]:
    return []


@dataclass(frozen=True)
class Child:
    """How to run one process of the stack."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[], list[str]] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15.0
    # Whether its output is shown as well as logged, and whether its name stands before each line.
    shown: bool = True
    named: bool = True
    # Whether it ends by itself, so that its end is no reason to start it again.
    once: bool = False


@dataclass
class Running:
    """A started child: its process, its log, and when it is due to be started again."""

    child: Child
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    due: float | None = None
    pending: bytes = b""


class Supervisor:
    """Run children until told to stop. `log_folder` gets one file for each child."""

    def __init__(self, data_dir: Path, *, say: Callable[[str], None], verbose: bool = True) -> None:
        self.data_dir = data_dir
        self.log_folder = data_dir / "log"
        self.log_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.record = Record(data_dir)
        self.say = say
        self.verbose = verbose
        self.running: dict[str, Running] = {}
        self.stop_asked = 0
        self._selector = selectors.DefaultSelector()
        self._logs: dict[str, IO[bytes]] = {}
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    # --- Asking it to stop

    def catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.stop_asked += 1

    # --- Starting

    def start(self, child: Child) -> None:
        for note in child.prepare():
            self.say(f"  {note}")
        self.running[child.name] = Running(child, self._spawn(child), time.monotonic())
        self._remember()

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            child.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **child.environment},
            # Its own session: Ctrl-C reaches only the supervisor, which then stops the children in order.
            start_new_session=True,
            preexec_fn=self._die_with_us(child.stop_signal),
            **child.identity,
        )
        if process.stdout is not None:  # always true with PIPE; this is for the type checker
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, child.name)
        return process

    def _die_with_us(self, number: signal.Signals) -> Callable[[], None] | None:
        """Have Linux stop the child when the supervisor is killed; elsewhere the next start ends it."""
        libc = self._libc
        if libc is None:
            return None
        parent = os.getpid()

        def ask() -> None:
            libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:  # it went before we asked
                os._exit(1)

        return ask

    def _remember(self) -> None:
        self.record.write(one.process.pid for one in self.running.values() if one.process.poll() is None)

    # --- Keeping running

    def tick(self, seconds: float = 0.2) -> None:
        """Collect output for up to this long, then handle children that died."""
        for key, _ in self._selector.select(seconds):
            self._gather(str(key.data), key.fileobj)
        now = time.monotonic()
        for one in self.running.values():
            if one.child.once:
                continue
            if one.due is None and one.process.poll() is not None:
                self._note_death(one, now)
            elif one.due is not None and now >= one.due and not self.stop_asked:
                self._restart(one)

    def _note_death(self, one: Running, now: float) -> None:
        steady = now - one.started > STEADY_AFTER
        one.deaths = 1 if steady else one.deaths + 1
        delay = min(2.0 ** (one.deaths - 1), SLOWEST_RESTART)
        one.due = now + delay
        # What it forked is ended as well, so that the restarted child does not meet it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process.pid, signal.SIGKILL if one.child.name != "postgres" else signal.SIGQUIT)
        ending = describe_exit(one.process.returncode)
        self.say(
            f"{one.child.name} {ending}; starting it again in {delay:.0f} s (see {self.log(one.child.name)})"
        )

    def _restart(self, one: Running) -> None:
        one.child.prepare()
        one.process = self._spawn(one.child)
        one.started = time.monotonic()
        one.due = None
        self._remember()

    def wait_for(self, question: Callable[[], bool], *, what: str, names: list[str], seconds: float) -> None:
        """Tick until the answer is yes. Raise StackError if time is up or one of the named children fails twice."""
        deadline = time.monotonic() + seconds
        while not question():
            self.tick(0.1)
            if self.stop_asked:
                raise Stopped
            for name in names:
                if self.running[name].deaths >= 2:
                    raise StackError(f"{name} keeps stopping while {what}:\n{tail(self.log(name))}")
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{tail(self.log(name), 8)}" for name in names)
                raise StackError(f"No success within {seconds:.0f} s while {what}:\n{logs}")

    def run_once(self, child: Child) -> None:
        """Run a command to its end. Raise StackError with the end of its log if it fails."""
        once = replace(child, once=True)
        self.start(once)
        one = self.running[once.name]
        try:
            while one.process.poll() is None:
                self.tick(0.1)
                if self.stop_asked:
                    self._end(one)
                    raise Stopped
            self._drain(one)
        finally:
            del self.running[once.name]
        if one.process.returncode:
            ending = describe_exit(one.process.returncode)
            raise StackError(f"{child.name} failed ({ending}):\n{tail(self.log(child.name), 40)}")

    # --- Output

    def log(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"

    def _gather(self, name: str, source: Any) -> bool:
        """Move the child's output to its log. Return False at its end."""
        try:
            chunk = os.read(source.fileno(), 65536)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(source)
            source.close()
            return False
        self._append(name, chunk)
        one = self.running.get(name)
        if one is not None and one.child.shown and (self.verbose or not one.child.named):
            *lines, one.pending = (one.pending + chunk).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                self.say(f"{name:<8} | {text}" if one.child.named else text)
        return True

    def _append(self, name: str, chunk: bytes) -> None:
        log = self._logs.get(name)
        if log is not None and log.tell() > LOG_LIMIT:
            log.close()
            self.log(name).replace(self.log(name).with_suffix(".log.1"))
            log = None
        if log is None:
            log = self._logs[name] = self.log(name).open("ab", buffering=0)
        log.write(chunk)

    def _drain(self, one: Running) -> None:
        source = one.process.stdout
        while source is not None and not source.closed and self._gather(one.child.name, source):
            pass

    # --- Stopping

    def stop(self) -> None:
        """Stop all, the last started first. Another signal meanwhile ends the waiting and kills."""
        while self.running:
            name = next(reversed(self.running))
            one = self.running[name]
            if one.process.poll() is None:
                self.say(f"  stopping {name}")
                self._end(one)
            self._drain(one)
            del self.running[name]
        self.record.write([])
        for log in self._logs.values():
            log.close()
        self._logs.clear()

    def _end(self, one: Running) -> None:
        asked = self.stop_asked
        one.process.send_signal(one.child.stop_signal)
        deadline = time.monotonic() + one.child.patience
        while one.process.poll() is None and time.monotonic() < deadline and self.stop_asked <= max(asked, 1):
            for key, _ in self._selector.select(0.05):
                self._gather(str(key.data), key.fileobj)
        # Its process group too: one of its own children may have stayed. A killed postmaster's children end by themselves.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


class Stopped(Exception):
    """The person asked to stop while the stack was starting."""


def describe_exit(code: int | None) -> str:
    if code is None:
        return "runs"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"stopped with code {code}"
