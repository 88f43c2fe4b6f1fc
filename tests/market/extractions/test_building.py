"""Building a release: all of it becomes visible at once, or nothing does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.extractions import building
from market.extractions.building import RetestOutput, complete_build, start_build
from market.extractions.deciding import approve_extraction
from market.extractions.models import BuildState, ReleaseBuild, Retest
from market.jobs.lifecycle import BadResult, LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.refusals import Refused
from tests.market.catalog.pictures import png
from tests.market.extractions.stage import (
    build_output,
    claim_job,
    finish_build,
    make_extraction,
    merged,
    stored,
)
from tests.market.stage import make_plugin

GRIDS = {"samples": (("before", "after"), [("a fox", [png(1), png(2)])])}


@pytest.fixture
def build(base: BaseModel, model_owner: User) -> ReleaseBuild:
    return approve_extraction(make_extraction(base, model_owner), model_owner)


def files() -> int:
    try:
        return sum(
            len(default_storage.listdir(folder)[1]) for folder in ("extractions", "extractions/pictures")
        )
    except FileNotFoundError:
        return 0


def test_a_build_makes_one_numbered_release_of_the_same_weights_that_is_not_in_use_yet(
    build: ReleaseBuild, base: BaseModel
) -> None:
    release = finish_build(build)

    build.refresh_from_db()
    assert (release.number, release.fingerprint, release.is_default) == (2, base.fingerprint, False)
    assert (build.state, build.release, release.notes) == (BuildState.READY, release, "Without Noto.")
    assert build.grid.count() == 4
    assert base.default_release().number == 1


def test_a_worker_that_dies_between_the_stages_leaves_no_half_release_and_the_next_makes_one(
    build: ReleaseBuild, base: BaseModel
) -> None:
    dead = claim_job(building.KIND)
    merged(build, dead.fencing_token)
    assert BaseRelease.objects.count() == 1
    Job.objects.filter(pk=dead.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
    assert Job.objects.reap() == 1

    second = claim_job(building.KIND)
    build.refresh_from_db()
    assert build.eraser_tensors_sha256 == stored(f"merged {build.pk}".encode()).tensors_sha256, "kept"
    before = files()
    with pytest.raises(LeaseLost):
        complete_build(job=dead, token=dead.fencing_token, output=build_output(build))
    assert (files(), BaseRelease.objects.count()) == (before, 1)

    complete_build(job=second, token=second.fencing_token, output=build_output(build))
    assert list(base.releases.values_list("number", flat=True)) == [1, 2]


def test_a_late_worker_keeps_no_eraser(build: ReleaseBuild) -> None:
    job = claim_job(building.KIND)
    with pytest.raises(LeaseLost):
        merged(build, job.fencing_token + 1)
    build.refresh_from_db()
    assert build.eraser_tensors_sha256 == ""


def test_a_release_is_not_made_without_its_eraser(build: ReleaseBuild, base: BaseModel) -> None:
    job = claim_job(building.KIND)
    with pytest.raises(IntegrityError, match="ready_with_its_eraser"):
        complete_build(job=job, token=job.fencing_token, output=build_output(build))


def test_weights_that_changed_meanwhile_make_no_release(build: ReleaseBuild, base: BaseModel) -> None:
    job = claim_job(building.KIND)
    merged(build, job.fencing_token)
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="ef" * 32)
    with pytest.raises(BadResult, match="other weights"):
        complete_build(job=job, token=job.fencing_token, output=build_output(build))
    assert Job.objects.get(pk=job.pk).state == JobState.RUNNING
    assert BaseRelease.objects.count() == 1


def test_a_failed_build_is_built_again_with_all_that_is_approved(
    build: ReleaseBuild, base: BaseModel, model_owner: User
) -> None:
    job = claim_job(building.KIND)
    Job.objects.fail(job.pk, token=job.fencing_token, error="out of memory")
    build.refresh_from_db()
    assert build.state == BuildState.FAILED

    again = start_build(base, model_owner)
    assert finish_build(again).number == 2


def test_two_builds_of_a_base_at_once_are_refused(
    build: ReleaseBuild, base: BaseModel, model_owner: User, stranger: User
) -> None:
    with pytest.raises(Refused, match="being built"):
        start_build(base, model_owner)
    with pytest.raises(Refused, match="Only the owner"):
        start_build(base, stranger)


def test_nothing_approved_is_nothing_to_build(base: BaseModel, model_owner: User) -> None:
    with pytest.raises(Refused, match="Nothing is approved"):
        start_build(base, model_owner)


def test_later_releases_lack_all_that_was_approved(base: BaseModel, model_owner: User) -> None:
    for name in ("Noto", "Clay"):
        release = finish_build(approve_extraction(make_extraction(base, model_owner, name), model_owner))
    assert (release.number, release.notes) == (3, "Without Noto, Clay.")


@pytest.mark.parametrize(
    ("figures", "dropped"),
    [
        ({"moved": 0.02}, False),
        ({"moved": 0.3}, True),
        ({"moved": 0.3, "accuracy": {"before": 1.0, "after": 1.0}}, False),
        ({"moved": 0.02, "accuracy": {"before": 1.0, "after": 0.8}}, True),
    ],
)
def test_a_plugin_on_sale_that_draws_worse_than_before_is_flagged(
    build: ReleaseBuild, base: BaseModel, artist: User, figures: dict[str, object], dropped: bool
) -> None:
    version = make_plugin(artist, base).current_version
    assert version is not None
    finish_build(build, RetestOutput(version.pk, base.default_release().pk, figures, GRIDS))

    retest = Retest.objects.get()
    assert (retest.dropped, retest.version) == (dropped, version)
    assert retest.grid.count() == 2


def test_the_files_of_an_output_that_cannot_be_kept_are_deleted(
    build: ReleaseBuild, base: BaseModel, artist: User
) -> None:
    job = claim_job(building.KIND)
    merged(build, job.fencing_token)
    before = files()
    version = make_plugin(artist, base).current_version
    assert version is not None
    twice = [RetestOutput(version.pk, base.default_release().pk, {"moved": 0.0}, GRIDS)] * 2
    with pytest.raises(IntegrityError, match="once_a_build"):
        complete_build(job=job, token=job.fencing_token, output=build_output(build, *twice))
    assert files() == before
