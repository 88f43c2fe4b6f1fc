"""Find versions of uploaded plug-ins that an earlier reader read wrongly, and tell their artists."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from market.catalog.rereading import start_rereading, without_files


class Command(BaseCommand):
    help = (
        "Read uploaded plug-ins again that were read by an earlier version of the program. A worker does it; an artist whose version "
        "differs from their file is written to. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        jobs = start_rereading()
        self.stdout.write(f"{len(jobs)} files are being read again.")
        for version in without_files():
            self.stdout.write(
                f"{version} ({version.plugin.owner.email}) was uploaded before files were kept: only its artist can send it again."
            )
