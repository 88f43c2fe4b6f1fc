"""The whole stack as ./run starts it: stopped in order, killed, started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from market import configuration, services
from market.configuration import ROOT
from market.demo.running import free_port
from market.stack.embedded import Postgres
from market.stack.leftovers import Record

# A start takes seconds; how many depends on what else the machine does.
PATIENT = 900


class Stack:
    """A market of its own, started as ./run does it."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir, self.port = data_dir, port
        self.process: subprocess.Popen[str] | None = None

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in configuration.BY_NAME}
        return {
            **kept, "DATA_DIR": str(self.data_dir), "PORT": str(self.port), "WORKERS": "1", "DEVICE": "cpu",
        }  # fmt: skip

    def command(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "market.stack"],
            cwd=ROOT, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def verified(self) -> str:
        """What `verify_ledger` says of the money in there; it must run."""
        return subprocess.run(
            [sys.executable, "manage.py", "verify_ledger"],
            cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    def start(self) -> list[str]:
        """Start it and return what it said until it was ready."""
        self.process = self.command()
        said: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said.append(line.rstrip())
            if line.startswith("The market is ready"):
                return said
        raise AssertionError("it ended before it was ready:\n" + "\n".join(said))

    def readyz(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=30) as answer:
            return bool(json.load(answer)["ok"])

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def worker(self) -> psutil.Process | None:
        """Return the worker that the supervisor started; what it forked looks the same, but is not its child."""
        assert self.process is not None
        for one in psutil.Process(self.process.pid).children():
            try:
                if "worker1@%h" in one.cmdline():
                    return one
            except psutil.Error:
                continue
        return None

    def kill_everything(self) -> None:
        assert self.process is not None
        family = self.family()
        self.process.kill()
        for one in family:
            # What served a process that was killed a moment ago may have ended by itself.
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=PATIENT)
        self.process.wait(PATIENT)

    def postgres(self) -> Postgres:
        return Postgres(self.data_dir / "postgres", services.postgres_socket_folder(self.data_dir))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    one = Stack(tmp_path_factory.mktemp("stack"), free_port())
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.send_signal(signal.SIGTERM)
        one.process.communicate(timeout=PATIENT)


@pytest.mark.slow
def test_a_market_survives_being_killed_and_stops_in_order_when_asked(stack: Stack) -> None:
    first = stack.start()
    assert stack.readyz()
    assert any("artist@example.org" in line for line in _rest(stack, until="Ctrl-C stops everything"))
    assert any("demo on the first start" in line for line in first)

    # A second start in the same directory says which one runs, and does it no harm.
    second = stack.command()
    said, _ = second.communicate(timeout=PATIENT)
    assert second.returncode == 1
    assert stack.process is not None
    assert f"A market already runs in {stack.data_dir}: pid {stack.process.pid}, " in said
    assert f"http://127.0.0.1:{stack.port}." in said
    assert stack.readyz()

    # Every process at once, without a chance to clean up.
    stack.kill_everything()
    again = stack.start()
    assert stack.readyz()
    assert not any("keeps stopping" in line for line in again)
    assert "The ledger verifies." in stack.verified()

    # The supervisor alone: what it ran has to go too, or be ended by the next start.
    family = stack.family()
    stack.process.kill()
    stack.process.wait(PATIENT)
    stack.start()
    assert stack.readyz()
    _, alive = psutil.wait_procs(family, timeout=0)
    assert not alive

    # One part alone comes back by itself.
    killed = stack.worker()
    assert killed is not None
    killed.kill()
    _wait(lambda: stack.worker() not in {None, killed})
    assert "The ledger verifies." in stack.verified()

    stack.process.send_signal(signal.SIGTERM)
    rest, _ = stack.process.communicate(timeout=PATIENT)
    assert stack.process.returncode == 0
    stops = [line.split()[-1] for line in rest.splitlines() if line.startswith("  stopping ")]
    assert stops == ["web", "sweeper", "worker1", "valkey", "postgres"]
    assert not Record(stack.data_dir).alive()
    assert stack.postgres().running_pid() is None
    log = (stack.data_dir / "log" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def _rest(stack: Stack, *, until: str) -> list[str]:
    assert stack.process is not None
    assert stack.process.stdout is not None
    lines = []
    for line in stack.process.stdout:
        lines.append(line)
        if until in line:
            break
    return lines


def _wait(question: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENT
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.3)
