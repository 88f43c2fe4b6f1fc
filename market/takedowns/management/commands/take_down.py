"""`manage.py take_down`: take a plug-in or a picture down as the page does, for scripts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from market.accounts.models import User
from market.catalog.models import PlugIn
from market.commands import RefusableCommand
from market.generation.models import Picture
from market.takedowns.models import Takedown
from market.takedowns.states import Ground
from market.takedowns.taking_down import Cause, take_down_picture, take_down_plugin


def person_with(address: str) -> User:
    person = User.objects.filter(email=address.lower()).first()
    if person is None:
        raise CommandError(f"There is nobody with the address {address}.")
    return person


class Command(RefusableCommand):
    help = "Take a plug-in, or a picture, from everybody at once. `manage.py restore` undoes it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        thing = parser.add_mutually_exclusive_group(required=True)
        thing.add_argument("--plugin", metavar="SLUG", help="the plug-in's slug, as in its address")
        thing.add_argument("--picture", metavar="ID", help="the picture's id, as in its address")
        parser.add_argument("--by", metavar="EMAIL", required=True, help="the admin who does it")
        parser.add_argument(
            "--ground", required=True, choices=[each.value for each in Ground if each != Ground.CLAIM]
        )
        parser.add_argument(
            "--reason", required=True, help="the notice, or what is wrong: both sides read it"
        )
        parser.add_argument(
            "--complainant", metavar="EMAIL", help="who asked for it, if they have an account"
        )
        parser.add_argument(
            "--with-pictures", action="store_true", help="hide all that the plug-in drew, too"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        admin = person_with(options["by"])
        complainant = person_with(options["complainant"]) if options["complainant"] else None
        cause = Cause(Ground(options["ground"]), options["reason"], complainant)
        made = self._take_down(options, admin, cause)
        self.stdout.write(f"{made.target} is taken down: number {made.pk}, {made.get_absolute_url()}")

    def _take_down(self, options: dict[str, Any], by: User, cause: Cause) -> Takedown:
        if options["picture"]:
            if options["with_pictures"]:
                raise CommandError("--with-pictures goes with --plugin.")
            return take_down_picture(_picture(options["picture"]), by, cause)
        plugin = PlugIn.objects.with_everything().filter(slug=options["plugin"]).first()
        if plugin is None:
            raise CommandError(f"There is no plug-in {options['plugin']}.")
        return take_down_plugin(plugin, by, cause, pictures=options["with_pictures"])


def _picture(pk: str) -> Picture:
    try:
        return Picture.objects.kept().select_related("request__person").get(pk=pk)
    except (Picture.DoesNotExist, ValidationError) as error:
        raise CommandError(f"There is no picture {pk}.") from error
