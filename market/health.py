"""Whether the process lives (/healthz), and whether the market can serve people (/readyz), check by check.

The answers are public, so they say in general words what is wrong. Details belong in the log.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.cache import cache, caches
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis

from market import services
from market.configuration import Configuration
from market.jobs.models import Worker
from market.jobs.sweeping import went_round_lately

log = logging.getLogger(__name__)

LEAST_FREE = 100_000_000
"""With fewer free bytes on the disk, writing files may fail."""


class NotReady(Exception):
    """Say in a few public words what is missing."""


def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady("some migrations are not applied: run python manage.py migrate")


def broker() -> None:
    config: Configuration = settings.CONFIG
    url = services.client_url(services.broker_url(config))
    with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()


def cached() -> None:
    cache.get("ready")
    if getattr(caches["default"], "is_away", False):
        raise NotReady("it does not answer; each process uses its own memory")


def workers() -> None:
    if not Worker.objects.alive().exists():
        raise NotReady("no worker has reported lately")


def worker_processes() -> None:
    there, expected = Worker.objects.alive().count(), settings.CONFIG.number("WORKERS")
    if there < expected:
        raise NotReady(f"{there} of {expected} worker processes have reported lately")


def sweeper() -> None:
    if not went_round_lately():
        raise NotReady("the sweeper has not gone round lately: jobs that were lost stay lost")


def storage() -> None:
    default_storage.exists("ready")  # which asks a bucket
    if not isinstance(default_storage, FileSystemStorage):
        return
    folder = Path(default_storage.location)
    while not folder.exists():
        folder = folder.parent  # it does not exist before the first file is written
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise NotReady("files cannot be written")
    if shutil.disk_usage(folder).free < LEAST_FREE:
        raise NotReady("the disk is full")


CHECKS: dict[str, Callable[[], None]] = {
    "database": database,
    "migrations": migrations,
    "broker": broker,
    "cache": cached,
    "workers": workers,
    "worker_processes": worker_processes,
    "sweeper": sweeper,
    "storage": storage,
}
"""Strangers can ask these too, so they write nothing."""
DISPENSABLE = {"broker", "cache", "worker_processes", "sweeper"}
"""Without these the market still serves people, if slower. The answer reports them, but the status stays 200."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process works at all."""
    return JsonResponse({"ok": True})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if every check passes that people depend on, else 503. The body tells each check's result and duration."""
    checks = {name: outcome(name, check) for name, check in CHECKS.items()}
    ok = all(check["ok"] for name, check in checks.items() if name not in DISPENSABLE)
    return JsonResponse({"ok": ok, "checks": checks}, status=200 if ok else 503)


def outcome(name: str, check: Callable[[], None]) -> dict[str, bool | str | float]:
    started = time.perf_counter()
    problem = ""
    try:
        check()
    except NotReady as missing:
        problem = str(missing)
    except Exception as error:
        # Whatever a driver raises means the same here: the service does not work.
        log.warning("not ready: %s", name, exc_info=True)
        problem = f"failed ({type(error).__name__})"
    result: dict[str, bool | str | float] = {
        "ok": not problem,
        "milliseconds": round(1000 * (time.perf_counter() - started), 1),
    }
    if problem:
        result["problem"] = problem
    return result
