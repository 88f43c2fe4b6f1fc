"""The supervisor, on small real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from market.configuration import ROOT
from market.stack.embedded import StackError
from market.stack.leftovers import MARK, Record, end
from market.stack.supervisor import Child, Supervisor, describe_exit

PATIENT = 30.0


def python(source: str) -> list[str]:
    return [sys.executable, "-u", "-c", source]


SLEEP = python("import time; print('up'); time.sleep(60)")
STUBBORN = python(
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path, say=said.append)
    yield one
    one.stop()


def until(supervisor: Supervisor, text: str, said: list[str]) -> None:
    deadline = time.monotonic() + PATIENT
    while not any(text in line for line in said):
        assert time.monotonic() < deadline, said
        supervisor.tick(0.05)


def test_output_is_shown_with_the_name_and_kept_in_a_log(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start(Child("greeter", python("import time; print('hello'); time.sleep(60)")))

    until(supervisor, "greeter  | hello", said)

    assert supervisor.log("greeter").read_text() == "hello\n"


def test_a_child_that_dies_is_started_again_later_each_time(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start(Child("fragile", python("print('up'); raise SystemExit(3)")))

    until(supervisor, "fragile stopped with code 3; starting it again in 1 s", said)
    until(supervisor, "fragile stopped with code 3; starting it again in 2 s", said)

    assert supervisor.log("fragile").read_text() == "up\nup\n"


def test_a_killed_child_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start(Child("child", SLEEP))
    until(supervisor, "up", said)
    first = supervisor.running["child"].process.pid

    os.kill(first, signal.SIGKILL)
    until(supervisor, "child was ended by SIGKILL", said)
    said.clear()
    until(supervisor, "up", said)

    assert supervisor.running["child"].process.pid != first


def test_waiting_for_a_child_that_keeps_stopping_fails_with_its_log(supervisor: Supervisor) -> None:
    supervisor.start(Child("broken", python("raise SystemExit('no such table')")))

    with pytest.raises(StackError, match="no such table"):
        supervisor.wait_for(lambda: False, what="starting", names=["broken"], seconds=PATIENT)


def test_children_stop_the_last_started_first(supervisor: Supervisor, said: list[str]) -> None:
    for name in ("database", "worker", "web"):
        supervisor.start(Child(name, SLEEP))

    supervisor.stop()

    stops = [line.split()[-1] for line in said if "stopping" in line]
    assert stops == ["web", "worker", "database"]
    assert not supervisor.running


def test_a_child_that_does_not_stop_is_killed_with_what_it_started(
    supervisor: Supervisor, said: list[str]
) -> None:
    source = f"import subprocess, sys; subprocess.Popen({STUBBORN!r}); exec({STUBBORN[-1]!r})"
    supervisor.start(Child("stubborn", python(source), patience=0.5))
    until(supervisor, "up", said)
    family = psutil.Process(supervisor.running["stubborn"].process.pid).children() or []

    supervisor.stop()

    _, alive = psutil.wait_procs(family, timeout=PATIENT)
    assert not alive


def test_a_command_that_fails_is_told_with_its_output(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match=r"migrate failed \(stopped with code 1\):\n.*relation is missing"):
        supervisor.run_once(Child("migrate", python("raise SystemExit('relation is missing')")))


def test_a_command_that_ends_well_is_not_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.run_once(Child("prepare", python("print('done')")))

    assert "prepare  | done" in said
    assert not supervisor.running


def test_children_of_a_killed_supervisor_are_found_and_ended_by_the_next_start(tmp_path: Path) -> None:
    source = f"""
import time
from pathlib import Path
from market.stack.supervisor import Child, Supervisor
one = Supervisor(Path({str(tmp_path)!r}), say=lambda line: print(line, flush=True))
one._libc = None  # as on systems where children are not told of the supervisor's death
one.start(Child("left", {SLEEP!r}, {{{MARK!r}: {str(tmp_path)!r}}}))
while True:
    one.tick()
"""
    supervisor = subprocess.Popen(python(source), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    assert "up" in supervisor.stdout.readline()
    supervisor.kill()
    supervisor.wait()

    left = Record(tmp_path).alive()
    assert len(left) == 1

    assert end(left) == 1
    assert not Record(tmp_path).alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_of_a_killed_supervisor_stop_by_themselves_on_linux(tmp_path: Path) -> None:
    source = f"""
from pathlib import Path
from market.stack.supervisor import Child, Supervisor
one = Supervisor(Path({str(tmp_path)!r}), say=lambda line: print(line, flush=True))
one.start(Child("left", {SLEEP!r}))
while True:
    one.tick()
"""
    supervisor = subprocess.Popen(python(source), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    assert "up" in supervisor.stdout.readline()
    (child,) = psutil.Process(supervisor.pid).children()
    supervisor.kill()
    supervisor.wait()

    _, alive = psutil.wait_procs([child], timeout=PATIENT)

    assert not alive


def test_a_process_that_got_a_recorded_pid_later_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL)
    try:
        record = Record(tmp_path)
        record.write([stranger.pid])
        text = record.path.read_text()
        started = psutil.Process(stranger.pid).create_time()
        record.path.write_text(text.replace(repr(started), repr(started - 3600)))

        assert record.alive() == []
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize(
    ("code", "words"), [(0, "stopped with code 0"), (-9, "was ended by SIGKILL"), (None, "runs")]
)
def test_the_end_of_a_child_is_put_in_words(code: int | None, words: str) -> None:
    assert describe_exit(code) == words
