"""Register a base model from a directory on the workers, or from a hub."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from market.accounts.models import User
from market.basemodels.models import Licence
from market.basemodels.prices import euros
from market.basemodels.registering import register_base
from market.commands import RefusableCommand
from market.jobs.models import Job
from market.jobs.states import JobState


class Command(RefusableCommand):
    help = (
        "Register a diffusers directory below BASE_MODEL_DIRS, or with ALLOW_HUB a model of a hub, as a base model; a worker checks "
        "it, then its owner can list it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", nargs="?", default="", help="the directory, as the workers see it")
        parser.add_argument("--hub", default="", help="instead: organisation/model on the hub")
        parser.add_argument("--revision", default="", help="with --hub: the hash of a commit")
        parser.add_argument("--owner", required=True, help="email address of a model owner")
        parser.add_argument("--slug", required=True, help="its public address: bases/SLUG/")
        parser.add_argument("--name", required=True)
        parser.add_argument("--description", default="")
        parser.add_argument("--licence", required=True, choices=Licence.values)
        parser.add_argument("--licence-url", default="")
        parser.add_argument("--fee", type=euros, default=0, help="euros per picture (default 0)")
        parser.add_argument("--wait", type=float, default=0, help="seconds to wait for the check (default 0)")

    def handle(self, *args: Any, path: str, owner: str, wait: float, **options: Any) -> None:
        person = User.objects.filter(email=owner.strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody has the email address {owner}.")
        fields = {name: options[name] for name in ("slug", "name", "description", "licence", "licence_url")}
        hub = (options["hub"], options["revision"]) if options["hub"] else None
        base = register_base(person, fields | {"fee_micros": options["fee"]}, source=path, hub=hub, by=None)
        self.stdout.write(f"{base.name} is registered as {base.get_absolute_url()}; a worker checks it.")
        if wait and base.check_job is not None:
            self._follow(base.check_job, wait)

    def _follow(self, job: Job, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            job.refresh_from_db()
            if job.state == JobState.SUCCEEDED:
                self.stdout.write("It passed. Its owner can list it now.")
                return
            if job.has_ended:
                raise CommandError(f"It did not pass: {job.error or 'the check was cancelled.'}")
            if time.monotonic() > deadline:
                raise CommandError(f"No result within {seconds:g} s; follow {job.get_absolute_url()}.")
            time.sleep(0.5)
