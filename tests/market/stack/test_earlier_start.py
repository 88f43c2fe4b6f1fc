"""A database that an earlier `./run` made: it goes on, or is refused before anything in it is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from market.accounts.models import User
from market.disputes.deciding import decide_dispute
from market.disputes.models import Dispute, DisputeState
from market.disputes.opening import file_dispute, open_dispute
from market.generation.models import GenerationRequest
from market.sql import LoadSql
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, take_down_plugin
from tests.market.stage import escrow, make_base, make_plugin, paid_query, top_up

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


def names_of_the_schema() -> set[str]:
    """Name what tables, indexes, sequences and constraints there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
            "UNION ALL SELECT conrelid::regclass || ' ' || conname FROM pg_constraint"
        )
        return {name for (name,) in cursor.fetchall()}


def check_rows_now() -> None:
    """A table is not altered while rows of it are still to be looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def go_back(patch: pytest.MonkeyPatch) -> None:
    """Undo the migrations that have come since the market's were squashed, but for SQL files: those can be loaded again."""
    now = MigrationLoader(None).disk_migrations
    since = {key for key, migration in now.items() if not migration.replaces} - earlier()
    last = [
        (app, max((key[1] for key in now.keys() - since if key[0] == app), default=None)) for app, _ in since
    ]
    check_rows_now()
    patch.setattr(LoadSql, "reversible", True)
    patch.setattr(LoadSql, "database_backwards", lambda *_: None)
    MigrationExecutor(connection).migrate(last)
    apply = MigrationExecutor.apply_migration

    def applied(*given: Any, **named: Any) -> Any:
        # A real start commits after each migration. Here they share the test's transaction.
        state = apply(*given, **named)
        check_rows_now()
        return state

    patch.setattr(MigrationExecutor, "apply_migration", applied)


def test_every_migration_of_then_is_replaced_or_still_there() -> None:
    now = MigrationLoader(None).disk_migrations
    replaced = {old for migration in now.values() for old in migration.replaces}

    assert earlier() <= replaced | set(now)
    assert replaced <= earlier()


def test_a_base_that_was_listed_under_a_licence_without_commercial_use_is_taken_off_the_list(
    model_owner: User,
) -> None:
    base, other = make_base(model_owner), make_base(model_owner, slug="other", fingerprint="8" * 64)
    check_rows_now()
    MigrationExecutor(connection).migrate([("basemodels", "0002_past_fees")])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE basemodels_basemodel SET licence = 'CC-BY-NC-4.0' WHERE id = %s", [base.pk])
    check_rows_now()
    call_command("migrate", verbosity=0)

    base.refresh_from_db()
    other.refresh_from_db()
    assert (base.listed, other.listed) == (False, True)


@pytest.mark.parametrize("command", ["migrate", "prepare"])
def test_a_whole_database_goes_on(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names_of_the_schema()
    go_back(monkeypatch)
    note(earlier())

    call_command(command, skip_checks=False, verbosity=0)

    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    assert noted() == earlier() | set(MigrationLoader(None).disk_migrations)
    assert names_of_the_schema() == before


def test_disputes_that_were_among_the_claims_go_on(
    artist: User,
    second_artist: User,
    model_owner: User,
    user: User,
    admin: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database of the time before they had an app of their own: with a dispute that froze something, and a takedown's."""
    top_up(user)
    base = make_base(model_owner)
    plugin, other = make_plugin(artist, base, name="Foxes"), make_plugin(artist, base, name="Ink")
    paid_query(user, plugin)
    dispute = file_dispute(plugin=plugin, claimant=second_artist, reason="This is my drawing of 2019.")
    open_dispute(dispute, admin)
    takedown = take_down_plugin(other, admin, Cause(Ground.NOTICE, "A letter of 3 May."))
    before, frozen = names_of_the_schema(), escrow(artist)
    models = set(ContentType.objects.filter(app_label="disputes").values_list("pk", "model"))
    assert frozen
    assert models

    go_back(monkeypatch)
    assert {"claims_dispute", "claims_freeze"} <= tables()
    call_command("migrate", skip_checks=False, verbosity=0)

    assert names_of_the_schema() == before
    assert set(ContentType.objects.filter(app_label="disputes").values_list("pk", "model")) == models
    assert [each.amount for each in dispute.freezes.all()] == [frozen]
    drawn = GenerationRequest.objects.get()
    assert (drawn.width, drawn.height, drawn.sampler) == (base.resolution, base.resolution, "")
    takedown.refresh_from_db()
    assert Dispute.objects.get(takedowns=takedown) == takedown.dispute
    decide_dispute(Dispute.objects.get(pk=dispute.pk), admin, DisputeState.RELEASED, "It is theirs.")
    assert escrow(artist) == 0


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
