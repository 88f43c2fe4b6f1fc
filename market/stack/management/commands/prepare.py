"""Bring the database and the static files up to date: what every start of the market needs first."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from market.jobs.models import Worker
from market.stack import seed as seeding


class Command(BaseCommand):
    help = "Apply migrations, gather static files and, on the first start only, seed the demo."

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

    def handle(
        self, *args: Any, seed: bool, forget_workers: bool, application_role: str | None, **options: Any
    ) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=self.stdout)
        if application_role:
            call_command("ledger_role", application_role, stdout=self.stdout)
        if not settings.DEBUG:
            call_command("collectstatic", interactive=False, verbosity=0, stdout=self.stdout)
        if forget_workers:
            Worker.objects.all().delete()
        if seed:
            call_command("seed_demo", "--first-start-only", stdout=self.stdout)
        seeding.register_base()
