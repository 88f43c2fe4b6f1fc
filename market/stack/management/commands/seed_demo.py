"""Seed the demo."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from market.accounts.models import User
from market.seeding import seed
from market.seeding.plugins import seed_plugins


class Command(BaseCommand):
    help = "Make the demo's people, base model and plug-ins, those that are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--first-start-only", action="store_true", help="do nothing if anybody has an account already"
        )

    def handle(self, *args: Any, first_start_only: bool, **options: Any) -> None:
        if first_start_only and User.objects.exists():
            return
        password = seed.new_password()
        # One transaction: a start that is killed meanwhile leaves nothing, and the next start seeds.
        with transaction.atomic():
            people = seed.seed_people(password)
            base = seed.register_base(owner=people[seed.MODEL_OWNER])
            if base is not None:
                seed_plugins(base, people[: seed.ARTISTS], password)
            if any(person.check_password(password) for person in people):
                self.stdout.write(seed.note_accounts(settings.DATA_DIR / "demo-accounts.txt", password))
