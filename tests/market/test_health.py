from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from market import health
from market.jobs.models import LastSweep, Worker
from market.jobs.sweeping import sweep


@pytest.fixture
def worker(db: None) -> None:
    Worker.objects.report(name="worker1@test/1", kinds=["generation"], device="cpu")


def expect_worker_processes(settings: Any, number: int) -> None:
    settings.CONFIG = replace(settings.CONFIG, values={**settings.CONFIG.values, "WORKERS": number})


def readyz(client: Client, status: int) -> dict[str, Any]:
    response = client.get("/readyz")
    assert response.status_code == status, response.content
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    return dict(response.json()["checks"])


def test_the_process_answers_that_it_lives_without_asking_any_service(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"ok": True})


def test_the_market_is_ready_when_every_check_passes(client: Client, worker: None, settings: Any) -> None:
    expect_worker_processes(settings, 1)
    sweep()
    checks = readyz(client, 200)

    assert set(checks) == set(health.CHECKS)
    assert all(check["ok"] for check in checks.values())


def test_it_is_not_ready_without_a_worker_that_reported_lately(client: Client, db: None) -> None:
    checks = readyz(client, 503)

    assert {name for name, check in checks.items() if not check["ok"]} == {
        "workers",
        "worker_processes",
        "sweeper",
    }
    assert checks["workers"]["problem"] == "no worker has reported lately"


def test_a_worker_that_fell_silent_does_not_count(client: Client, worker: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_worker SET seen_at = now() - interval '1 hour'")

    assert not readyz(client, 503)["workers"]["ok"]


def test_it_is_not_ready_before_migrations_are_applied(client: Client, worker: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'jobs'")

    checks = readyz(client, 503)

    assert checks["migrations"]["problem"].startswith("some migrations are not applied")


def test_it_is_not_ready_when_files_cannot_be_written(
    client: Client, worker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file where the folder should be: permissions would not stop root.
    folder = tmp_path / "media"
    folder.touch()
    monkeypatch.setattr(health, "default_storage", FileSystemStorage(folder))

    checks = readyz(client, 503)

    assert checks["storage"]["problem"] == "files cannot be written"
    assert str(tmp_path) not in str(checks), "the answer is public"


def test_it_is_ready_before_the_first_file_is_written(
    client: Client, worker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "default_storage", FileSystemStorage(tmp_path / "data" / "media"))

    assert readyz(client, 200)["storage"]["ok"]
    assert list(tmp_path.iterdir()) == []


def test_it_is_not_ready_when_the_disk_is_full(
    client: Client, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LEAST_FREE", 1 << 60)

    assert readyz(client, 503)["storage"]["problem"] == "the disk is full"


def test_asking_writes_nothing(client: Client, worker: None) -> None:
    files = sorted(Path(settings.MEDIA_ROOT).rglob("*"))
    with CaptureQueriesContext(connection) as queries:
        readyz(client, 200)

    assert not [query["sql"] for query in queries if not query["sql"].strip().startswith("SELECT")]
    assert sorted(Path(settings.MEDIA_ROOT).rglob("*")) == files


def test_a_sweeper_that_does_not_go_round_is_told_and_people_are_served_on(
    client: Client, worker: None
) -> None:
    assert readyz(client, 200)["sweeper"]["problem"].startswith("the sweeper has not gone round lately")

    sweep()
    assert readyz(client, 200)["sweeper"]["ok"]
    call_command("alive", "sweeper")

    LastSweep.objects.update(ended_at=timezone.now() - timedelta(minutes=5))
    assert not readyz(client, 200)["sweeper"]["ok"]
    with pytest.raises(CommandError, match="sweeper does not answer"):
        call_command("alive", "sweeper")


def test_each_process_of_a_worker_is_watched(client: Client, worker: None, settings: Any) -> None:
    expect_worker_processes(settings, 2)
    checks = readyz(client, 200)
    assert checks["workers"]["ok"]
    assert checks["worker_processes"]["problem"] == "1 of 2 worker processes have reported lately"

    Worker.objects.report(name="worker1@test/2", kinds=["generation"], device="cpu")
    assert readyz(client, 200)["worker_processes"]["ok"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_read(client: Client, db: None, path: str) -> None:
    assert client.post(path).status_code == 405
