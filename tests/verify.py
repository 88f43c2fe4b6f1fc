"""What ./test runs: every check, two at a time and each timed, then the tests. The first failure does not hide the later ones."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from market.configuration import ROOT, VARIABLES

BIN = Path(sys.executable).parent

AT_ONCE = 2
"""Checks that run beside each other, and processes that tests are spread over: the machine they must fit has two cores."""


@dataclass(frozen=True)
class Check:
    """One command of ./test."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def checks(scratch: Path) -> list[Check]:
    python = sys.executable
    # A deployment as the how-to describes it, on a data directory that is thrown away.
    deployment = {
        "PUBLIC_URL": "https://market.example",
        "SECRET_KEY": "only-for-this-check-" * 4,
        "DATA_DIR": str(scratch),
    }
    # Without a database at hand, makemigrations only warns that it could not compare with the applied ones.
    quiet = {"PYTHONWARNINGS": "ignore::RuntimeWarning", "DATA_DIR": str(scratch)}
    manage = str(ROOT / "manage.py")
    return [
        Check("ruff check", [str(BIN / "ruff"), "check", "--quiet", "."]),
        Check("ruff format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
        Check("mypy", [str(BIN / "mypy")], {"DATA_DIR": str(scratch)}),
        Check("import-linter", [str(BIN / "lint-imports"), "--no-cache"]),
        Check("makemigrations --check", [python, manage, "makemigrations", "--check", "--dry-run"], quiet),
        Check("check --deploy", [python, manage, "check", "--deploy", "--fail-level", "WARNING"], deployment),
        Check("djlint", [str(BIN / "djlint"), "templates", "--lint", "--quiet"]),
    ]


def pytest(arguments: list[str]) -> Check:
    # Not reordered: tests/conftest.py puts the files first that take long, whatever number of tests they have.
    spread = (
        []
        if any(one in {"-n", "--pdb", "-s"} for one in arguments)
        else ["-n", str(AT_ONCE), "--dist", "loadfile", "--no-loadscope-reorder", "--durations=15"]
    )
    return Check("pytest", [sys.executable, "-m", "pytest", *spread, *arguments])


def environment_of(check: Check) -> dict[str, str]:
    # The developer's own configuration has no say in what the checks find; and the dozens of processes that tests start are to read
    # what one of them compiled, also where the developer keeps no bytecode.
    ours = {variable.name for variable in VARIABLES} | {"PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    # A thread of torch that waits for others leaves its core to the other process, instead of spinning on it.
    return {"OMP_WAIT_POLICY": "PASSIVE", **kept, **check.environment}


def said(check: Check, code: int, started: float) -> str:
    verdict = "passed" if code == 0 else f"FAILED (exit code {code})"
    return f"== {check.name}: {verdict}, {time.monotonic() - started:.1f} s"


def passes(check: Check) -> bool:
    """Run a check and show what it says while it says it."""
    started = time.monotonic()
    print(f"== {check.name}", flush=True)
    done = subprocess.run(check.command, cwd=ROOT, env=environment_of(check), check=False)
    print(said(check, done.returncode, started), flush=True)
    return done.returncode == 0


def failures(every: Sequence[Check]) -> list[str]:
    """Run checks beside each other, show what each said when it has ended, and give the names of those that failed."""

    def run(check: Check) -> tuple[int, str]:
        started = time.monotonic()
        done = subprocess.run(
            check.command, cwd=ROOT, env=environment_of(check), check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        )  # fmt: skip
        return done.returncode, f"{done.stdout}{said(check, done.returncode, started)}"

    failed = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(run, check): check for check in every}
        for ended in as_completed(running):
            code, text = ended.result()
            print(text, flush=True)
            if code:
                failed.append(running[ended].name)
    return failed


def main(arguments: list[str]) -> int:
    if arguments:
        return 0 if passes(pytest(arguments)) else 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="market-checks-") as scratch:
        every = checks(Path(scratch))
        failed = failures(every)
    tests = pytest([])
    if not passes(tests):
        failed.append(tests.name)
    seconds = time.monotonic() - started
    print(
        f"== {len(every) + 1 - len(failed)} of {len(every) + 1} checks passed in {seconds:.0f} s", flush=True
    )
    if failed:
        print(f"== failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
