"""The stream of a job's events, read as a browser reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from market.accounts.models import User
from market.jobs.events import event, job_events
from market.jobs.models import Job
from market.jobs.watching import watcher
from tests.market.jobs.conftest import CHORE

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60


async def next_of(stream: AsyncIterator[Any]) -> str:
    chunk = await asyncio.wait_for(anext(stream), PATIENCE)
    return chunk.decode() if isinstance(chunk, bytes) else chunk


async def signed_in(person: User) -> AsyncClient:
    client = AsyncClient()
    await client.aforce_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


async def claim() -> Job:
    (job,) = await sync_to_async(Job.objects.claim)(kinds=[CHORE], worker="w")
    return job


def test_an_event_keeps_line_breaks_inside_its_data() -> None:
    assert event("panel", "<p>\n</p>") == "event: panel\ndata: <p>\ndata: </p>\n\n"


async def test_the_stream_follows_a_job_from_the_queue_to_its_end(
    user: User, enqueue: Callable[..., Job]
) -> None:
    job = await sync_to_async(enqueue)()
    response: Any = await (await signed_in(user)).get(f"/jobs/{job.pk}/events/")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    assert "no-cache" in response["Cache-Control"]
    assert response["X-Accel-Buffering"] == "no"

    async with aclosing(aiter(response.streaming_content)) as stream:
        assert (await next_of(stream)).startswith("retry:")
        waiting = await next_of(stream)
        assert waiting.startswith("event: panel\n")
        assert "Waiting" in waiting
        assert all(line.startswith("data: ") for line in waiting.strip().splitlines()[1:])

        await claim()
        assert "Running" in await next_of(stream)

        await sync_to_async(Job.objects.heartbeat)(
            job.pk, token=1, progress={"step": 3, "steps": 10, "loss": 0.12345, "seconds_left": 40}
        )
        panel = await next_of(stream)
        assert "Step 3 of 10" in panel
        assert "0.1235" in panel
        assert "40 s left" in panel

        await sync_to_async(Job.objects.fail)(job.pk, token=1, error="all works are <white>")
        assert "all works are &lt;white&gt;" in await next_of(stream)
        assert (await next_of(stream)).startswith("event: close\n")
        with pytest.raises(StopAsyncIteration):
            await next_of(stream)


async def test_the_stream_of_a_job_that_has_ended_closes_at_once(enqueue: Callable[..., Job]) -> None:
    job = await sync_to_async(enqueue)()
    await sync_to_async(Job.objects.request_cancel)(job.pk)
    events = [each async for each in job_events(job.pk)]
    assert len(events) == 3
    assert "Cancelled" in events[1]
    assert events[2].startswith("event: close")


async def test_the_stream_of_a_job_that_is_gone_closes() -> None:
    events = [each async for each in job_events(uuid4())]
    assert events[-1] == event("close", "gone")


async def test_a_quiet_stream_sends_comments(enqueue: Callable[..., Job]) -> None:
    job = await sync_to_async(enqueue)()
    async with aclosing(job_events(job.pk, heartbeat=0.1, refresh=0.05)) as stream:
        await next_of(stream)
        await next_of(stream)
        assert await next_of(stream) == ": still here\n\n"


async def test_a_stream_ends_after_a_while_so_that_a_forgotten_page_holds_nothing(
    enqueue: Callable[..., Job],
) -> None:
    job = await sync_to_async(enqueue)()
    events = [each async for each in job_events(job.pk, longest=0)]
    assert len(events) == 2


async def test_streams_share_one_reader_and_leave_nothing_behind_when_they_close(
    enqueue: Callable[..., Job],
) -> None:
    job = await sync_to_async(enqueue)()
    shared = watcher()
    async with aclosing(job_events(job.pk)) as first, aclosing(job_events(job.pk)) as second:
        for stream in (first, second):
            await next_of(stream)
            await next_of(stream)
        assert watcher() is shared
        assert shared.watched == {job.pk}
        reader = shared.reader
        assert reader is not None
    assert shared.watched == set()
    await asyncio.wait_for(reader, PATIENCE)


async def test_a_strangers_job_has_no_stream(user: User, stranger: User, enqueue: Callable[..., Job]) -> None:
    job = await sync_to_async(enqueue)()
    assert (await (await signed_in(stranger)).get(f"/jobs/{job.pk}/events/")).status_code == 404
    assert (await AsyncClient().get(f"/jobs/{job.pk}/events/")).status_code == 302
