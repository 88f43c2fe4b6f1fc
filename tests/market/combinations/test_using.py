"""A combination in the studio and the ledger: private to its person, each picture pays the parts' artists."""

from __future__ import annotations

import pytest
from django.db import transaction

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import PlugIn, PlugInPart
from market.generation.finishing import StoredPicture, finish_generation
from market.generation.models import GenerationRequest
from market.generation.orders import QuoteOrder
from market.generation.requesting import settle_terms
from market.jobs.models import Job
from market.ledger.describing import describe
from market.refusals import Refused
from tests.market.combinations.stage import ask, combined, copied
from tests.market.stage import earnings, make_order, run, top_up

pytestmark = pytest.mark.django_db


def drawn(request: GenerationRequest) -> None:
    """Do what a worker does for a picture."""
    (job,) = Job.objects.claim(kinds=["generation"], worker="stage")
    picture = StoredPicture("pictures/one.png", "ab" * 32, request.seed, 32, 32)
    finish_generation(pk=job.pk, token=job.fencing_token, stored=[picture])


def test_each_picture_pays_the_artists_of_the_parts_by_their_shares(
    rich: User, artist: User, second_artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    request = run(rich, make_order(base, (duet, 1.0)))
    drawn(request)
    assert (earnings(artist), earnings(second_artist)) == (54_000, 18_000)  # of €0.06 and €0.02, less a tenth
    assert earnings(rich) == 0


def test_a_higher_price_goes_to_the_parts_too(
    rich: User, artist: User, second_artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip, price_micros=160_000)
    drawn(run(rich, make_order(base, (duet, 1.0))))
    assert (earnings(artist), earnings(second_artist)) == (108_000, 36_000)


def test_nobody_else_draws_with_it_before_it_is_published(
    rich: User, artist: User, stranger: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    for person in (artist, stranger):
        with pytest.raises(Refused, match="A chosen plug-in is not offered"):
            settle_terms(QuoteOrder(base=base, plugins=((duet.pk, 1.0),)), person)


def test_a_draft_that_is_no_combination_is_not_drawn_with(artist: User, base: BaseModel, ink: PlugIn) -> None:
    ink.withdraw()
    with pytest.raises(Refused, match="A chosen plug-in is not offered"):
        settle_terms(QuoteOrder(base=base, plugins=((ink.pk, 1.0),)), artist)


def test_a_part_withdrawn_later_goes_on_being_used_and_paid(
    rich: User, artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    ink.withdraw()
    PlugIn.objects.filter(pk=pip.pk).update(allow_combination=False)
    drawn(run(rich, make_order(base, (duet, 1.0))))
    assert earnings(artist) == 54_000


def test_a_part_that_grew_dearer_is_paid_what_it_costs(
    rich: User, second_artist: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    duet = combined(rich, ink, pip)
    PlugIn.objects.filter(pk=pip.pk).update(price_micros=40_000)
    drawn(run(rich, make_order(base, (duet, 1.0))))
    assert earnings(second_artist) == pytest.approx(36_000, abs=36)


def test_one_made_for_a_release_is_not_drawn_with_on_another(
    rich: User, base: BaseModel, ink: PlugIn, pip: PlugIn
) -> None:
    first = base.default_release()
    duet = combined(rich, ink, pip)
    version = duet.current_version
    assert version is not None
    # As if a part had restored what release 1 lacks; a real one is in the workers' tests.
    job = Job.objects.create(kind="combination", owner=rich)
    with transaction.atomic():
        made = copied(version, id=None, number=2, job_id=job.pk, only_release_id=first.pk)
        made.save(force_insert=True)
        parts = version.parts.all()
        PlugInPart.objects.bulk_create(copied(each, id=None, version_id=made.pk) for each in parts)
    PlugIn.objects.filter(pk=duet.pk).update(current_version=made)
    assert settle_terms(QuoteOrder(base=base, plugins=((duet.pk, 1.0),)), rich).release == first

    BaseRelease.objects.filter(base=base).update(is_default=False)
    BaseRelease.objects.create(base=base, number=2, fingerprint=base.fingerprint, is_default=True)
    with pytest.raises(Refused, match="was combined for release 1 of Tiny"):
        settle_terms(QuoteOrder(base=base, plugins=((duet.pk, 1.0),)), rich)


def test_the_ledger_calls_a_combination_by_its_name(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    top_up(rich)
    asked = ask(rich, ink, pip)
    assert describe([asked.reference])[asked.reference].label == "Combining Ink & Pip"
