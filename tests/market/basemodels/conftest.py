"""Bases on their way to the market: announced files, an upload that is complete, a check that a worker has done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from market.accounts.models import User
from market.basemodels.checking import KIND, CheckOutput, complete_check
from market.basemodels.models import BaseCheck, BaseModel, BaseUpload, Licence
from market.basemodels.registering import register_base
from market.basemodels.samples import Sample
from market.basemodels.uploading import Announced, begin_upload, take_part
from market.jobs.models import Job

FIELDS = {"slug": "mine", "name": "Mine", "licence": Licence.MIT.value, "fee_micros": 20_000}
FILES = {"model_index.json": b"{}", "unet/config.json": b'{"a": 1}'}

Register = Callable[..., BaseModel]


def announcing(files: dict[str, bytes]) -> list[Announced]:
    return [Announced(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()]


def complete_upload(person: User, files: dict[str, bytes] | None = None) -> BaseUpload:
    """Send files of one part each."""
    files = FILES if files is None else files
    upload = begin_upload(person, announcing(files))
    for position, data in enumerate(files.values()):
        take_part(upload, position, 0, data)
    return upload


def png() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (32, 32), "teal").save(buffer, format="PNG")
    return buffer.getvalue()


def output(fingerprint: str = "cd" * 32, **changes: Any) -> CheckOutput:
    found: dict[str, Any] = {
        "fingerprint": fingerprint, "architecture": "stable-diffusion-v1", "resolution": 512, "device": "cpu",
        "family": "Stable Diffusion", "samplers": ("ddim", "euler"),
        "memory_needed": 4_000_000_000, "memory_there": 8_000_000_000,
        "samples": [Sample("a fox in the snow", 1, png())],
    }  # fmt: skip
    return CheckOutput(**found | changes)


def pass_check(base: BaseModel, **found: Any) -> BaseCheck:
    """Do what a worker does when it has checked a base, whose check waits."""
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    assert job.parameters["base"] == base.pk
    return complete_check(job=job, token=job.fencing_token, output=output(**found))


@pytest.fixture
def register(model_owner: User, settings: Any) -> Register:
    """Register a base of the model owner's from a directory, not checked yet."""
    settings.BASE_MODEL_DIRS = [settings.DATA_DIR / "models"]

    def register(owner: User | None = None, **changes: Any) -> BaseModel:
        owner = owner or model_owner
        source = str(settings.DATA_DIR / "models" / str(changes.get("slug", "mine")))
        return register_base(owner, FIELDS | changes, source=source, by=owner)

    return register


@pytest.fixture
def checked(register: Register) -> BaseModel:
    """A base that passed its first check, not listed."""
    base = register()
    pass_check(base)
    return BaseModel.objects.get(pk=base.pk)
