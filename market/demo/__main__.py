"""`python -m market.demo [--json FILE]`: what `./run demo` runs inside the virtual environment."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from market.demo.running import run_demo
from market.stack.starting import exit_status


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./run demo",
        description="Walk the whole story headless, on data of its own, and check each step.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome of each step to FILE")
    chosen = parser.parse_args(arguments)
    return exit_status(lambda: run_demo(os.environ, report=chosen.json))


if __name__ == "__main__":
    sys.exit(main())
