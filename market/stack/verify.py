"""What ./test runs: every check, each timed, then the tests. The first failure does not hide the later ones."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from market.configuration import ROOT, VARIABLES

BIN = Path(sys.executable).parent


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
    # Two: the engine's tests use every core by themselves, and the machine they must fit has two.
    spread = (
        []
        if any(one in {"-n", "--pdb", "-s"} for one in arguments)
        else ["-n", "2", "--dist", "loadfile", "--durations=15"]
    )
    return Check("pytest", [sys.executable, "-m", "pytest", *spread, *arguments])


def passes(check: Check) -> bool:
    started = time.monotonic()
    print(f"== {check.name}", flush=True)
    # The developer's own configuration has no say in what the checks find.
    ours = {variable.name for variable in VARIABLES}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(check.command, cwd=ROOT, env={**environment, **check.environment}, check=False)
    verdict = "passed" if done.returncode == 0 else f"FAILED (exit code {done.returncode})"
    print(f"== {check.name}: {verdict}, {time.monotonic() - started:.1f} s", flush=True)
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    if arguments:
        return 0 if passes(pytest(arguments)) else 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="market-checks-") as scratch:
        every = [*checks(Path(scratch)), pytest([])]
        failed = [check.name for check in every if not passes(check)]
    seconds = time.monotonic() - started
    print(f"== {len(every) - len(failed)} of {len(every)} checks passed in {seconds:.0f} s", flush=True)
    if failed:
        print(f"== failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
