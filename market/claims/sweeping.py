"""What the sweeper does for disputes."""

from __future__ import annotations

from django.core.cache import cache

from market.claims.disputes import sweep_disputes

_EVERY = 60  # seconds: an open dispute sums up all that its plug-in earned since it was opened


def sweep_now_and_then() -> int:
    """Move disputed earnings on, once a minute; give how many disputes that moved."""
    return sweep_disputes() if cache.add("claims:disputes", 1, _EVERY) else 0
