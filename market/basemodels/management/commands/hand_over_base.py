"""Give a base model to another model owner."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.registering import hand_over
from market.commands import RefusableCommand


class Command(RefusableCommand):
    help = (
        "Give a base model, such as the embedded one, to a model owner: from then on its fee is paid to them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base", help="the base model's slug, as in its address")
        parser.add_argument("to", help="email address of a model owner")

    def handle(self, *args: Any, base: str, to: str, **options: Any) -> None:
        found = BaseModel.objects.filter(slug=base).first()
        if found is None:
            known = ", ".join(BaseModel.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no base model {base}; registered are: {known}.")
        person = User.objects.filter(email=to.strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody has the email address {to}.")
        hand_over(found, person, by=None)
        self.stdout.write(f"{found.name} is {person}'s now.")
