"""Give an uploaded base model other weights, as its owner's pages do."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from market.basemodels.checking import confirm_weights
from market.basemodels.models import BaseModel
from market.basemodels.replacing import propose_weights, withdraw_weights
from market.commands import RefusableCommand


class Command(RefusableCommand):
    help = "In the name of its owner: have another upload of a base model checked, then confirm its weights or withdraw it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("base", help="the base model's slug, as in its address")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--upload", type=UUID, help="number of a complete upload of its owner's, to be checked"
        )
        what.add_argument("--confirm", metavar="FINGERPRINT", help="the weights that the check found")
        what.add_argument("--withdraw", action="store_true", help="stay with the weights in use")

    def handle(self, *_args: Any, **options: Any) -> None:
        base = BaseModel.objects.select_related("owner").filter(slug=options["base"]).first()
        if base is None:
            raise CommandError(f"There is no base model {options['base']}.")
        if options["upload"]:
            job = propose_weights(base, base.owner, options["upload"])
            said = f"Queued as job {job.pk}. Confirm the weights that it finds with --confirm."
        elif options["withdraw"]:
            withdraw_weights(base, base.owner)
            said = "The weights in use stay."
        else:
            said = f"{confirm_weights(base, base.owner, options['confirm'])} is in use."
        self.stdout.write(said)
