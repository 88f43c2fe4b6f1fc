"""Make .venv and install locked packages into it when a lock changed. Runs on any Python 3.11+, without packages.

Called by ./run and ./test as: python3 market/stack/bootstrap.py packages.txt [...], with names of locks/. Torch comes along: its CPU
build where pip finds one that the lock knows, and else what is on PyPI. Each file that is installed has a hash in the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
LOCKS = ROOT / "locks"
TORCH = {"CPU": "torch-cpu.txt", "CUDA": "torch-cuda.txt"}


def digest(lock: Path) -> str:
    parts = [lock, *(LOCKS / name for name in TORCH.values())]
    return hashlib.sha256(
        f"{sys.version_info[:2]}\n".encode() + b"".join(p.read_bytes() for p in parts)
    ).hexdigest()


def installed() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def works() -> bool:
    """Whether .venv has a Python that runs, and a pip: an interrupted creation lacks them."""
    if not PYTHON.exists():
        return False
    tried = subprocess.run([str(PYTHON), "-c", "import pip"], check=False, capture_output=True)
    return tried.returncode == 0


def main(names: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036, this file is what an older Python gets to see
        print(
            f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}.", file=sys.stderr
        )
        return 1
    wanted = {name: digest(LOCKS / name) for name in names}
    if PYTHON.exists() and wanted.items() <= installed().items():
        return 0
    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another ./run or ./test is installing packages; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return install(wanted)


def install(wanted: dict[str, str]) -> int:
    if not works():
        print(f"Making {VENV}", flush=True)
        if VENV.exists():
            shutil.rmtree(VENV)
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
        if made.returncode:
            print("python -m venv failed. On Debian: apt install python3-venv.", file=sys.stderr)
            return 1
    build = build_of_torch()
    for name, value in wanted.items():
        done = installed()
        if done.get(name) == value:
            continue
        print(f"Installing locks/{name} and torch for {build} (once, and again when it changes)", flush=True)
        started = time.monotonic()
        if pip("install", "-r", str(LOCKS / name), "-r", str(LOCKS / TORCH[build])).returncode:
            print(f"Installing locks/{name} failed; what pip said is above.", file=sys.stderr)
            return 1
        STAMP.write_text(json.dumps({**done, name: value}))
        print(f"Installed locks/{name} in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def build_of_torch() -> str:
    """Choose the CPU build where pip is led to one whose hash the lock has, by its own settings; PyPI has none."""
    there = pip("install", "--dry-run", "--quiet", "-r", str(LOCKS / TORCH["CPU"]), stderr=subprocess.DEVNULL)
    return "CUDA" if there.returncode else "CPU"


def pip(command: str, *arguments: str, stderr: int | None = None) -> subprocess.CompletedProcess[bytes]:
    """Let pip take only files that a lock has the hash of. A lock is complete, so nothing is looked for that it does not name."""
    checked = ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
    return subprocess.run(
        [str(PYTHON), "-m", "pip", command, *checked, *arguments], check=False, stderr=stderr
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
