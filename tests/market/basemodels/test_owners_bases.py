"""A model owner registers a base, of a directory on the workers or of an upload; a check is queued, nothing is listed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.card import BadCard
from market.basemodels.checking import KIND
from market.basemodels.models import BaseModel, BaseUpload
from market.basemodels.registering import (
    register_base,
    register_embedded,
    remove_base,
)
from market.basemodels.sources import allowed_directory, require_plain
from market.basemodels.uploading import begin_upload
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.basemodels.conftest import FIELDS, FILES, Register, announcing, complete_upload

pytestmark = pytest.mark.django_db


def refusal_of(owner: User, fields: dict[str, Any] | None = None, **where: Any) -> str:
    with pytest.raises(Refused) as refused:
        register_base(owner, FIELDS if fields is None else fields, by=owner, **where)
    return str(refused.value)


def test_a_base_is_registered_unlisted_and_its_check_waits(register: Register, model_owner: User) -> None:
    base = register()

    base.refresh_from_db()
    assert (base.owner, base.listed, base.fingerprint, base.fee_micros) == (model_owner, False, "", 20_000)
    job = Job.objects.get()
    assert (job.kind, job.owner, job.description) == (KIND, model_owner, "Check of Mine")
    assert base.check_job == job
    assert not AuditLine.objects.filter(action="base.registered").exists()


def test_a_complete_upload_becomes_a_base(model_owner: User) -> None:
    upload = complete_upload(model_owner)

    base = register_base(model_owner, FIELDS, upload=upload.pk, by=model_owner)

    assert (base.upload, base.source, base.is_embedded) == (upload, "", False)
    assert "your base model “Mine” already" in refusal_of(
        model_owner, FIELDS | {"slug": "again"}, upload=upload.pk
    )


def test_half_an_upload_is_refused_by_the_files_that_are_missing(model_owner: User) -> None:
    upload = begin_upload(model_owner, announcing(FILES))

    said = refusal_of(model_owner, upload=upload.pk)

    assert "model_index.json, unet/config.json did not arrive in full" in said
    assert (BaseModel.objects.count(), BaseUpload.objects.count()) == (0, 1)


def test_somebody_elses_upload_is_refused_as_if_it_were_not_there(model_owner: User, stranger: User) -> None:
    upload = complete_upload(model_owner)

    assert "no such upload of yours" in refusal_of(stranger, upload=upload.pk)


def test_a_slug_that_is_taken_is_refused(register: Register, stranger: User) -> None:
    register()

    with pytest.raises(Refused, match="slug: Another base model has this address"):
        register(owner=stranger)
    assert Job.objects.count() == 1


def test_what_is_missing_or_too_much_is_said(
    model_owner: User, user: User, register: Register, settings: Any
) -> None:
    source = str(settings.DATA_DIR / "models" / "x")

    assert "not a model owner" in refusal_of(user, source=source)
    assert "a directory on the workers, an upload, or a model" in refusal_of(model_owner)
    assert "just one" in refusal_of(model_owner, source=source, upload=complete_upload(model_owner).pk)
    assert "licence: " in refusal_of(model_owner, FIELDS | {"licence": ""}, source=source)
    assert "licence: " in refusal_of(model_owner, FIELDS | {"licence": "Mine"}, source=source)
    assert "the address or the text of the licence" in refusal_of(
        model_owner, FIELDS | {"licence": "LicenseRef-Other"}, source=source
    )
    assert "fee_micros: " in refusal_of(model_owner, FIELDS | {"fee_micros": -1}, source=source)
    assert not BaseModel.objects.exists()


@pytest.mark.parametrize(
    "source", ["/etc", "models/x", "ROOT", "ROOT/", "ROOT/../../etc", "ROOT/x/..", "ROOTED/x", "~/x"]
)
def test_a_directory_outside_the_allowed_ones_is_refused(settings: Any, tmp_path: Path, source: str) -> None:
    settings.BASE_MODEL_DIRS = [tmp_path]

    with pytest.raises(Refused, match="Expected a directory below"):
        allowed_directory(source.replace("ROOT", str(tmp_path)))


def test_without_allowed_directories_none_is_taken(settings: Any) -> None:
    settings.BASE_MODEL_DIRS = []

    with pytest.raises(Refused, match="Upload the base model instead"):
        allowed_directory("/srv/models/x")


def test_a_directory_with_a_symbolic_link_on_the_way_or_inside_is_refused(
    settings: Any, tmp_path: Path
) -> None:
    real = tmp_path / "elsewhere"
    (real / "unet").mkdir(parents=True)
    root = tmp_path / "models"
    (root / "plain" / "unet").mkdir(parents=True)
    settings.BASE_MODEL_DIRS = [root]
    (root / "linked").symlink_to(real)
    require_plain(root / "plain")

    with pytest.raises(Refused, match="linked is a symbolic link"):
        require_plain(root / "linked")
    with pytest.raises(Refused, match="linked is a symbolic link"):
        require_plain(root / "linked" / "unet")
    (root / "plain" / "unet" / "config.json").symlink_to(real / "secret.json")
    with pytest.raises(Refused, match=r"config\.json is a symbolic link"):
        require_plain(root / "plain")


def test_a_base_that_never_passed_is_removed_with_its_upload(
    model_owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    base = register_base(
        model_owner, FIELDS, upload=complete_upload(model_owner).pk, by=model_owner
    )  # fmt: skip
    with pytest.raises(Refused, match="being checked"):
        remove_base(base)
    Job.objects.request_cancel(Job.objects.get().pk)

    with django_capture_on_commit_callbacks(execute=True):
        remove_base(base)

    assert (BaseModel.objects.count(), BaseUpload.objects.count()) == (0, 0)


def test_a_base_that_passed_stays(checked: BaseModel) -> None:
    with pytest.raises(Refused, match="Take it off the list"):
        remove_base(checked)


def command(*arguments: str, path: str, owner: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(
        "register_base", path, *arguments, owner=owner, slug="mine", name="Mine", licence="MIT", stdout=out, **options
    )  # fmt: skip
    return out.getvalue()


def test_the_command_registers_through_the_same_use_case(
    model_owner: User, settings: Any, tmp_path: Path
) -> None:
    settings.BASE_MODEL_DIRS = [tmp_path]

    said = command(path=str(tmp_path / "sd"), owner=model_owner.email.upper(), fee=30_000)

    assert "/bases/mine/" in said
    base = BaseModel.objects.get()
    assert (base.source, base.fee_micros, base.check_job) == (str(tmp_path / "sd"), 30_000, Job.objects.get())
    line = AuditLine.objects.get(action="base.registered")
    assert (line.acting_as, line.target) == ("system", f"base-model:{base.pk}")


def test_the_command_says_what_is_wrong(model_owner: User, user: User, settings: Any, tmp_path: Path) -> None:
    settings.BASE_MODEL_DIRS = [tmp_path]

    with pytest.raises(CommandError, match="Nobody has the email address"):
        command(path=str(tmp_path / "sd"), owner="nobody@example.org")
    with pytest.raises(CommandError, match="not a model owner"):
        command(path=str(tmp_path / "sd"), owner=user.email)
    with pytest.raises(CommandError, match="Expected a directory below"):
        command(path="/etc", owner=model_owner.email)
    with pytest.raises(CommandError, match="fee"):
        command("--fee=much", path=str(tmp_path / "sd"), owner=model_owner.email)
    with pytest.raises(CommandError, match="No result within"):
        command(path=str(tmp_path / "sd"), owner=model_owner.email, wait=0.1)
    assert BaseModel.objects.count() == 1


def test_the_embedded_base_does_not_take_weights_that_are_registered(
    checked: BaseModel, settings: Any, tmp_path: Path
) -> None:
    settings.EMBEDDED_BASE_DIR = tmp_path
    (tmp_path / "card.json").write_text(json.dumps({"fingerprint": checked.fingerprint}))

    with pytest.raises(BadCard, match="another base model already"):
        register_embedded()
    assert BaseModel.objects.count() == 1
