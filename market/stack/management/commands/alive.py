"""Tell a container's health check whether its process does its work."""

from __future__ import annotations

import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from market.jobs.models import Worker
from market.jobs.sweeping import went_round_lately
from market.stack.serve import ask, local_address


class Command(BaseCommand):
    help = "Exit 0 if the web server, the worker of this host, the sweeper, or the database does its work."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["web", "worker", "sweeper", "database"])

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        if what == "web":
            alive = bool(ask(local_address(settings.CONFIG) + "/healthz").get("ok"))
        elif what == "worker":
            alive = Worker.objects.alive().filter(name__contains=f"@{socket.gethostname()}/").exists()
        elif what == "sweeper":
            alive = went_round_lately()
        else:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            alive = True
        if not alive:
            raise CommandError(f"{what} does not answer")
