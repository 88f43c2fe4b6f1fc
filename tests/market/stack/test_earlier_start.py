"""A database that an earlier `./run` made: it goes on, or is refused before anything in it is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

pytestmark = pytest.mark.django_db

Names = set[tuple[str, str]]


def earlier() -> Names:
    lines = Path(__file__).with_name("earlier_migrations.txt").read_text().splitlines()
    return {
        (app, name) for app, _, name in (line.partition(".") for line in lines if not line.startswith("#"))
    }


def note(names: Names) -> None:
    """Have the database, which is like the earlier one but for the order of a table's columns, name these as applied."""
    recorder = MigrationRecorder(connection)
    recorder.flush()
    for app, name in sorted(names):
        recorder.record_applied(app, name)


def noted() -> Names:
    return set(MigrationRecorder(connection).applied_migrations())


def tables() -> set[str]:
    return set(connection.introspection.table_names())


def test_every_migration_of_then_is_replaced_or_still_there() -> None:
    now = MigrationLoader(None).disk_migrations

    assert earlier() == {old for migration in now.values() for old in migration.replaces} | {
        key for key, migration in now.items() if not migration.replaces
    }


@pytest.mark.parametrize("command", ["migrate", "prepare"])
def test_a_whole_database_goes_on(command: str) -> None:
    note(earlier())
    before = tables()

    call_command(command, skip_checks=False, verbosity=0)

    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert noted() == earlier() | set(MigrationLoader(None).disk_migrations)
    assert tables() == before


@pytest.mark.parametrize("command", ["migrate", "prepare"])
@pytest.mark.parametrize(
    "lacking", [("ledger", "0009_figures_by_month"), ("accounts", "0001_people"), ("catalog", "0003_shares")]
)
def test_a_database_that_was_not_up_to_date_is_refused_untouched(
    command: str, lacking: tuple[str, str]
) -> None:
    names = earlier() - {lacking}
    note(names)
    before = tables()

    with pytest.raises(SystemCheckError, match=rf"(?s)it lacks {'.'.join(lacking)}\..*Nothing was changed"):
        call_command(command, skip_checks=False, verbosity=0)

    assert noted() == names
    assert tables() == before


@pytest.mark.parametrize("names", [set(), {("contenttypes", "0001_initial")}], ids=["new", "just begun"])
def test_a_new_database_is_not_taken_for_an_earlier_one(names: Names) -> None:
    note(names)

    assert checks.run_checks(tags=[checks.Tags.database], databases=["default"]) == []


def test_a_database_of_today_is_not_taken_for_an_earlier_one() -> None:
    assert checks.run_checks(tags=[checks.Tags.database], databases=["default"]) == []
