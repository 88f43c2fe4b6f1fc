"""What the sweeper does for claims."""

from __future__ import annotations

from django.core.cache import cache

from market.claims.deadlines import sweep_claims

_EVERY = 60  # seconds


def sweep_claims_now_and_then() -> int:
    """Look at the deadlines of claims, once a minute; give how many claims that touched."""
    return sweep_claims() if cache.add("claims:deadlines", 1, _EVERY) else 0
