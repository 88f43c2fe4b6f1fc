"""What somebody does on a machine of the market, in a terminal."""

from __future__ import annotations

import subprocess
import sys

from market.configuration import ROOT
from market.stack.browsing import Refusal


def manage(*arguments: str) -> str:
    """Run a command of manage.py and return its output. Raises Refusal if it fails."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Refusal(f"{arguments[0]} said: {done.stdout}{done.stderr}")
    return done.stdout
