"""Commands that do what a page does, with the same refusals."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from market.refusals import Refused


class RefusableCommand(BaseCommand):
    def execute(self, *args: Any, **options: Any) -> str | None:
        """Print a refusal as a command prints its errors."""
        try:
            return super().execute(*args, **options)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
