"""`manage.py combine_plugins`: queue a combination as the page does, for scripts."""

from __future__ import annotations

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from market.accounts.models import User
from market.basemodels.prices import euros
from market.catalog.models import PlugIn
from market.combinations.orders import CombinationOrder
from market.combinations.requesting import request
from market.commands import RefusableCommand
from market.ledger.money import formatted


class Command(RefusableCommand):
    help = "Queue the combining of several plug-ins of one base into one; a worker makes it, and it is private to the person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plugins", nargs="+", metavar="PLUGIN", help="their slugs, as in their addresses")
        parser.add_argument("--by", metavar="EMAIL", required=True, help="who combines them, and pays for it")
        parser.add_argument("--name", default="", help="of the result (default: the names of the parts)")
        parser.add_argument("--price", metavar="EUROS", help="of a picture (default: the least it may be)")

    def handle(self, *_args: Any, **options: Any) -> None:
        by = User.objects.filter(email=options["by"]).first()
        if by is None:
            raise CommandError(f"There is nobody with the address {options['by']}.")
        plugins = []
        for slug in options["plugins"]:
            plugin = PlugIn.objects.visible_to(by).filter(slug=slug).first()
            if plugin is None:
                raise CommandError(
                    f"{by} sees no plug-in “{slug}”: expected the last part of its page's address."
                )
            plugins.append(plugin)
        order = CombinationOrder(plugins, options["name"], _micros(options["price"]))
        made = request(by, order, key=uuid.uuid4())
        self.stdout.write(
            f"Queued as job {made.job_id}. Combining costs {formatted(made.fee_micros)}, a picture with it "
            f"{formatted(made.price_micros)}. It will be at {made.get_absolute_url()}"
        )


def _micros(typed: str | None) -> int | None:
    if typed is None:
        return None
    try:
        return euros(typed)
    except ValueError:
        raise CommandError(f"--price {typed}: expected euros, such as 0.08.") from None
