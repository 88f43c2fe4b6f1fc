"""What a check found decides: the first release, whether the base may be listed, and what its owner has to confirm."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import Error, IntegrityError, connection, transaction

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.card import BadCard, Card
from market.basemodels.checking import (
    KIND,
    BadWeights,
    complete_check,
    confirm_weights,
    sample_prompts,
    start_check,
    steps_and_guidance,
)
from market.basemodels.models import BaseCheck, BaseModel, BaseRelease, BaseSample
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.refusals import Refused
from tests.market.basemodels.conftest import Register, output, pass_check

pytestmark = pytest.mark.django_db
SAID = {
    "subjects": ["a fox", "a\u0007bell", "x" * 61],
    "styles": ["Ink"],
    "default_steps": 900,
    "default_guidance": 2.5,
}


def again(base: BaseModel) -> BaseModel:
    return BaseModel.objects.get(pk=base.pk)


def list_it(base: BaseModel) -> None:
    base = again(base)
    base.listed = True
    base.full_clean()
    base.save()


def stored_samples() -> set[str]:
    return (
        set(default_storage.listdir("bases/samples")[1]) if default_storage.exists("bases/samples") else set()
    )


def recheck(base: BaseModel, **found: Any) -> BaseCheck:
    start_check(base, base.owner)
    return pass_check(base, **found)


def test_the_first_check_makes_the_first_release_and_describes_the_base(register: Register) -> None:
    check = pass_check(register(), card=SAID)

    base = BaseModel.objects.get()
    assert (base.fingerprint, base.architecture, base.resolution) == ("cd" * 32, "stable-diffusion-v1", 512)
    assert (base.family, base.samplers) == ("Stable Diffusion", ["ddim", "euler"])
    release = base.default_release()
    assert (release.number, release.fingerprint, release.notes) == (1, "cd" * 32, "As registered.")
    assert (base.default_steps, base.default_guidance) == (200, 2.5)
    assert (base.example_subjects, base.example_styles) == (["a fox"], ["Ink"])
    assert (check.memory_needed, check.card, check.job.state) == (4_000_000_000, SAID, JobState.SUCCEEDED)
    assert [(each.prompt, each.width) for each in check.samples.all()] == [("a fox in the snow", 32)]
    assert not base.listed


def test_a_base_is_listed_only_after_it_passed(register: Register) -> None:
    base = register()
    with pytest.raises(ValidationError, match="being checked"):
        list_it(base)
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    Job.objects.fail(job.pk, token=job.fencing_token, error="unet: expected weights, found none")
    with pytest.raises(ValidationError, match="unet: expected weights"):
        list_it(base)
    BaseModel.objects.filter(pk=base.pk).update(check_job=None)
    with pytest.raises(ValidationError, match="not checked yet"):
        list_it(base)

    recheck(again(base))
    list_it(base)

    assert again(base).listed


def test_the_database_lists_nothing_whose_weights_are_unknown(register: Register) -> None:
    base = register()

    with pytest.raises(IntegrityError, match="basemodels_basemodel_fingerprint_shape"), transaction.atomic():
        BaseModel.objects.filter(pk=base.pk).update(listed=True)


def test_one_check_at_a_time(register: Register) -> None:
    base = register()

    with pytest.raises(Refused, match="being checked already"):
        start_check(base, base.owner)
    assert Job.objects.count() == 1


def test_the_same_weights_again_change_nothing(checked: BaseModel) -> None:
    list_it(checked)

    recheck(checked)

    assert again(checked).listed
    assert (BaseRelease.objects.count(), BaseCheck.objects.count()) == (1, 2)


def test_other_weights_take_the_base_off_the_list_until_its_owner_confirms_them(
    checked: BaseModel, admin: User, stranger: User
) -> None:
    list_it(checked)

    recheck(checked, fingerprint="ef" * 32, resolution=768)

    base = again(checked)
    assert (base.listed, base.fingerprint, base.releases.count()) == (False, "cd" * 32, 1)
    with pytest.raises(ValidationError, match="found other weights"):
        list_it(base)
    for person in (admin, stranger):
        with pytest.raises(Refused, match="Only the owner"):
            confirm_weights(base, person, "ef" * 32)
    with pytest.raises(Refused, match="Another check has ended"):
        confirm_weights(base, base.owner, "ab" * 32)

    release = confirm_weights(base, base.owner, "ef" * 32)

    assert (release.number, release.is_default) == (2, True)
    base = again(base)
    assert (base.fingerprint, base.resolution, base.default_release()) == ("ef" * 32, 768, release)
    with pytest.raises(Refused, match="in use already"):
        confirm_weights(base, base.owner, "ef" * 32)
    list_it(base)


def test_restored_weights_need_no_confirmation_and_former_ones_return_to_their_release(
    checked: BaseModel,
) -> None:
    recheck(checked, fingerprint="ef" * 32)
    recheck(checked)
    assert again(checked).obstacles_to_listing() == []

    recheck(checked, fingerprint="ef" * 32)
    confirm_weights(again(checked), checked.owner, "ef" * 32)
    recheck(again(checked))
    release = confirm_weights(again(checked), checked.owner, "cd" * 32)

    assert (release.number, again(checked).releases.count()) == (1, 2)


def test_weights_of_another_base_are_refused_by_name_where_everybody_can_see_it(
    checked: BaseModel, register: Register, stranger: User
) -> None:
    theirs = register(owner=stranger, slug="copy", name="Copy")
    with pytest.raises(BadWeights, match="not listed") as hidden:
        pass_check(theirs)
    assert "Mona" not in str(hidden.value)
    (job,) = Job.objects.filter(state=JobState.RUNNING)
    Job.objects.fail(job.pk, token=job.fencing_token, error="x")

    list_it(checked)
    with pytest.raises(BadWeights, match="“Mine” by Mona Modeller"):
        recheck(theirs)

    assert (BaseCheck.objects.count(), BaseSample.objects.count()) == (1, 1)
    assert again(theirs).fingerprint == ""


def test_ones_own_weights_are_named_though_they_are_not_listed(
    checked: BaseModel, register: Register
) -> None:
    with pytest.raises(BadWeights, match="“Mine” by Mona Modeller"):
        pass_check(register(slug="copy"))


def test_a_worker_that_lost_its_lease_leaves_nothing(register: Register) -> None:
    base = register()
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    before = stored_samples()
    with pytest.raises(LeaseLost):
        complete_check(job=job, token=job.fencing_token - 1, output=output())

    assert not BaseCheck.objects.exists()
    assert again(base).fingerprint == ""
    assert stored_samples() == before


@pytest.mark.parametrize(
    "said",
    [
        {"name": "a\u0000b"},
        {"name": "\ud800"},
        {"value": float("nan")},
        {"default_steps": float("inf")},
        {"default_steps": "many"},
        {"description": "x" * 200_001},
        {"figures": [{"value": 1}]},
    ],
)
def test_a_card_that_cannot_be_kept_is_refused(register: Register, said: dict[str, Any]) -> None:
    base = register()

    with pytest.raises(BadCard, match=r"card\.json"):
        pass_check(base, card=said)
    assert again(base).fingerprint == ""


def test_steps_and_guidance_of_a_card_stay_within_what_is_offered() -> None:
    assert steps_and_guidance(Card(default_steps=0, default_guidance=-1.0)) == (1, 0.0)
    assert steps_and_guidance(Card(default_steps=999, default_guidance=99.0)) == (200, 30.0)
    assert steps_and_guidance(Card(default_guidance=float("nan"))) == (25, 3.0)


def test_samples_show_what_the_card_says_it_knows_else_anything() -> None:
    assert sample_prompts(Card(subjects=["a fox", "an owl", "a cat"], styles=["Ink", "Clay"])) == [
        "a fox, Ink style", "an owl, Clay style", "a cat, Ink style",
    ]  # fmt: skip
    assert len(sample_prompts(Card())) == 4


def test_what_a_check_found_is_never_changed(checked: BaseModel) -> None:
    check = checked.checks.get()
    rows = BaseSample.objects.filter(check_of=check)
    for change in (
        lambda: BaseCheck.objects.filter(pk=check.pk).update(device="cuda"),
        lambda: rows.update(prompt="another"),
        rows.delete,
    ):
        with pytest.raises(Error, match="never changed or deleted"), transaction.atomic():
            change()
    with (
        pytest.raises(Error, match="never changed or deleted"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM basemodels_basecheck")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("basemodels_basecheck_fingerprint_shape", {"fingerprint": "x"}),
        ("basemodels_basecheck_resolution_in_range", {"resolution": 8}),
        ("basemodels_basecheck_fits_in_memory", {"memory_needed": 9_000_000_000}),
        ("basemodels_basecheck_fits_in_memory", {"memory_needed": 0}),
    ],
)
def test_a_check_keeps_its_shape(register: Register, name: str, changes: dict[str, Any]) -> None:
    base = register()
    fields = {key: value for key, value in vars(output(**changes)).items() if key != "samples"}

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        BaseCheck.objects.create(base=base, job=Job.objects.get(), **fields)


def test_a_sample_keeps_its_place_and_has_pixels(checked: BaseModel) -> None:
    check = checked.checks.get()
    sample = {"check_of": check, "prompt": "x", "seed": 1, "file": "x"}

    with pytest.raises(IntegrityError, match="basemodels_basesample_position_once"), transaction.atomic():
        BaseSample.objects.create(**sample, position=0, width=1, height=1)
    with pytest.raises(IntegrityError, match="basemodels_basesample_has_pixels"), transaction.atomic():
        BaseSample.objects.create(**sample, position=1, width=0, height=1)


def test_an_admin_who_asks_for_a_check_leaves_a_line_and_its_owner_none(
    checked: BaseModel, admin: User
) -> None:
    recheck(checked)
    assert not AuditLine.objects.filter(action="base.check_asked_for").exists()

    job = start_check(again(checked), admin)

    assert job.owner == checked.owner
    line = AuditLine.objects.get(action="base.check_asked_for")
    assert (line.person, line.acting_as, line.target) == (admin, "admin", f"base-model:{checked.pk}")
