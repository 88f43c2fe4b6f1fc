"""What the sweeper finds and mends, and what is told about the wait."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db.models.functions import Now
from django.utils import timezone
from redis import Redis

from market.cache import Outage
from market.configuration import ROOT
from market.jobs import dispatch, sweeping
from market.jobs.clearing import clear_up_after_jobs, preview_folder
from market.jobs.estimates import seconds_left, seconds_per_unit, standing
from market.jobs.models import Job, Worker
from market.jobs.states import JobState
from market.jobs.templatetags.jobs import duration
from market.services import broker_url, client_url
from tests.market.jobs.conftest import CHORE

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(settings: Any) -> Redis:
    """The tests' own Valkey, as the worker reads it."""
    client = Redis.from_url(client_url(broker_url(settings.CONFIG)))
    client.delete(CHORE, "urgent-chore")
    return client


def messages(broker: Redis, queue: str = CHORE) -> int:
    count = broker.llen(queue)
    assert isinstance(count, int)
    return count


@pytest.mark.django_db(transaction=True)
def test_enqueueing_sends_a_wake_up_once_it_is_committed(broker: Redis, enqueue: Callable[..., Job]) -> None:
    job = enqueue()
    assert messages(broker) == 1
    job.refresh_from_db()
    assert job.dispatched_at is not None


def test_nothing_is_sent_for_a_job_that_is_not_committed(broker: Redis, enqueue: Callable[..., Job]) -> None:
    enqueue()
    assert messages(broker) == 0


def test_a_job_whose_wake_up_was_never_sent_is_sent_one(broker: Redis, enqueue: Callable[..., Job]) -> None:
    """As after a crash between the commit and the message: in this test the commit never comes."""
    job = enqueue()
    assert sweeping.sweep().woken == 1
    assert messages(broker) == 1
    assert sweeping.sweep().woken == 0
    Job.objects.filter(pk=job.pk).update(dispatched_at=timezone.now() - timedelta(minutes=1))
    assert sweeping.sweep().woken == 1


def test_one_wake_up_for_each_worker_is_enough(broker: Redis, enqueue: Callable[..., Job]) -> None:
    for n in range(2):
        Worker.objects.report(name=f"w{n}", kinds=[CHORE], device="cpu")
    for _ in range(5):
        enqueue()
    assert sweeping.redispatch() == 5
    assert messages(broker) == 2


def test_a_broker_that_is_down_loses_no_job(
    enqueue: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port 1 has nobody listening: a real refusal."""
    monkeypatch.setattr(dispatch, "app", Celery("unreachable", broker="redis://127.0.0.1:1/0"))
    monkeypatch.setattr(dispatch, "_outage", Outage("broker"))
    job = enqueue()
    assert not dispatch.wake(CHORE)
    assert sweeping.sweep().woken == 0
    job.refresh_from_db()
    assert (job.state, job.dispatched_at) == (JobState.QUEUED, None)


def test_the_command_sweeps_once(enqueue: Callable[..., Job], broker: Redis, capsys: Any) -> None:
    enqueue()
    Job.objects.claim(kinds=[CHORE], worker="w")
    Job.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    call_command("sweeper", "--once")
    assert "reaped=1" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_the_sweeper_process_stops_when_it_is_told_to() -> None:
    command = [sys.executable, str(ROOT / "manage.py"), "sweeper", "--interval", "0.2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "sweeping every" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


def test_previews_of_jobs_that_ended_a_while_ago_are_deleted(
    enqueue: Callable[..., Job], running: Job
) -> None:
    """Those of attempts that were lost, too, and of no other job."""
    names = [
        default_storage.save(f"{preview_folder(running.pk)}/{name}.png", ContentFile(b"old")) for name in "ab"
    ]
    other = default_storage.save(f"{preview_folder(enqueue().pk)}/a.png", ContentFile(b"new"))
    Job.objects.succeed(running.pk, token=1, result={})
    sweeping.sweep()
    assert clear_up_after_jobs() == 0, "a page may show them still"

    Job.objects.filter(pk=running.pk).update(finished_at=timezone.now() - timedelta(hours=2))
    assert clear_up_after_jobs() == 1
    assert not any(map(default_storage.exists, names))
    assert default_storage.exists(other)
    assert clear_up_after_jobs() == 0, "each job is cleared up after once"


def test_a_worker_counts_as_alive_while_it_reports() -> None:
    Worker.objects.report(name="w1", kinds=["generation"], device="cpu")
    Worker.objects.report(name="w1", kinds=["generation", "addition"], device="cpu")
    (worker,) = Worker.objects.alive()
    assert worker.kinds == ["addition", "generation"]
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    assert not Worker.objects.alive().exists()
    Worker.objects.update(seen_at=timezone.now() - timedelta(days=2))
    assert sweeping.forget_old_workers() == 1


def finish(job: Job, *, seconds: float, units: int) -> None:
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(
        state=JobState.SUCCEEDED,
        attempt=1,
        fencing_token=1,
        work_units=units,
        started_at=now - timedelta(seconds=seconds),
        finished_at=now,
    )


def test_nothing_is_estimated_before_the_first_job_of_a_kind(enqueue: Callable[..., Job]) -> None:
    found = standing(enqueue())
    assert (found.ahead, found.seconds, found.has_worker) == (0, None, False)


def test_the_wait_is_estimated_from_the_pace_of_jobs_done_lately(enqueue: Callable[..., Job]) -> None:
    finish(enqueue(), seconds=20, units=10)
    assert seconds_per_unit(CHORE) == pytest.approx(2.0)
    enqueue(work_units=5)
    job = enqueue(work_units=10)
    found = standing(job)
    assert (found.ahead, found.seconds) == (1, 30)


def test_two_workers_halve_the_wait(enqueue: Callable[..., Job]) -> None:
    finish(enqueue(), seconds=20, units=10)
    for n in range(2):
        Worker.objects.report(name=f"w{n}", kinds=[CHORE], device="cpu")
    enqueue(work_units=20)
    found = standing(enqueue(work_units=10))
    assert (found.ahead, found.seconds, found.has_worker) == (1, 40, True)


def test_urgent_jobs_of_the_same_workers_come_first(enqueue: Callable[..., Job]) -> None:
    Worker.objects.report(name="w", kinds=[CHORE, "urgent-chore"], device="cpu")
    job = enqueue()
    enqueue(kind="urgent-chore")
    assert standing(job).ahead == 1


def test_a_running_job_tells_its_own_time_left(running: Job) -> None:
    running.progress = {"step": 5, "steps": 10, "seconds_left": 12.2}
    assert seconds_left(running) == 13
    running.progress = {"step": 5, "steps": 20}
    assert running.started_at is not None
    assert seconds_left(running, now=running.started_at + timedelta(seconds=10)) == 30
    running.progress = {}
    assert seconds_left(running) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (3600, "1 h"), (7500, "2 h 5 min")]
)
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_what_is_swept_now_and_then_is_not_swept_with_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def run(name: str) -> int:
        runs.append(name)
        return 1

    seldom, always = sweeping.Sweep(lambda: run("seldom"), every=60), sweeping.Sweep(lambda: run("always"))
    monkeypatch.setattr(sweeping, "_sweeps", {"seldom": seldom, "always": always})
    assert sweeping.sweep().others == {"seldom": 1, "always": 1}
    assert sweeping.sweep().others == {"seldom": 0, "always": 1}
    assert runs == ["seldom", "always", "always"]
