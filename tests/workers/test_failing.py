"""What a worker does where a job, its files or its device fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInVersion
from market.jobs.models import Job
from market.jobs.states import JobState
from market.jobs.sweeping import sweep
from plugins_engine import DeviceUnavailable
from tests.market.stage import earnings
from tests.workers.conftest import Ask
from tests.workers.test_running import assert_nothing_charged, do_all, job_of
from workers import patience
from workers.engine import Engine
from workers.lease import Lease
from workers.running import attempt

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ledger_verifies")]


def test_a_prompt_the_base_cannot_read_fails_with_the_reason_and_costs_nothing(
    ask: Ask, engine: Engine, user: User
) -> None:
    made = ask(prompt="fox " * 124)
    do_all(engine)
    job = job_of(made)
    assert (job.state, job.attempt) == (JobState.FAILED, 1)
    assert "tokens long" in job.error
    assert_nothing_charged(user)


def test_a_plugin_file_that_was_tampered_with_is_not_used(
    ask: Ask, plugin: PlugIn, second_artist: User, make_real_plugin: Callable[..., PlugIn], engine: Engine,
    user: User,
) -> None:  # fmt: skip
    other = make_real_plugin(second_artist, name="Blobby", seed=1)
    mine, theirs = (str(PlugInVersion.objects.get(plugin=each).file.name) for each in (plugin, other))
    with default_storage.open(theirs) as file:
        content = file.read()
    default_storage.delete(mine)
    default_storage.save(mine, ContentFile(content))

    made = ask((plugin, 1.0))
    do_all(engine)

    assert "not the one that was registered" in job_of(made).error
    assert_nothing_charged(user)


def test_a_missing_plugin_file_is_tried_three_times(
    ask: Ask, plugin: PlugIn, engine: Engine, user: User, settings: Any
) -> None:
    settings.JOBS = replace(settings.JOBS, retry_seconds=0)
    assert plugin.current_version is not None
    default_storage.delete(plugin.current_version.file.name or "")
    made = ask((plugin, 1.0))
    assert do_all(engine) == 3
    job = job_of(made)
    assert (job.state, job.attempt) == (JobState.FAILED, 3)
    assert "FileNotFoundError" in job.error
    assert_nothing_charged(user)


def test_a_base_whose_files_changed_is_not_used(
    ask: Ask, base: BaseModel, engine: Engine, user: User
) -> None:
    made = ask()
    base.releases.update(fingerprint="ef" * 32)
    do_all(engine)
    assert "register the base again" in job_of(made).error
    assert_nothing_charged(user)


def test_a_device_that_is_gone_leaves_the_job_to_another_worker(
    ask: Ask, engine: Engine, settings: Any
) -> None:
    settings.JOBS = replace(settings.JOBS, retry_seconds=0)
    made = ask()
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")

    def lose_the_device(*_: object) -> None:
        raise DeviceUnavailable("cuda:0 is gone")

    attempt(job, engine=engine, lease=Lease(job), runner=lose_the_device)
    assert job_of(made).state == JobState.QUEUED
    assert do_all(engine) == 1


def test_a_hung_attempt_lets_its_lease_go(ask: Ask, engine: Engine, settings: object) -> None:
    settings.JOBS = replace(settings.JOBS, lease_seconds=1)  # type: ignore[attr-defined]  # pytest-django's settings
    ask()
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")
    stalled: list[bool] = []
    lease = Lease(job, stalled_after=0.5, on_stall=lambda: stalled.append(True))

    attempt(job, engine=engine, lease=lease, runner=lambda *_: time.sleep(3))

    assert stalled == [True]
    assert Job.objects.reap() == 1


def test_a_preview_that_cannot_be_kept_ends_nothing(
    ask: Ask, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask(steps=20)
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")
    save, refused = default_storage.save, []

    def refuse_previews(name: str, content: ContentFile[bytes]) -> str:
        if name.startswith("jobs/previews/"):
            refused.append(name)
            raise OSError("no space left on device")
        return save(name, content)

    monkeypatch.setattr(default_storage, "save", refuse_previews)
    attempt(job, engine=engine, lease=Lease(job, report_every=0))

    assert job_of(made).state == JobState.SUCCEEDED
    assert len(refused) == 2


def test_a_storage_that_fails_for_a_moment_costs_no_attempt(
    ask: Ask, plugin: PlugIn, engine: Engine, artist: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask((plugin, 1.0))
    save, failures = default_storage.save, [OSError("the bucket is busy"), OSError("and again")]

    def fail_twice(name: str, content: ContentFile[bytes]) -> str:
        if name.startswith("pictures/") and failures:
            raise failures.pop()
        return save(name, content)

    monkeypatch.setattr(patience, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(default_storage, "save", fail_twice)
    assert do_all(engine) == 1

    job = job_of(made)
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1)
    assert earnings(artist) == 45_000


def test_what_a_late_attempt_wrote_is_deleted_after_a_while(ask: Ask, engine: Engine) -> None:
    made = ask()
    do_all(engine)
    kept = made.pictures.get().file.name or ""
    late = default_storage.save(f"pictures/{made.pk}/7/0.png", ContentFile(b"late"))
    sweep()
    assert default_storage.exists(late)

    Job.objects.filter(pk=made.pk).update(finished_at=Now() - timedelta(hours=2))
    sweep()

    assert not default_storage.exists(late)
    assert default_storage.exists(kept)
