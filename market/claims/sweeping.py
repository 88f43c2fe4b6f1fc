"""What the sweeper does for disputes and claims."""

from __future__ import annotations

from django.core.cache import cache

from market.claims.deadlines import sweep_claims
from market.claims.disputes import sweep_disputes

_EVERY = 60  # seconds: an open dispute sums up all that its plug-in earned since it was opened


def sweep_disputes_now_and_then() -> int:
    """Move disputed earnings on, once a minute; give how many disputes that moved."""
    return sweep_disputes() if cache.add("claims:disputes", 1, _EVERY) else 0


def sweep_claims_now_and_then() -> int:
    """Look at the deadlines of claims, once a minute; give how many claims that touched."""
    return sweep_claims() if cache.add("claims:deadlines", 1, _EVERY) else 0
