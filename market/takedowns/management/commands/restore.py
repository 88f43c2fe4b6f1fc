"""`manage.py restore`: undo a takedown as its page does, for scripts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from market.commands import RefusableCommand
from market.disputes.models import DECIDED, DisputeState
from market.takedowns.forms import KEEP_OPEN
from market.takedowns.management.commands.take_down import person_with
from market.takedowns.models import Takedown
from market.takedowns.taking_down import restore


class Command(RefusableCommand):
    help = "Undo a takedown: what it took down is as it was before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("takedown", type=int, help="its number, as in its address")
        parser.add_argument("--by", metavar="EMAIL", required=True, help="the admin who does it")
        parser.add_argument("--reason", required=True, help="both sides read it")
        parser.add_argument(
            "--money",
            choices=[KEEP_OPEN, *(each.value for each in DECIDED)],
            default=DisputeState.RELEASED.value,
            help="what becomes of what lies in escrow (default: back to who earned it)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        admin = person_with(options["by"])
        found = Takedown.objects.with_everything().filter(pk=options["takedown"]).first()
        if found is None:
            raise CommandError(f"There is no takedown {options['takedown']}.")
        money = None if options["money"] == KEEP_OPEN else DisputeState(options["money"])
        restore(found, admin, options["reason"], money=money)
        self.stdout.write(f"{found.target} is restored.")
