"""`./run demo`: start a market on its own data, run the story in it, and stop it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from market import configuration
from market.demo.story.steps import Outcome
from market.seeding.works import NoWorks, claimed_work_sets, shipped_work_sets
from market.stack.embedded import StackError
from market.stack.serve import running_stack, say
from market.stack.supervisor import Child, Stopped

# Variables that decide how the demo runs, but not on which data. It takes nothing else from a developer's configuration.
KEPT = frozenset({"DEVICE", "PORT", "LOG_LEVEL", "LOG_FORMAT"})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_environment(environment: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """Return the environment of a demo. Of the market's variables it has only those that lead to nobody's data."""
    configuration.load(environment)
    others = {
        name: value
        for name, value in environment.items()
        if name not in configuration.BY_NAME or name in KEPT
    }
    return {
        **others,
        "DATA_DIR": str(data_dir),
        "PORT": environment.get("PORT") or str(free_port()),
        # One is enough for one story; a second would start only to be stopped.
        "WORKERS": "1",
    }


def run_demo(environment: Mapping[str, str], *, report: Path | None) -> int:
    """Run the story. Return 0 only if every step succeeded. The data is kept only if a step failed."""
    shipped = shipped_works_or_reason()
    if isinstance(shipped, str):
        raise StackError(shipped)
    data_dir = Path(tempfile.mkdtemp(prefix="market-demo-"))
    mine = own_environment(environment, data_dir)
    os.environ.clear()
    os.environ.update(mine)
    config = configuration.load(mine)
    say(f"Demo in {data_dir}, on data of its own, at {config.public_url}")
    steps: list[dict[str, Any]] = []
    ok = False
    try:
        ok = walk(config, data_dir, steps)
    finally:
        if report is not None:
            report.write_text(json.dumps({"ok": ok, "steps": steps}, indent=2) + "\n")
        if ok:
            shutil.rmtree(data_dir, ignore_errors=True)
        else:
            say(f"The data and logs of this demo are kept in {data_dir}")
    if not ok:
        return 1
    say(f"Every one of {len(steps)} steps held, in {sum(step['seconds'] for step in steps):.0f} s.")
    return 0


def walk(config: configuration.Configuration, data_dir: Path, steps: list[dict[str, Any]]) -> bool:
    started = time.monotonic()
    outcomes = data_dir / "story.json"
    try:
        with running_stack(config, seed=False, verbose=False) as stack:
            keep(steps, Outcome("the market starts", True, since(started), {"address": stack.address}))
            started = time.monotonic()
            command = [sys.executable, "-m", "market.demo.story", "--address", stack.address]
            command += ["--data-dir", str(data_dir), "--outcomes", str(outcomes)]
            try:
                stack.supervisor.run_once(Child("story", command, {"PYTHONUNBUFFERED": "1"}, named=False))
            finally:
                if outcomes.exists():
                    steps += json.loads(outcomes.read_text())
                started = time.monotonic()
    except (StackError, Stopped) as problem:
        if not steps or all(step["ok"] for step in steps):
            keep(steps, Outcome("the market runs", False, since(started), {"problem": str(problem)}))
        return False
    keep(steps, Outcome("the market stops", True, since(started)))
    return all(step["ok"] for step in steps)


def keep(steps: list[dict[str, Any]], outcome: Outcome) -> None:
    say(outcome.line())
    steps.append(
        {"name": outcome.name, "ok": outcome.ok, "seconds": outcome.seconds, "figures": outcome.figures}
    )


def since(started: float) -> float:
    return round(time.monotonic() - started, 2)


def shipped_works_or_reason() -> int | str:
    try:
        claimed_work_sets()
        return len(shipped_work_sets())
    except NoWorks as reason:
        return str(reason)
