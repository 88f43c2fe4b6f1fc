"""Follow jobs from the web process: one query a tick for all streams of an event loop, not one for each.

If every stream held its own database connection, a few hundred open pages would use them up. Reading once for everybody needs
one short query, and works behind any connection pooler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import connection

from market.jobs.models import Job

log = logging.getLogger(__name__)

TICK = 0.5

Signature = tuple[Any, ...]


def _signatures(pks: list[UUID]) -> dict[UUID, Signature]:
    """Read the values that change what a page shows."""
    try:
        rows = Job.objects.filter(pk__in=pks).values_list(
            "pk", "state", "fencing_token", "heartbeat_at", "cancel_requested_at", "preview"
        )
        return {row[0]: row[1:] for row in rows}
    finally:
        connection.close()


@dataclass(eq=False)
class Watcher:
    """Tells the streams of one event loop when their job has changed. It queries only while somebody watches."""

    tick: float = TICK
    _watchers: dict[UUID, set[asyncio.Event]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, pk: UUID) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set each time the job changes. The caller clears it."""
        changed = asyncio.Event()
        self._watchers.setdefault(pk, set()).add(changed)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            yield changed
        finally:
            self._watchers[pk].discard(changed)
            if not self._watchers[pk]:
                del self._watchers[pk]

    @property
    def watched(self) -> set[UUID]:
        return set(self._watchers)

    @property
    def reader(self) -> asyncio.Task[None] | None:
        """Give the reading task, if anybody watches or did a moment ago."""
        return self._task

    async def _follow(self) -> None:
        read = sync_to_async(_signatures, thread_sensitive=False)
        known: dict[UUID, Signature] = {}
        while self._watchers:
            try:
                now = await read(list(self._watchers))
            except Exception:
                log.warning("could not read the watched jobs; trying again", exc_info=True)
                now = known
            for pk, watchers in self._watchers.items():
                if now.get(pk) != known.get(pk):
                    for changed in watchers:
                        changed.set()
            known = now
            await asyncio.sleep(self.tick)


_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher] = WeakKeyDictionary()


def watcher() -> Watcher:
    """Give the watcher of the running event loop."""
    return _watchers.setdefault(asyncio.get_running_loop(), Watcher())
