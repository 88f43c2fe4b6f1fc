"""The server-sent events of a job: its panel, rendered again each time the job changes, until it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connection
from django.template.loader import render_to_string

from market.jobs.estimates import standing
from market.jobs.models import Job
from market.jobs.watching import watcher

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent. So proxies keep the stream, and a dead client is noticed."""
QUEUE_REFRESH = 5.0
"""Seconds between looks at a waiting job: its place changes without a change of its row."""
LONGEST = 900.0
"""A stream ends after this many seconds, and the browser opens the next. This bounds what a forgotten tab costs."""


def panel_context(job: Job) -> dict[str, object]:
    return {"job": job, "standing": None if job.has_ended else standing(job)}


def _render(pk: UUID) -> tuple[str, bool] | None:
    try:
        job = Job.objects.filter(pk=pk).first()
        if job is None:
            return None
        return render_to_string("jobs/_panel.html", panel_context(job)), job.has_ended
    finally:
        connection.close()


def event(name: str, data: str) -> str:
    """Format one event; a line break inside the data would otherwise end the field."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"


async def job_events(
    pk: UUID, *, heartbeat: float = HEARTBEAT, refresh: float = QUEUE_REFRESH, longest: float = LONGEST
) -> AsyncGenerator[str, None]:
    """Yield `panel` events while the job lives, then the last `panel` and a `close`.

    The server closes the generator when the browser goes away; that ends the watching at once.
    """
    render = sync_to_async(_render, thread_sensitive=False)
    loop = asyncio.get_running_loop()
    started = spoke = loop.time()
    shown = ""
    yield "retry: 2000\n\n"
    async with watcher().watch(pk) as changed:
        while True:
            changed.clear()
            rendered = await render(pk)
            if rendered is None:
                yield event("close", "gone")
                return
            html, ended = rendered
            if html != shown:
                yield event("panel", html)
                shown, spoke = html, loop.time()
            if ended:
                yield event("close", "ended")
                return
            if loop.time() - spoke >= heartbeat:
                yield ": still here\n\n"
                spoke = loop.time()
            if loop.time() - started >= longest:
                return
            try:
                await asyncio.wait_for(changed.wait(), timeout=min(refresh, heartbeat))
            except TimeoutError:
                continue
