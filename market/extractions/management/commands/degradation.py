"""`manage.py degradation BASE`: print what the page of that name shows, as a table."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from market.basemodels.models import BaseModel
from market.extractions.degradation import HEADER, degradation_of


class Command(BaseCommand):
    help = "Show how well each release of a base model draws what was not taken out of it, and what the next extraction is predicted to leave."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("base", help="the base model's slug, as in its address")

    def handle(self, *_args: Any, **options: Any) -> None:
        base = BaseModel.objects.filter(slug=options["base"]).first()
        if base is None:
            known = ", ".join(BaseModel.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no base model {options['base']}; registered are: {known}.")
        found = degradation_of(base)
        if not found:
            self.stdout.write(f"No release of {base.name} was built yet, so nothing was measured.")
            return
        rows = [HEADER, *([str(cell) for cell in row] for row in found.rows())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        for warning in found.warnings:
            self.stdout.write(self.style.WARNING(warning))
