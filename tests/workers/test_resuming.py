"""Long jobs go on after a loss: the next attempt on the same machine takes up what the lost one kept."""

from __future__ import annotations

import logging
import stat
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.addition import start_addition
from market.catalog.models import PlugInVersion
from market.jobs.checkpoints import checkpoint_folder, sweep_checkpoints
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import AdditionConfig, DeviceUnavailable, Progress
from tests.market.catalog.conftest import make_concept, with_works
from workers import checkpoints
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.addition import run_addition
from workers.running import attempt

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = AdditionConfig(
    rank=2, steps=4, batch=2, prior_batch=2, prior_pictures=2, prior_steps=2, verbatim_works=0
)
RUN = partial(run_addition, config=QUICK)


class Killed(BaseException):
    """The process is gone: nobody hands the job back."""


class Watched(Lease):
    """A lease whose reports are kept, and whose process can be lost at a step of the training."""

    def __init__(self, job: Job, lost_at: int = 0, reason: type[BaseException] = Killed) -> None:
        super().__init__(job, report_every=0)
        self.lost_at, self.reason = lost_at, reason
        self.reports: list[Progress] = []

    def report(self, progress: Progress) -> None:
        super().report(progress)
        self.reports.append(progress)
        if progress.message == "training" and progress.step == self.lost_at:
            raise self.reason("lost")

    @property
    def trained(self) -> list[int]:
        return [each.step for each in self.reports if each.message == "training"]


@pytest.fixture(autouse=True)
def kept(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every step is kept, in a folder of this test."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    settings.CHECKPOINTS_DIR = tmp_path / "checkpoints"
    return tmp_path / "checkpoints"


@pytest.fixture
def job(artist: User, base: BaseModel) -> Job:
    """An addition, claimed by a worker."""
    start_addition(with_works(make_concept(artist, "Riverink")), base, artist)
    return claimed("w1")


def claimed(worker: str) -> Job:
    (job,) = Job.objects.claim(kinds=["addition"], worker=worker)
    return job


def lost(job: Job, engine: Engine, step: int) -> None:
    """Lose the worker in the middle of an attempt, and let its lease run out."""
    with pytest.raises(Killed):
        RUN(job, engine, Watched(job, lost_at=step))
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert Job.objects.reap() == 1


def names(kept: Path) -> list[str]:
    return [each.name for each in kept.iterdir()]


def test_an_addition_whose_worker_is_lost_goes_on_to_the_same_plug_in(
    job: Job, engine: Engine, artist: User, base: BaseModel, kept: Path
) -> None:
    lost(job, engine, 3)
    again = claimed("w2")
    lease = Watched(again)

    attempt(again, engine=engine, lease=lease, runner=RUN)

    assert lease.trained == [4]
    counted = [each.step for each in lease.reports if each.steps == QUICK.steps]
    assert counted[0] == 3, "what people see goes on, too"
    version = PlugInVersion.objects.get()
    assert Job.objects.get(pk=job.pk).state == JobState.SUCCEEDED
    assert names(kept) == []

    start_addition(version.plugin.concept, base, artist)
    whole = claimed("w3")
    undisturbed = Watched(whole)
    attempt(whole, engine=engine, lease=undisturbed, runner=RUN)
    assert undisturbed.trained == [1, 2, 3, 4]
    assert PlugInVersion.objects.get(job=whole).tensors_sha256 == version.tensors_sha256


def test_a_checkpoint_is_its_users_alone_and_stays_while_the_job_lives(
    job: Job, engine: Engine, kept: Path
) -> None:
    lost(job, engine, 2)

    assert sweep_checkpoints() == 0
    assert names(kept) == [str(job.pk)]
    for folder in (kept, kept / str(job.pk)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_attempt_that_breaks_leaves_its_checkpoint_to_the_next(
    job: Job, engine: Engine, settings: Any
) -> None:
    attempt(job, engine=engine, lease=Watched(job, 2, DeviceUnavailable), runner=RUN)
    Job.objects.filter(pk=job.pk).update(ready_at=None)
    lease = Watched(again := claimed("w1"))

    attempt(again, engine=engine, lease=lease, runner=RUN)

    assert lease.trained == [3, 4]


def test_on_another_machine_the_job_begins_anew(
    job: Job, engine: Engine, settings: Any, tmp_path: Path
) -> None:
    lost(job, engine, 3)
    settings.CHECKPOINTS_DIR = tmp_path / "another machine"
    lease = Watched(again := claimed("w2"))

    attempt(again, engine=engine, lease=lease, runner=RUN)

    assert lease.trained == [1, 2, 3, 4]
    assert Job.objects.get(pk=job.pk).state == JobState.SUCCEEDED


def test_a_damaged_checkpoint_is_no_error(
    job: Job, engine: Engine, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lost(job, engine, 3)
    for file in (kept / str(job.pk)).iterdir():
        file.write_bytes(b"nonsense")
    lease = Watched(again := claimed("w2"))

    with caplog.at_level(logging.WARNING):
        attempt(again, engine=engine, lease=lease, runner=RUN)

    assert lease.trained == [1, 2, 3, 4]
    assert "damaged" in caplog.text


def test_a_job_that_fails_or_is_cancelled_leaves_no_checkpoint(job: Job, engine: Engine, kept: Path) -> None:
    lost(job, engine, 2)
    again = claimed("w1")
    Job.objects.request_cancel(again.pk)

    attempt(again, engine=engine, lease=Watched(again), runner=RUN)

    assert Job.objects.get(pk=job.pk).state == JobState.CANCELLED
    assert names(kept) == []


def test_what_no_attempt_deleted_is_swept(job: Job, engine: Engine, kept: Path) -> None:
    lost(job, engine, 2)
    Job.objects.request_cancel(job.pk)  # while it waits: no worker hears of it
    gone = checkpoint_folder(uuid.uuid4())
    gone.mkdir()
    (kept / "notes").mkdir()

    assert sweep_checkpoints() == 2

    assert names(kept) == ["notes"]
