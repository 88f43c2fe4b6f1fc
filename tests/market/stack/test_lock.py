from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from market.configuration import ROOT
from market.stack.lock import AlreadyRunning, StackLock

HOLD = """
import sys, time
from pathlib import Path
from market.stack.lock import StackLock
lock = StackLock(Path(sys.argv[1]))
lock.acquire("http://127.0.0.1:8123")
print("held", flush=True)
time.sleep(60)
"""


def holder(data_dir: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_start_in_the_same_directory_is_told_which_one_runs(tmp_path: Path) -> None:
    other = holder(tmp_path)
    try:
        with pytest.raises(AlreadyRunning) as refused:
            StackLock(tmp_path).acquire("http://127.0.0.1:9999")
    finally:
        other.kill()
        other.wait()

    assert (
        str(refused.value) == f"A market already runs in {tmp_path}: pid {other.pid}, http://127.0.0.1:8123."
    )


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    other = holder(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.wait()

    lock = StackLock(tmp_path)
    lock.acquire("http://127.0.0.1:8000")

    known = lock.holder()
    assert known is not None
    assert (known.pid, known.address) == (os.getpid(), "http://127.0.0.1:8000")
    lock.release()


def test_a_released_lock_can_be_taken_again_and_names_nobody(tmp_path: Path) -> None:
    first = StackLock(tmp_path)
    first.acquire("http://127.0.0.1:8000")
    first.release()
    assert first.holder() is None

    second = StackLock(tmp_path)
    second.acquire("http://127.0.0.1:8001")
    second.release()


def test_two_data_directories_do_not_know_of_each_other(tmp_path: Path) -> None:
    locks = [StackLock(tmp_path / name) for name in ("one", "two")]
    for lock in locks:
        lock.acquire("http://127.0.0.1:8000")
    for lock in locks:
        lock.release()
