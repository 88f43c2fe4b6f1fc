"""`python -m market.stack [demo [--json FILE]]`: what ./run runs inside the virtual environment."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from market import configuration
from market.stack.demo import run_demo
from market.stack.embedded import StackError
from market.stack.lock import AlreadyRunning
from market.stack.serve import serve


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./run",
        description="Run the market with all it needs. Configuration: docs/reference/configuration.md.",
    )
    commands = parser.add_subparsers(dest="command")
    demo = commands.add_parser(
        "demo", help="walk the whole story headless, on data of its own, and check each step"
    )
    demo.add_argument("--json", type=Path, metavar="FILE", help="write the outcome of each step to FILE")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "demo":
            return run_demo(os.environ, report=chosen.json)
        return serve(configuration.load(os.environ))
    except configuration.ConfigurationError as wrong:
        print("The configuration is wrong:", file=sys.stderr)
        for problem in wrong.problems:
            print(f"  {problem}", file=sys.stderr)
        print("Every variable is in docs/reference/configuration.md.", file=sys.stderr)
        return 2
    except (StackError, AlreadyRunning) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
