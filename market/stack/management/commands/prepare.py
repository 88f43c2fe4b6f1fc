"""Bring the database and the static files up to date: what every start of the market needs first."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor

from market.jobs.models import Worker
from market.seeding import seed as seeding


class Command(BaseCommand):
    help = "Apply migrations, gather static files, offer the embedded base model; on the first start seed the demo."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", action="store_true", help="seed the demo, unless it was seeded before")
        parser.add_argument(
            "--forget-workers",
            action="store_true",
            help="forget workers that have reported: none runs, because this machine alone uses the database",
        )
        parser.add_argument(
            "--application-role",
            help="the role that the application connects as, if it is not the one that migrates",
        )

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[Any, Any]:
        """Check the database, too, before anything is done to it."""
        return {**super().get_check_kwargs(options), "databases": [DEFAULT_DB_ALIAS]}

    def handle(
        self, *args: Any, seed: bool, forget_workers: bool, application_role: str | None, **options: Any
    ) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=self.stdout)
        else:
            # Note a migration as applied if all migrations that it replaces are.
            executor.check_replacements()
        if application_role:
            # At each start: an earlier one may have been killed between the two.
            call_command("ledger_role", application_role, stdout=self.stdout)
        close_folders()
        if not settings.DEBUG:
            gather_static_files()
        if forget_workers:
            Worker.objects.all().delete()
        if seed:
            call_command("seed_demo", "--first-start-only", stdout=self.stdout)
        seeding.register_base()


def close_folders() -> None:
    """Close folders that earlier versions left open to other users."""
    for folder in (Path(settings.MEDIA_ROOT), settings.DATA_DIR / "mail", settings.DATA_DIR / "log"):
        if folder.is_dir():
            folder.chmod(0o700)


def gather_static_files() -> None:
    """Collect, hash and compress the static files if one of them changed since the last time."""
    kept = Path(settings.STATIC_ROOT) / "sources.sha256"
    found = static_sources()
    if kept.exists() and kept.read_text() == found:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    kept.write_text(found)


def static_sources() -> str:
    """Return a digest of the names, sizes and times of all static files as they lie in the packages."""
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for name, storage in finder.list(None):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
