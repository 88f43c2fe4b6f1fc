"""`manage.py take_back_extraction`: undo an approval as the page does."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from market.accounts.models import User
from market.commands import RefusableCommand
from market.extractions.deciding import take_back_extraction
from market.extractions.models import Extraction


class Command(RefusableCommand):
    help = "Take the approval of an extraction back; where a release was made with it, one without is built."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("extraction", type=int, help="its number, as in the address of its page")
        parser.add_argument("--because", required=True, help="why; who claimed the concept is told")
        parser.add_argument("--by", metavar="EMAIL", help="who takes it back (default: the base's owner)")

    def handle(self, *_args: Any, **options: Any) -> None:
        asked = (
            Extraction.objects.select_related("base__owner", "claim").filter(pk=options["extraction"]).first()
        )
        if asked is None:
            raise CommandError(f"There is no extraction {options['extraction']}.")
        by = User.objects.filter(email=options["by"]).first() if options["by"] else asked.base.owner
        if by is None:
            raise CommandError(f"There is nobody with the address {options['by']}.")
        build = take_back_extraction(asked, by, because=options["because"])
        after = (
            f"a release without it is built as job {build.job_id}" if build else "no release has to be built"
        )
        self.stdout.write(f"Taken back; {after}.")
