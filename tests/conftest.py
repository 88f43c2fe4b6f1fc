"""Start the tests' own PostgreSQL and Valkey, and stop them at the end.

The environment is set while this file is imported, before Django reads its settings: no variable of the developer
may lead a test to their database, broker or files. Under pytest-xdist the controller starts the services once, and
each of its workers makes a database of its own on them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django
import psycopg
import pytest
from django.conf import settings
from django.db import connections, transaction
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from market import configuration
from market.configuration import ROOT
from market.stack.embedded import EmbeddedService, Postgres, Valkey, start_alone
from tests import dates, migrated

# Set by whoever started the services: pytest-xdist's controller for its workers, or tests.mutation for the mutants' tests.
FOLDER = "TESTS_FOLDER"

BROWSER = "tests/browser"

# So many seconds before midnight in UTC no test begins: what is of today as it begins is of today as it ends.
QUIET_BEFORE_MIDNIGHT = 5

is_controller = FOLDER not in os.environ


def _services(folder: Path) -> tuple[Postgres, Valkey]:
    return (
        Postgres(folder / "postgres", folder / "run" / "pg", durable=False),
        Valkey(folder / "valkey", folder / "run" / "valkey.sock", durable=False),
    )


def _set_environment() -> Path:
    for variable in configuration.VARIABLES:
        os.environ.pop(variable.name, None)
    if is_controller:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="market-tests-")
    folder = Path(os.environ[FOLDER])
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    # Broker, cache and files of each xdist worker are apart; Valkey has 16 numbered databases.
    number = int(worker.removeprefix("gw")) * 2 % 16 if worker.startswith("gw") else 0
    postgres, valkey = _services(folder)
    # Before torch is loaded: its threads leave their core to another process while they wait, instead of spinning on it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "market.settings",
        "DATA_DIR": str(folder / worker),
        "MEDIA_ROOT": str(folder / worker / "media"),
        "SECRET_KEY": "only-for-tests-" * 4,
        "DATABASE_URL": postgres.url(role=postgres.owner),  # it makes the test databases
        "BROKER_URL": valkey.url(number),
        "DEVICE": "cpu",
        "LOG_LEVEL": "WARNING",
    }
    return folder


_folder = _set_environment()
# Before pytest imports the conftest.py files further down, which import models.
django.setup()
# xdist's workers inherit this environment, and with that variable in it pytest-django would read the settings in them
# before this file gives them a broker and files of their own.
del os.environ["DJANGO_SETTINGS_MODULE"]
# Django has made the process's time zone its own. The database, and whatever asks for the local time, are to see where the machine stands.
if zone := os.environ.get(dates.ZONE):
    os.environ["TZ"] = zone
    time.tzset()
# A test database is a copy of the migrated one.
connections.settings["default"]["TEST"]["TEMPLATE"] = migrated.DATABASE
if Path(os.environ["MEDIA_ROOT"]) != settings.MEDIA_ROOT:
    raise RuntimeError(f"the settings were read too early: files would go to {settings.MEDIA_ROOT}")
# Hashing the passwords of the cast as slowly as a production does would be most of the time of a run.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Hashed names need `collectstatic` first; test_settings.py runs that for real.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


if is_controller:
    # Also when pytest ends before it is configured, as it does over an error in another conftest.py.
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)

_running: list[tuple[EmbeddedService, subprocess.Popen[bytes]]] = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if is_controller and not config.option.collectonly:
        start_services()


def start_services() -> None:
    migrated.copy_to(_folder / "postgres")
    if zone := os.environ.get(dates.ZONE):
        with (_folder / "postgres" / "postgresql.conf").open("a") as file:
            file.write(f"timezone = '{zone}'\n")
    for service in _services(_folder):
        _running.append((service, start_alone(service, _folder / f"{service.name}.log")))
    _let_tests_pass_triggers()


def _let_tests_pass_triggers() -> None:
    """Grant what the fixture below needs to empty append-only tables; the application's role lacks it elsewhere."""
    postgres, _ = _services(_folder)
    with psycopg.connect(postgres.url(role="postgres", database="postgres"), autocommit=True) as connection:
        connection.execute(f"GRANT SET ON PARAMETER session_replication_role TO {postgres.owner}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: one that comes last is waited for by all other processes."""
    long = {
        item.path for item in items if item.get_closest_marker("slow") or item.path.parent == ROOT / BROWSER
    }
    items.sort(key=lambda item: item.path not in long)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Give a file's tests to one process, and all files of the browser's tests: the market that they use is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return BROWSER if file.startswith(f"{BROWSER}/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    stop_services()


def stop_services() -> None:
    """Stop what this process started; in workers of pytest-xdist that is nothing."""
    while _running:
        service, process = _running.pop()
        # Nothing here outlives the run: PostgreSQL stops at once, without a checkpoint.
        process.send_signal(signal.SIGQUIT if isinstance(service, Postgres) else service.stop_signal)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_midnight(now: datetime) -> float:
    """Say how many seconds are left of the day, in UTC."""
    next_day = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (next_day - now).total_seconds()


@pytest.fixture(autouse=True)
def no_test_begins_just_before_midnight() -> None:
    left = until_midnight(datetime.now(UTC))
    if left < QUIET_BEFORE_MIDNIGHT:
        time.sleep(left)


KEPT_TABLES = {"django_content_type", "auth_permission"}
"""Filled when the database is made, and never changed by a test: emptied, they would be filled anew after each flush."""


@pytest.fixture(autouse=True, scope="session")
def tables_are_emptied_after_transactional_tests() -> Iterator[None]:
    """Empty those tables that have rows, which takes a third of the time of truncating all.

    This flush gets past the triggers that refuse it for append-only tables; nothing else does.
    """

    # Not at the top: this module is imported before Django is set up.
    from django.db.backends.postgresql.operations import DatabaseOperations

    def sql_flush(self: DatabaseOperations, _style: object, tables: Sequence[str], **_: bool) -> list[str]:
        quoted = [self.quote_name(each) for each in tables if each not in KEPT_TABLES]
        # ruff takes the models' own names for a stranger's.
        asked = " UNION ALL ".join(f"SELECT '{each}' WHERE EXISTS (SELECT FROM {each})" for each in quoted)  # noqa: S608
        with self.connection.cursor() as cursor:
            cursor.execute(asked)
            return [f"DELETE FROM {each}" for (each,) in cursor.fetchall()]  # noqa: S608

    def execute_sql_flush(self: DatabaseOperations, sql_list: Sequence[str]) -> None:
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for sql in sql_list:
                cursor.execute(sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr(DatabaseOperations, "execute_sql_flush", execute_sql_flush)
        yield
