"""`manage.py extract_concept`: queue an extraction as the page does, for scripts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import LEARNED_KINDS
from market.commands import RefusableCommand
from market.extractions.forms import StartForm
from market.extractions.models import Method
from market.extractions.starting import start_extraction


class Command(RefusableCommand):
    help = "Queue the extraction of a concept from a base model; a worker makes it, and its owner decides on it in the pages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("base", help="the base model's slug, as in its address")
        parser.add_argument("concept", help="what calls it in a prompt")
        parser.add_argument("--kind", choices=[kind for kind, _ in LEARNED_KINDS], required=True)
        parser.add_argument("--by", metavar="EMAIL", help="who asks for it (default: the base's owner)")
        parser.add_argument("--claim", metavar="NUMBER", default="", help="an accepted claim about the base")
        parser.add_argument("--aliases", default="", help="other names, separated by commas")
        parser.add_argument("--anchor", default="", help="what to draw in its place (default: the nearest)")
        parser.add_argument("--method", choices=Method.values, default=Method.HYBRID.value)
        parser.add_argument("--pictures", type=int, default=100, help="of each group, to measure it")

    def handle(self, *_args: Any, **options: Any) -> None:
        base = BaseModel.objects.select_related("owner").filter(slug=options["base"]).first()
        if base is None:
            known = ", ".join(BaseModel.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no base model {options['base']}; registered are: {known}.")
        by = User.objects.filter(email=options["by"]).first() if options["by"] else base.owner
        if by is None:
            raise CommandError(f"There is nobody with the address {options['by']}.")
        form = StartForm({**options, "name": options["concept"], "retained": ""}, base=base)
        if not form.is_valid():
            wrong = [f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()]
            raise CommandError(" ".join(wrong))
        begun = start_extraction(base, by, form.order, claim=form.cleaned_data["claim"])
        self.stdout.write(f"Queued as job {begun.job_id}. Its report will be at {begun.get_absolute_url()}")
