"""`manage.py retrain_plugin`: have a plug-in that dropped on a release trained again, and accept or decline the result."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from market.commands import RefusableCommand
from market.extractions.models import Retest, RetrainingState
from market.extractions.retraining import accept_retraining, decline_retraining, start_retraining


class Command(RefusableCommand):
    help = "Train a plug-in that dropped on a release again, in its artist's name; then accept or decline the new version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "retest", type=int, help="the number of the retest, as in the address of its page"
        )
        decision = parser.add_mutually_exclusive_group()
        decision.add_argument("--accept", action="store_true", help="draw with the version that was trained")
        decision.add_argument("--decline", action="store_true", help="stay with the version that there was")

    def handle(self, *_args: Any, **options: Any) -> None:
        retest = (
            Retest.objects.select_related("version__plugin__owner", "build__release__base", "build__base")
            .filter(pk=options["retest"])
            .first()
        )
        if retest is None:
            raise CommandError(f"There is no retest {options['retest']}.")
        artist = retest.version.plugin.owner
        if not options["accept"] and not options["decline"]:
            begun = start_retraining(retest, artist)
            self.stdout.write(
                f"Queued as job {begun.job_id}. Both sets will be at {begun.get_absolute_url()}"
            )
            return
        done = retest.retrainings.exclude(state=RetrainingState.FAILED).first()
        if done is None:
            raise CommandError(
                "It was not trained again. Leave out --accept and --decline to have it trained."
            )
        (accept_retraining if options["accept"] else decline_retraining)(done, artist)
        self.stdout.write(f"{done.get_state_display()}.")
