"""`manage.py restore_backup FOLDER`: bring a backup into an empty deployment, and verify its ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.configuration import ROOT
from market.stack.backup import BadBackup, database, restore
from market.stack.lock import AlreadyRunning, StackLock


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database and an empty folder of files, with its keys, and verify the ledger. "
        "No market may run on this DATA_DIR meanwhile."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="one backup: the folder with its manifest.json")

    def handle(self, *args: Any, **options: Any) -> None:
        config = settings.CONFIG
        lock = StackLock(config.data_dir)
        if not config.text("DATABASE_URL"):
            try:
                lock.acquire("restoring a backup")
            except AlreadyRunning as running:
                raise CommandError(f"{running} Stop it first.") from running
        try:
            manifest = restore(config, options["folder"].resolve())
            self.stdout.write(f"restored the backup of {manifest.made}, {manifest.sealed} transfers sealed")
            with database(config) as url:
                # In a separate process, which reads the keys that were just written.
                command = [sys.executable, str(ROOT / "manage.py"), "verify_ledger"]
                done = subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False)
        except (BadBackup, OSError) as wrong:
            raise CommandError(str(wrong)) from wrong
        finally:
            lock.release()
        if done.returncode:
            raise CommandError("the restored ledger does not verify: see above, and keep this backup away")
