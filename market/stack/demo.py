"""The whole story headless, over HTTP, as real people would walk it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def run_demo(environment: Mapping[str, str], *, report: Path | None) -> int:
    raise NotImplementedError
