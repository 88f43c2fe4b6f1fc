"""Make .venv, and install requirements into it if they changed. Runs on any Python 3.11+, without packages.

Called by ./run and ./test as: python3 market/stack/bootstrap.py requirements.txt [...]
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


def contents(requirements: Path) -> str:
    """Return a requirements file with the files it names included, so that a change in any of them is noticed."""
    parts = []
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            parts.append(contents(requirements.parent / line[3:].strip()))
        else:
            parts.append(line)
    return "\n".join(parts)


def digest(requirements: Path) -> str:
    return hashlib.sha256(f"{sys.version_info[:2]}\n{contents(requirements)}".encode()).hexdigest()


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
    wanted = {name: digest(ROOT / name) for name in names}
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
    for name, value in wanted.items():
        done = installed()
        if done.get(name) == value:
            continue
        print(f"Installing {name} (once, and again when it changes)", flush=True)
        started = time.monotonic()
        command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(ROOT / name)]
        result = subprocess.run(command, check=False)
        if result.returncode:
            print(f"Installing {name} failed; what pip said is above.", file=sys.stderr)
            return 1
        STAMP.write_text(json.dumps({**done, name: value}))
        print(f"Installed {name} in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
