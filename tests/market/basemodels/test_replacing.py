"""Other weights of an uploaded base: checked and confirmed before anything is drawn with them, and former ones stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.checking import KIND, BadWeights, confirm_weights, start_check
from market.basemodels.models import BaseModel, BaseRelease, BaseUpload
from market.basemodels.registering import register_base
from market.basemodels.replacing import propose_weights, withdraw_weights
from market.basemodels.uploading import begin_upload, give_up_upload, sweep_abandoned
from market.extractions.releases import make_default
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.basemodels.conftest import (
    FIELDS,
    FILES,
    Register,
    announcing,
    complete_upload,
    pass_check,
)

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
FIRST, SECOND = "cd" * 32, "ef" * 32


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    """A listed base of an upload."""
    made = register_base(model_owner, FIELDS, upload=complete_upload(model_owner).pk, by=model_owner)
    pass_check(made, fingerprint=FIRST)
    BaseModel.objects.filter(pk=made.pk).update(listed=True)
    return BaseModel.objects.get(pk=made.pk)


@pytest.fixture
def other(model_owner: User) -> BaseUpload:
    return complete_upload(model_owner, FILES | {"unet/config.json": b'{"a": 2}'})


@pytest.fixture
def proposed(base: BaseModel, other: BaseUpload, model_owner: User) -> BaseModel:
    """A base whose other upload has passed its check."""
    propose_weights(base, model_owner, other.pk)
    pass_check(base, fingerprint=SECOND)
    return fresh(base)


def fresh(base: BaseModel) -> BaseModel:
    return BaseModel.objects.get(pk=base.pk)


def test_nothing_changes_before_the_owner_confirms_what_a_worker_has_checked(
    proposed: BaseModel, other: BaseUpload
) -> None:
    assert (proposed.listed, proposed.fingerprint, proposed.next_upload) == (True, FIRST, other)
    assert proposed.releases.count() == 1
    found = proposed.other_weights()
    assert found is not None
    assert found.fingerprint == SECOND
    assert proposed.obstacles_to_listing() == []


def test_once_confirmed_the_other_upload_is_the_next_release_and_the_former_keeps_its_own(
    proposed: BaseModel, other: BaseUpload, model_owner: User
) -> None:
    former = proposed.upload
    release = confirm_weights(proposed, model_owner, SECOND)

    base = fresh(proposed)
    assert (base.upload, base.next_upload, base.fingerprint, base.listed) == (other, None, SECOND, True)
    assert (release.number, release.upload, release.is_default) == (2, other, True)
    assert base.releases.get(number=1).upload == former
    assert (base.upload_of(FIRST), base.upload_of(SECOND)) == (former, other)
    assert base.obstacles_to_listing() == []
    assert base.other_weights() is None


def test_a_former_release_is_used_again_with_its_weights(proposed: BaseModel, model_owner: User) -> None:
    former = proposed.upload
    confirm_weights(proposed, model_owner, SECOND)
    make_default(proposed.releases.get(number=1), model_owner)

    base = fresh(proposed)
    assert (base.upload, base.fingerprint, base.default_release().number) == (former, FIRST, 1)
    assert base.obstacles_to_listing() == []
    assert base.other_weights() is None
    make_default(base.releases.get(number=2), model_owner)
    assert fresh(base).fingerprint == SECOND


def test_only_the_owner_goes_back_to_former_weights_and_not_during_a_check(
    proposed: BaseModel, model_owner: User, admin: User
) -> None:
    confirm_weights(proposed, model_owner, SECOND)
    former = proposed.releases.get(number=1)
    with pytest.raises(Refused, match="Only the owner of a base model decides on its weights"):
        make_default(former, admin)
    start_check(fresh(proposed), model_owner)
    with pytest.raises(Refused, match="being checked"):
        make_default(former, model_owner)
    assert fresh(proposed).fingerprint == SECOND


def test_weights_that_are_withdrawn_are_not_confirmed_and_the_upload_can_be_given_up(
    proposed: BaseModel, other: BaseUpload, model_owner: User
) -> None:
    withdraw_weights(proposed, model_owner)
    base = fresh(proposed)
    assert (base.next_upload, base.other_weights()) == (None, None)
    with pytest.raises(Refused, match="in use already"):
        confirm_weights(base, model_owner, SECOND)
    with pytest.raises(Refused, match="No other weights"):
        withdraw_weights(base, model_owner)
    assert give_up_upload(other.pk)


def test_a_check_that_fails_leaves_everything_as_it_was(
    base: BaseModel, other: BaseUpload, model_owner: User
) -> None:
    job = propose_weights(base, model_owner, other.pk)
    (claimed,) = Job.objects.claim(kinds=[KIND], worker="w")
    Job.objects.fail(job.pk, token=claimed.fencing_token, error="The UNet is cut off.")

    after = fresh(base)
    assert (after.next_upload, after.fingerprint, after.listed) == (None, FIRST, True)
    assert after.obstacles_to_listing() == [], "those in use passed theirs"
    propose_weights(after, model_owner, other.pk)
    assert fresh(base).next_upload == other


def test_a_check_that_is_cancelled_lets_the_upload_go(
    base: BaseModel, other: BaseUpload, model_owner: User
) -> None:
    Job.objects.request_cancel(propose_weights(base, model_owner, other.pk).pk)
    assert fresh(base).next_upload is None


def test_the_weights_in_use_are_no_other_weights(
    base: BaseModel, other: BaseUpload, model_owner: User
) -> None:
    propose_weights(base, model_owner, other.pk)
    with pytest.raises(BadWeights, match="in use already"):
        pass_check(base, fingerprint=FIRST)
    assert base.checks.count() == 1


def test_another_bases_weights_are_refused(
    base: BaseModel, other: BaseUpload, register: Register, model_owner: User
) -> None:
    pass_check(register(slug="else", name="Else"), fingerprint=SECOND)
    propose_weights(base, model_owner, other.pk)
    with pytest.raises(BadWeights, match="registered already"):
        pass_check(base, fingerprint=SECOND)


def refused(base: BaseModel, by: User, upload: Any) -> str:
    with pytest.raises(Refused) as refusal:
        propose_weights(base, by, upload.pk)
    assert fresh(base).next_upload_id is None
    return str(refusal.value)


def test_what_cannot_follow_is_said(
    base: BaseModel, other: BaseUpload, model_owner: User, stranger: User, checked: BaseModel
) -> None:
    half = begin_upload(model_owner, announcing({"model_index.json": b"[]"}))
    assert "Only the owner" in refused(base, stranger, complete_upload(stranger))
    assert "no such upload of yours" in refused(base, model_owner, complete_upload(stranger))
    assert "model_index.json did not arrive in full" in refused(base, model_owner, half)
    assert "is your base model “Mine” already" in refused(base, model_owner, base.upload)
    assert "Of one in a directory" in refused(checked, model_owner, other)


@pytest.fixture
def checked(register: Register) -> BaseModel:
    made = register(slug="folder", name="Folder")
    pass_check(made, fingerprint="12" * 32)
    return fresh(made)


def test_nothing_follows_before_the_first_check_or_during_one(
    model_owner: User, base: BaseModel, other: BaseUpload
) -> None:
    files = FILES | {"unet/config.json": b'{"a": 3}'}
    unproven = register_base(
        model_owner,
        FIELDS | {"slug": "new"},
        upload=complete_upload(model_owner, files).pk,
        by=model_owner,
    )
    assert "being checked" in refused(unproven, model_owner, other)
    Job.objects.request_cancel(unproven.check_job_id)  # type: ignore[arg-type]  # registering made it
    assert "has not passed its first check" in refused(unproven, model_owner, other)


def test_files_are_deleted_only_when_nothing_refers_to_them(
    proposed: BaseModel, other: BaseUpload, model_owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    former = proposed.upload
    assert former is not None
    old = timezone.now() - timedelta(days=9)
    BaseUpload.objects.update(touched_at=old)
    assert not give_up_upload(other.pk), "it is to follow"
    confirm_weights(proposed, model_owner, SECOND)
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_abandoned() == 0
        assert not give_up_upload(former.pk), "its release can be used again"
    assert default_storage.exists(f"bases/uploads/{former.pk}/0/0")
    for upload in (former, other):
        with pytest.raises(Refused, match="is your base model “Mine” already"):
            register_base(model_owner, FIELDS | {"slug": "again"}, upload=upload.pk, by=model_owner)
    with pytest.raises(Refused, match="are those of your base model"):
        begin_upload(model_owner, announcing(FILES))


def test_an_upload_that_was_let_go_is_swept_two_days_later(
    proposed: BaseModel, other: BaseUpload, model_owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    BaseUpload.objects.update(touched_at=timezone.now() - timedelta(days=9))
    withdraw_weights(proposed, model_owner)
    assert sweep_abandoned() == 0
    BaseUpload.objects.update(touched_at=timezone.now() - timedelta(days=9))
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_abandoned() == 1
    assert not default_storage.exists(f"bases/uploads/{other.pk}/0/0")


def test_the_database_keeps_a_release_with_its_upload(proposed: BaseModel, other: BaseUpload) -> None:
    row = BaseRelease.objects.filter(base=proposed)
    for changes in ({"upload": other}, {"upload": None}, {"fingerprint": "12" * 32}):
        with pytest.raises(DatabaseError, match="stays with the upload"), transaction.atomic():
            row.update(**changes)


def test_the_database_lets_only_another_upload_follow(
    base: BaseModel, other: BaseUpload, checked: BaseModel
) -> None:
    for pk, upload in ((base.pk, base.upload), (checked.pk, other)):
        with pytest.raises(DatabaseError, match="next_upload_follows_another"), transaction.atomic():
            BaseModel.objects.filter(pk=pk).update(next_upload=upload)


def test_it_is_done_in_the_owners_pages(
    base: BaseModel, other: BaseUpload, model_owner: User, client_for: SignIn
) -> None:
    client, page = client_for(model_owner), base.get_absolute_url()
    url = reverse("basemodels:replace", args=[base.slug])
    assert url in client.get(page).content.decode()
    assert f"{url}?upload={other.pk}" in client.get(url).content.decode()
    assert str(other.pk) in client.get(url, {"upload": str(other.pk)}).content.decode()
    for sent in ("", "x", "00000000-0000-0000-0000-000000000000"):
        assert client.post(url, {"upload": sent}).status_code == 422
    assert client.post(url, {"upload": other.pk}).status_code == 302
    pass_check(base, fingerprint=SECOND)

    text = client.get(page).content.decode()
    assert "waits for you to confirm it" in text
    assert "Stay with those in use" in text
    confirm = reverse("basemodels:confirm", args=[base.slug])
    assert client.post(confirm, {"fingerprint": SECOND}).status_code == 302
    assert fresh(base).fingerprint == SECOND
    releases = reverse("extractions:base", args=[base.slug])
    assert "Use release 1" in client.get(releases).content.decode()
    assert client.post(reverse("basemodels:withdraw", args=[base.slug])).status_code == 302


def test_a_stranger_and_an_admin_replace_nothing(
    proposed: BaseModel, stranger: User, admin: User, client_for: SignIn
) -> None:
    for name in ("replace", "withdraw"):
        url = reverse(f"basemodels:{name}", args=[proposed.slug])
        assert client_for(stranger).post(url).status_code == 404
        assert client_for(admin).post(url).status_code in (403, 404)
    assert fresh(proposed).next_upload is not None


def test_the_command_does_it_as_the_pages_do(
    base: BaseModel, other: BaseUpload, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("replace_base", base.slug, upload=other.pk)
    with pytest.raises(CommandError, match="being checked"):
        call_command("replace_base", base.slug, "--withdraw")
    pass_check(base, fingerprint=SECOND)
    with pytest.raises(CommandError, match="Another check has ended"):
        call_command("replace_base", base.slug, confirm="12" * 32)
    call_command("replace_base", base.slug, confirm=SECOND)
    assert "release 2 is in use" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no base model none"):
        call_command("replace_base", "none", "--withdraw")
