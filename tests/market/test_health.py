from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from market.jobs.models import Worker


@pytest.fixture
def worker(db: None) -> None:
    Worker.objects.report(name="worker1@test", kinds=["generation"], device="cpu")


def readyz(client: Client, status: int) -> dict[str, Any]:
    response = client.get("/readyz")
    assert response.status_code == status, response.content
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    return dict(response.json()["checks"])


def test_the_process_answers_that_it_lives_without_asking_any_service(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"ok": True})


def test_the_market_is_ready_when_every_check_passes(client: Client, worker: None) -> None:
    checks = readyz(client, 200)

    assert set(checks) == {"database", "migrations", "broker", "cache", "workers", "storage"}
    assert all(check["ok"] for check in checks.values())


def test_it_is_not_ready_without_a_worker_that_reported_lately(client: Client, db: None) -> None:
    checks = readyz(client, 503)

    assert [name for name, check in checks.items() if not check["ok"]] == ["workers"]
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


def test_it_is_not_ready_when_files_cannot_be_written(client: Client, worker: None) -> None:
    # A file where the folder should be: permissions would not stop root.
    folder = Path(settings.MEDIA_ROOT) / "health"
    if folder.exists():
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.touch()
    try:
        checks = readyz(client, 503)
    finally:
        folder.unlink()

    assert not checks["storage"]["ok"]
    assert str(folder) not in str(checks), "the answer is public"


def test_the_storage_check_leaves_nothing_behind(client: Client, worker: None) -> None:
    readyz(client, 200)

    assert os.listdir(Path(settings.MEDIA_ROOT) / "health") == []  # noqa: PTH208


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_read(client: Client, db: None, path: str) -> None:
    assert client.post(path).status_code == 405
