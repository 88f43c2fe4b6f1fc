"""`python -m market.stack.web`: the web server alone, on this configuration, for containers."""

from __future__ import annotations

import os
import sys

from market import configuration
from market.stack.serve import web

if __name__ == "__main__":
    try:
        child = web(configuration.load(os.environ), {})
    except configuration.ConfigurationError as wrong:
        sys.exit(f"The configuration is wrong:\n{wrong}")
    os.environ.update(child.environment)
    os.execv(child.command[0], child.command)  # noqa: S606, it becomes the server
