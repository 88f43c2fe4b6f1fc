"""How often a token may ask: a number of requests a minute, and a number of requests that change something."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from market.accounts.models import ApiToken
from market.api.authentication import READING

WINDOW = 60


class PerToken(BaseThrottle):
    """Count in the cache by whole minutes, in one step, so that requests at the same moment are all counted."""

    def allow_request(self, request: Request, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return True
        limits = [("all", settings.API.requests_per_minute)]
        if request.method not in READING and not view.in_parts:
            limits.append(("writes", settings.API.writes_per_minute))
        return all(self._count(token, what) <= most for what, most in limits)

    def wait(self) -> float:
        return WINDOW - time.time() % WINDOW

    def _count(self, token: ApiToken, what: str) -> int:
        key = f"api:{token.pk}:{what}:{int(time.time() // WINDOW)}"
        cache.add(key, 0, timeout=2 * WINDOW)
        return cache.incr(key)
