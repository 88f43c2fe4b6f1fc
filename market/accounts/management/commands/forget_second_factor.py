"""Take the second factor of somebody who lost it, so that they can set up another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from market.accounts.models import User
from market.accounts.second_factor import forget
from market.commands import RefusableCommand


class Command(RefusableCommand):
    help = (
        "Take the second factor of somebody who lost it together with the recovery codes. With their password they sign in and set up "
        "another. Make sure first that it is they who ask."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="email address of the account")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        person = User.objects.filter(email=email.strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody has the email address {email}.")
        if not forget(person):
            raise CommandError(f"{person.email} has no second factor.")
        self.stdout.write(
            f"The second factor of {person.email} is gone. They set up another when they sign in."
        )
