"""`manage.py backup FOLDER`: back up the whole market, once or repeatedly."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from market.stack.backup import BadBackup, back_up, check, forget_old


class Command(BaseCommand):
    help = "Back up database, files and keys into a new folder under FOLDER, and check what was written."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where backups lie, each in a folder named by its time")
        parser.add_argument("--keep", type=int, help="delete all but so many of the newest backups there")
        parser.add_argument(
            "--every", type=float, metavar="HOURS", help="go on, with a backup every so many hours"
        )
        parser.add_argument(
            "--without-keys", action="store_true", help="keep SECRET_KEY and SEAL_KEY out of it"
        )
        parser.add_argument("--check", action="store_true", help="only check the backup that FOLDER is")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].resolve()
        keep: int | None = options["keep"]
        every: float | None = options["every"]
        if keep is not None and keep < 1:
            raise CommandError(f"--keep {keep}: expected at least 1, or the new backup would be deleted too")
        if every is not None and not 0 < every <= 24 * 365:
            raise CommandError(f"--every {every:g}: expected hours, more than 0 and at most a year")
        while True:
            try:
                if options["check"]:
                    manifest = check(folder)
                    self.stdout.write(
                        f"{folder} is whole: made {manifest.made}, {manifest.sealed} transfers sealed"
                    )
                    return
                made = back_up(settings.CONFIG, folder, with_keys=not options["without_keys"])
            except (BadBackup, OSError) as wrong:
                if every is None:
                    raise CommandError(str(wrong)) from wrong
                self.stderr.write(f"no backup was made: {wrong}")
            else:
                self.stdout.write(f"{made}")
                for old in forget_old(folder, keep) if keep else []:
                    self.stdout.write(f"deleted {old}")
            if every is None:
                return
            time.sleep(3600 * every)
