"""`manage.py carry_plugins`: carry the plug-ins of a base over to its next generation, or answer for an artist."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from market.basemodels.models import BaseModel
from market.carrying.answering import accept, decline
from market.carrying.models import CarryOver
from market.carrying.starting import candidates, start_carrying
from market.commands import RefusableCommand


class Command(RefusableCommand):
    help = "Carry the plug-ins of a base over to its next generation, in its owner's name; or answer in an artist's name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="the address of the base that the plug-ins are for")
        parser.add_argument("target", help="the address of its next generation")
        answer = parser.add_mutually_exclusive_group()
        answer.add_argument(
            "--dry-run", action="store_true", help="only list them, with what stands in the way"
        )
        answer.add_argument("--accept", metavar="PLUGIN", help="accept what was carried over of this plug-in")
        answer.add_argument("--decline", metavar="PLUGIN", help="decline it")

    def handle(self, *_args: Any, **options: Any) -> None:
        source, target = _base(options["source"]), _base(options["target"])
        if named := options["accept"] or options["decline"]:
            carried = _carried(source, target, named)
            (accept if options["accept"] else decline)(carried, carried.version.plugin.owner)
            carried.refresh_from_db()
            self.stdout.write(f"{carried.get_state_display()}.")
            return
        for each in candidates(source, target):
            self.stdout.write(f"{each.plugin.slug}: {each.reason or 'is carried over'}")
        if options["dry_run"]:
            return
        for begun in start_carrying(source, target, source.owner):
            self.stdout.write(f"Queued as job {begun.job_id}: {begun.version.plugin.slug}")


def _base(slug: str) -> BaseModel:
    found = BaseModel.objects.select_related("owner").filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no base with the address {slug}.")
    return found


def _carried(source: BaseModel, target: BaseModel, slug: str) -> CarryOver:
    made = CarryOver.objects.with_everything().filter(upgrade__source=source, upgrade__target=target)
    found = made.filter(version__plugin__slug=slug).exclude(carried=None).first()
    if found is None:
        raise CommandError(f"Nothing was carried over of {slug} from {source.slug} to {target.slug}.")
    return found
