"""Lock every package: `python -m tests.locks` writes locks/ anew from requirements.txt and requirements-dev.txt.

Each lock names every package there is of it, with the hash of each of its files, for every platform and Python from 3.11 on:

- packages.txt: what ./run needs, but torch
- torch-cuda.txt: torch as it is on PyPI, with what it brings for NVIDIA's GPUs
- torch-cpu.txt: torch's CPU build, which PyPI does not have. pip finds it where it is told to look (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL);
  its file for this Python and platform is added to those of the same version that the lock has
- dev.txt: what ./test needs besides
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from market.configuration import ROOT

LOCKS = ROOT / "locks"
LEAST_PYTHON = "3.11"
OF_CUDA = re.compile(r"(nvidia|cuda)-|triton$")
HEAD = "# Written by `python -m tests.locks`; see CONTRIBUTING.md.\n"

Lock = dict[str, str]
"""Of each package its lines: name, version, where it is needed, the hashes of its files."""


def read(text: str) -> Lock:
    """Take a lock apart."""
    blocks = re.findall(r"^[a-zA-Z0-9].*(?:\n    --hash=.*)*", text, re.MULTILINE)
    return {re.split(r"[=\[ ]", block, maxsplit=1)[0]: block for block in blocks}


def version(block: str) -> str:
    """Say which version lines of a lock pin."""
    found = re.match(r"[A-Za-z0-9_.-]+(?:\[[^\]]*\])?==([^\s;\\]+)", block)
    assert found, block
    return found[1]


def _where(block: str) -> str:
    """Give the condition on platform and Python of lines of a lock, as it stands there."""
    _, semicolon, condition = block.splitlines()[0].removesuffix("\\").partition(" ;")
    return semicolon + condition


def locked(name: str) -> Lock:
    """Read one of the locks."""
    return read((LOCKS / name).read_text())


def _resolved(requirements: str, constraints: Path | None = None) -> Lock:
    options = ["--constraint", str(constraints)] if constraints else []
    command = [
        sys.executable, "-m", "uv", "pip", "compile", str(ROOT / requirements), *options,
        "--universal", "--python-version", LEAST_PYTHON, "--generate-hashes", "--no-annotate", "--no-header", "--quiet",
    ]  # fmt: skip
    return read(subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout)


def _cpu_build(release: str) -> str:
    """Lock torch's CPU build. Where pip finds none, what the lock has of this version stays."""
    path = LOCKS / "torch-cpu.txt"
    pinned = f"torch=={release}+cpu"
    hashes = set()
    if path.exists() and pinned in path.read_text():
        hashes = set(re.findall(r"sha256:[0-9a-f]{64}", path.read_text()))
    with tempfile.TemporaryDirectory(prefix="market-locks-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, pinned]
        if subprocess.run(command, check=False).returncode:
            print("No CPU build of torch was found for this Python and platform.", file=sys.stderr)
        hashes |= {
            f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in Path(folder).iterdir()
        }
    return " \\\n".join([pinned, *(f"    --hash={each}" for each in sorted(hashes))])


def _write(name: str, lock: Lock) -> None:
    (LOCKS / name).write_text(HEAD + "".join(f"{lock[each]}\n" for each in sorted(lock)))


def main() -> None:
    LOCKS.mkdir(exist_ok=True)
    both = _resolved("requirements-dev.txt")
    # What ./test needs has a say in the versions, so that it tests with those that ./run has.
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(
            "".join(f"{name}=={version(block)}{_where(block)}\n" for name, block in both.items())
        )
        constraints.flush()
        every = _resolved("requirements.txt", Path(constraints.name))
    cuda = {name: block for name, block in every.items() if name == "torch" or OF_CUDA.match(name)}
    packages = {name: block for name, block in every.items() if name not in cuda}
    _write("packages.txt", packages)
    _write("torch-cuda.txt", cuda)
    _write("torch-cpu.txt", {"torch": _cpu_build(version(cuda["torch"]))})
    _write("dev.txt", {name: block for name, block in both.items() if name not in every})


if __name__ == "__main__":
    main()
