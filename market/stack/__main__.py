"""`python -m market.stack`: what ./run runs inside the virtual environment."""

from __future__ import annotations

import argparse
import os
import sys

from market import configuration
from market.stack.serve import serve
from market.stack.starting import exit_status


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog="./run",
        description="Run the market with all it needs. Configuration: docs/reference/configuration.md.",
        epilog="./run demo walks the whole story headless, on data of its own, and checks each step.",
    ).parse_args(arguments)
    return exit_status(lambda: serve(configuration.load(os.environ)))


if __name__ == "__main__":
    sys.exit(main())
