"""Starting an extraction: who may, of what, and what becomes of one that ends without a result."""

from __future__ import annotations

from datetime import timedelta

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.claims.models import ClaimState
from market.extractions import starting
from market.extractions.deciding import approve_extraction
from market.extractions.finishing import complete_extraction
from market.extractions.models import Extraction, ExtractionState
from market.extractions.orders import ExtractionOrder
from market.extractions.starting import minutes_for, start_extraction, work_units
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.extractions.stage import (
    begun,
    claim_job,
    finish_build,
    make_claim,
    make_extraction,
    output,
)
from tests.market.stage import make_base


def test_the_owner_of_a_base_takes_a_concept_out_of_it(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner)

    assert (made.state, made.rank, made.by) == (ExtractionState.READY, 4, model_owner)
    with made.eraser_file.open("rb") as eraser, made.plugin_file.open("rb") as plugin:
        assert eraser.read() != plugin.read()
    assert [(each.stage, each.row) for each in made.grid.all()] == [
        ("before", 0),
        ("after", 0),
        ("restored", 0),
    ]
    assert Job.objects.get(pk=made.job_id).result_url == made.get_absolute_url()


def test_an_admin_may_and_a_stranger_may_not(base: BaseModel, admin: User, stranger: User) -> None:
    with pytest.raises(Refused, match="Only the owner"):
        begun(base, stranger)
    assert not Job.objects.exists()

    assert begun(base, admin).by == admin


def test_two_extractions_of_one_concept_at_once_are_refused(base: BaseModel, model_owner: User) -> None:
    start_extraction(base, model_owner, ExtractionOrder("a fox", "character"))

    with pytest.raises(Refused, match="already: wait"):
        start_extraction(base, model_owner, ExtractionOrder("The Fox", "character"))
    assert start_extraction(base, model_owner, ExtractionOrder("a cat", "character")).pk
    assert Job.objects.count() == 2


def test_another_run_lies_beside_the_first_once_that_is_ready(base: BaseModel, model_owner: User) -> None:
    first, second = make_extraction(base, model_owner), make_extraction(base, model_owner)
    assert first.pk != second.pk
    assert Extraction.objects.filter(state=ExtractionState.READY).count() == 2


def test_what_is_taken_out_already_is_not_taken_out_again(base: BaseModel, model_owner: User) -> None:
    finish_build(approve_extraction(make_extraction(base, model_owner), model_owner))
    with pytest.raises(Refused, match="already: that was approved"):
        begun(base, model_owner)


@pytest.mark.parametrize("state", [ClaimState.REJECTED, ClaimState.WITHDRAWN])
def test_only_an_accepted_claim_leads_to_an_extraction(
    base: BaseModel, model_owner: User, artist: User, state: str
) -> None:
    claim = make_claim(artist, base, state=state)
    with pytest.raises(Refused, match="not an accepted one"):
        begun(base, model_owner, claim=claim)


def test_a_claim_about_another_base_or_kind_does_not_count(
    base: BaseModel, model_owner: User, artist: User
) -> None:
    other = make_base(model_owner, slug="other", fingerprint="cd" * 32)
    with pytest.raises(Refused, match="not an accepted one about Tiny"):
        begun(base, model_owner, claim=make_claim(artist, other))
    with pytest.raises(Refused, match="about a style"):
        start_extraction(
            base, model_owner, ExtractionOrder("Ink", "character"), claim=make_claim(artist, base, name="Ink")
        )


def test_a_base_without_a_release_of_its_weights_is_refused(base: BaseModel, model_owner: User) -> None:
    base.releases.update(fingerprint="ef" * 32)
    with pytest.raises(Refused, match="no release of its weights"):
        begun(base, model_owner)


def test_an_extraction_that_fails_makes_room_for_another(base: BaseModel, model_owner: User) -> None:
    failed = begun(base, model_owner, "Nobody")
    job = claim_job(starting.KIND)
    Job.objects.fail(job.pk, token=job.fencing_token, error="this base does not know the style")

    failed.refresh_from_db()
    assert failed.state == ExtractionState.FAILED
    assert begun(base, model_owner, "Nobody").state == ExtractionState.MAKING


def test_a_cancelled_extraction_keeps_nothing_of_a_late_worker(base: BaseModel, model_owner: User) -> None:
    cancelled = begun(base, model_owner)
    job = claim_job(starting.KIND)
    Job.objects.request_cancel(job.pk)
    with pytest.raises(LeaseLost):
        complete_extraction(job=job, token=job.fencing_token, output=output("Noto", {}))
    Job.objects.cancel(job.pk, token=job.fencing_token)

    cancelled.refresh_from_db()
    assert cancelled.state == ExtractionState.FAILED
    assert not cancelled.eraser_file


def test_the_time_it_takes_is_estimated_by_the_latest(base: BaseModel, model_owner: User) -> None:
    assert minutes_for("hybrid", 100) is None
    made = make_extraction(base, model_owner)
    job = Job.objects.get(pk=made.job_id)
    assert job.finished_at is not None
    Job.objects.filter(pk=job.pk).update(started_at=job.finished_at - timedelta(minutes=7))

    assert minutes_for("hybrid", 100) == 7
    assert work_units("reverse-lora", 100) > work_units("hybrid", 100) > work_units("closed-form", 100)
