"""What a start says when it fails."""

from __future__ import annotations

import sys
from collections.abc import Callable

from market import configuration
from market.stack.embedded import StackError
from market.stack.lock import AlreadyRunning


def exit_status(start: Callable[[], int]) -> int:
    """Start, and give the exit code of the process. Say in plain words what prevents the start."""
    try:
        return start()
    except configuration.ConfigurationError as wrong:
        print("The configuration is wrong:", file=sys.stderr)
        for problem in wrong.problems:
            print(f"  {problem}", file=sys.stderr)
        print("Every variable is in docs/reference/configuration.md.", file=sys.stderr)
        return 2
    except (StackError, AlreadyRunning) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
