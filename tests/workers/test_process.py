"""The worker as it is started in earnest: a Celery process, woken through Valkey, working on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.db.models.functions import Now
from redis import Redis

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.configuration import ROOT
from market.generation.models import GenerationRequest
from market.jobs.dispatch import wake
from market.jobs.models import Job, Worker
from market.jobs.states import JobState
from market.jobs.sweeping import sweep
from market.ledger import operations as ledger
from market.services import broker_url, client_url
from tests.market.stage import earnings, wallet
from tests.workers.conftest import Ask
from tests.workers.test_running import until
from workers.kinds import KINDS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ledger_verifies"),
    pytest.mark.slow,
]

PATIENCE = 240
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def empty_queues(settings: Any) -> None:
    """Forget the wake-ups of tests before."""
    client = Redis.from_url(client_url(broker_url(settings.CONFIG)))
    client.delete(*KINDS, "unacked", "unacked_index")


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a worker on the tests' database; all of them are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str = "worker", *options: str, **environment: str) -> subprocess.Popen[bytes]:
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"),
                *("--hostname", f"{name}@test", "--concurrency", "1", "--loglevel", "WARNING"),
                *("--without-gossip", "--without-mingle"),
                *options,
            ],
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": urlunsplit(database),
                "JOB_LEASE_SECONDS": "30",
                "OMP_NUM_THREADS": "1",
                "PYTHONWARNINGS": "ignore",
            }
            | environment,
            start_new_session=True,
        )
        started.append(process)
        until(lambda: Worker.objects.filter(name__startswith=f"{name}@test/").exists(), PATIENCE)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def state_of(made: GenerationRequest) -> str:
    return Job.objects.get(pk=made.pk).state


def begun(made: GenerationRequest) -> bool:
    return bool(Job.objects.get(pk=made.pk).progress.get("steps"))


def test_a_request_runs_through_broker_and_worker_and_is_paid_once(
    ask: Ask, plugin: PlugIn, start: Start, user: User, artist: User
) -> None:
    start()
    made = ask((plugin, 1.0), count=2)
    until(lambda: state_of(made) == JobState.SUCCEEDED, PATIENCE)
    assert made.pictures.count() == 2
    assert earnings(artist) == 90_000

    # The same message once more, and once more: nothing is left to do.
    for _ in range(3):
        assert wake("generation")
    second = ask(steps=1)
    until(lambda: state_of(second) == JobState.SUCCEEDED, PATIENCE)
    assert earnings(artist) == 90_000
    assert made.pictures.count() == 2
    assert ledger.balance(wallet(user)).held == 0


def test_a_worker_that_is_stopped_hands_its_job_back_and_signs_off(
    ask: Ask, start: Start, user: User
) -> None:
    process = start()
    made = ask(steps=100, count=8)
    until(lambda: begun(made), PATIENCE)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=PATIENCE) == 0
    job = Job.objects.get(pk=made.pk)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    assert ledger.balance(wallet(user)).held == made.total_micros
    assert not Worker.objects.exists()


def test_a_worker_that_is_killed_loses_its_lease_and_another_finishes(
    ask: Ask, plugin: PlugIn, start: Start, artist: User
) -> None:
    process = start("doomed")
    made = ask((plugin, 1.0), steps=40, count=8)
    until(lambda: begun(made), PATIENCE)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert state_of(made) == JobState.RUNNING

    # Instead of waiting for the lease to run out.
    Job.objects.filter(pk=made.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert sweep().reaped == 1
    start("second", "-Q", "generation")
    assert Worker.objects.get(name__startswith="second@test/").kinds == ["generation"]

    until(lambda: state_of(made) == JobState.SUCCEEDED, PATIENCE)
    job = Job.objects.get(pk=made.pk)
    assert (job.attempt, job.fencing_token) == (2, 2)
    assert job.worker.startswith("second@test")
    assert earnings(artist) == 8 * 45_000


def test_a_worker_goes_on_while_the_broker_is_away(
    ask: Ask, plugin: PlugIn, start: Start, artist: User
) -> None:
    process = start("alone", BROKER_URL="redis://127.0.0.1:1/0")  # nobody listens there
    made = ask((plugin, 1.0))
    until(lambda: state_of(made) == JobState.SUCCEEDED, PATIENCE)
    assert earnings(artist) == 45_000

    long = ask(steps=100, count=8)
    until(lambda: begun(long), PATIENCE)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0
    assert state_of(long) == JobState.QUEUED
