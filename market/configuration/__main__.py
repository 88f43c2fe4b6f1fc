"""Print the reference, and check the environment: `python -m market.configuration`."""

from __future__ import annotations

import os

from market.configuration.loading import load
from market.configuration.reference import markdown

print(markdown(), end="")
load(os.environ)
