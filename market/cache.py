"""The cache: Valkey while it answers, and the process's own memory while it does not.

Nothing that has to last lies in a cache, so a market without one goes on. Counters in it (requests in a minute, tries to sign
in) are then kept by each web process. With n processes a limit becomes at most n times as wide, but never disappears.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

PATIENCE = 0.1
"""The most seconds for connecting, and for an answer. A hanging server delays a request by at most twice that."""
ASK_AGAIN_AFTER = 5.0
"""Seconds during which a server that did not answer is not asked."""


class Outage:
    """Whether a server is known to be away; safe to ask from several threads."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._until = float("-inf")
        self._lock = threading.Lock()

    @property
    def is_known(self) -> bool:
        """Whether the last question went unanswered."""
        return self._until != float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether to leave the server alone. After a while one caller is let through to try it."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return True
            if self.is_known:
                self._until = now + ASK_AGAIN_AFTER
            return False

    def began(self, error: Exception) -> None:
        with self._lock:
            if not self.is_known:
                log.warning("the %s does not answer, going on without it: %s", self.what, error)
            self._until = time.monotonic() + ASK_AGAIN_AFTER

    def ended(self) -> None:
        with self._lock:
            if self.is_known:
                log.warning("the %s answers again", self.what)
                self._until = float("-inf")


class MarketCache(BaseCache):
    """Django's cache on Valkey, with the process's own memory during an outage."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = {
            "socket_timeout": PATIENCE,
            "socket_connect_timeout": PATIENCE,
            "retry": Retry(NoBackoff(), 0),
            **params.get("OPTIONS", {}),
        }
        self._server = RedisCache(server, {**params, "OPTIONS": options})
        self._memory = LocMemCache("while the cache is away", {**params, "OPTIONS": {}})
        # One for the process, not for this object: Django makes an object for each thread.
        self._outage = _OUTAGES.setdefault(server, Outage("cache"))

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._asked(lambda cache: cache.add(key, value, timeout, version)))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._asked(lambda cache: cache.get(key, default, version))

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._asked(lambda cache: cache.set(key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._asked(lambda cache: cache.touch(key, timeout, version)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._asked(lambda cache: cache.delete(key, version)))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Count. A count begun on the server before an outage starts again in memory, from 0."""

        def count(cache: BaseCache) -> int:
            if cache is self._memory:
                cache.add(key, 0, version=version)
            return int(cache.incr(key, delta, version))

        return int(self._asked(count))

    def clear(self) -> None:
        self._memory.clear()
        self._asked(lambda cache: cache.clear())

    @property
    def is_away(self) -> bool:
        """Whether the server did not answer lately, so that this process's memory is in use."""
        return self._outage.is_known

    def _asked(self, ask: Callable[[BaseCache], Any]) -> Any:
        if not self._outage.is_on:
            try:
                answer = ask(self._server)
            except (RedisError, OSError) as error:
                self._outage.began(error)
            else:
                self._outage.ended()
                return answer
        return ask(self._memory)


_OUTAGES: dict[str, Outage] = {}
