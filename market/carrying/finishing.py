"""What a worker carried over becomes a version that its artist can accept or decline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from market.carrying import mails
from market.carrying.models import CarryOver, CarryOverPicture, CarryOverState
from market.catalog import coowners
from market.catalog.models import CoOwnerTerms, PlugIn, PlugInVersion
from market.catalog.offering import bars_to_a_version
from market.catalog.versions import VersionOutput, add_version
from market.extractions.grids import Grids, rows_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.stored_files import files_undone


@dataclass(frozen=True)
class CarriedOutput:
    """What a worker made, what was measured of it, and how the samples are drawn before and after.

    made: None where what came of it is not good enough to be offered.
    """

    made: VersionOutput | None
    figures: Mapping[str, Any]
    grids: Grids


def complete_carrying(*, job: Job, token: int, output: CarriedOutput) -> CarryOver:
    """Keep what a worker made, and ask the artist.

    Raises catalog's BadResult, also if the plug-in was withdrawn or taken down, or its artist suspended meanwhile. Raises jobs'
    LeaseLost if the attempt no longer holds the job. Then nothing is kept.
    """
    with files_undone() as stored, transaction.atomic():
        ended = Job.objects.succeed(job.pk, token=token, result={})
        held = CarryOver.objects.select_for_update(of=("self",)).with_everything()
        begun = held.get(job=ended, state=CarryOverState.CARRYING)
        plugin = begun.version.plugin
        if not plugin.is_published:
            raise BadResult(
                f"{plugin.name} was withdrawn meanwhile. Publish it again, and carry it over then."
            )
        if reasons := bars_to_a_version(plugin.concept, plugin.owner):
            raise BadResult(" ".join(reasons))
        begun.figures = dict(output.figures)
        if output.made is None:
            begun.state = CarryOverState.UNFIT
        else:
            begun.carried = add_version(
                ended.parameters["plugin"],
                ended,
                output.made,
                affirmation=ended.parameters["affirmation"],
                works_count=begun.version.works_count,
                stored=stored,
                parts=(),
                take_up=False,
            )
            begun.state = CarryOverState.OFFERED
            begun.due_at = timezone.now() + timedelta(days=settings.CARRYING.answer_days)
            _offer_shares(plugin, begun.carried)
        begun.save(update_fields=["state", "carried", "figures", "due_at"])
        pictures = rows_of(CarryOverPicture, output.grids, of=begun)
        stored += [each.file for each in pictures]
        CarryOverPicture.objects.bulk_create(pictures)
        Job.objects.filter(pk=ended.pk).update(result={"carry_over": begun.pk})
        mails.carried_over(begun)
        return begun


def _offer_shares(plugin: PlugIn, carried: PlugInVersion) -> None:
    """Offer those who share the old plug-in's fee the same of the new one's: only they can accept it."""
    new = carried.plugin
    has = {each.person_id for each in CoOwnerTerms.objects.living([new.pk])}
    for each in CoOwnerTerms.objects.living([plugin.pk]):
        if each.share_bps and each.person_id not in has and each.person.is_artist:
            coowners.offer(new, plugin.owner, handle=each.person.handle, share_bps=each.share_bps)


def settle_unfinished(job: Job) -> None:
    """Mark what a job that failed or was cancelled was to carry over, in the transaction that ends the job."""
    CarryOver.objects.filter(job=job, state=CarryOverState.CARRYING).update(state=CarryOverState.FAILED)
