"""Concepts, works and plug-ins of the cast."""

from __future__ import annotations

import hashlib
import itertools
import json
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.samples import Sample
from market.catalog.addition import start_addition
from market.catalog.models import Concept, PlugIn, PlugInVersion
from market.catalog.pictures import CleanPicture, Limits, clean
from market.catalog.publishing import publish
from market.catalog.terms import Terms
from market.catalog.uploads import work_of
from market.catalog.versions import VersionOutput, complete_version
from market.jobs.models import Job
from tests.market.catalog.pictures import png

FINGERPRINT = "ab" * 32

# More than any test draws, few enough that later tests find them drawn.
_seeds = itertools.cycle(range(1000, 1100))


@pytest.fixture(autouse=True)
def files_of_its_own(settings: Any, tmp_path: Any) -> None:
    """Give each test an empty place for its files."""
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
    }


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    base = BaseModel.objects.create(
        slug="little", name="Little base", owner=model_owner, fingerprint=FINGERPRINT, architecture="test",
        resolution=64, fee_micros=10_000, example_subjects=["a fox", "a house"], example_styles=["Noto"], listed=True,
    )  # fmt: skip
    BaseRelease.objects.create(base=base, number=1, fingerprint=FINGERPRINT, is_default=True)
    return base


@pytest.fixture
def concept(artist: User) -> Concept:
    return make_concept(artist, "Riverink")


def make_concept(artist: User, name: str, **fields: Any) -> Concept:
    """A concept whose rights are affirmed."""
    concept = Concept.objects.create(artist=artist, name=name, **({"kind": "style"} | fields))
    concept.affirm_rights(artist)
    return concept


def with_works(concept: Concept, count: int = 3) -> Concept:
    """Give a concept works. They are not looked at for altered copies, which is most of an upload's time; `add_work` does that."""
    for _ in range(count):
        work_of(concept, clean_picture(next(_seeds)), caption="a thing").save(force_insert=True)
    return concept


@cache
def clean_picture(seed: int) -> CleanPicture:
    return clean(png(seed), Limits.configured())


def adapter_file(content: bytes = b"weights") -> bytes:
    """The smallest safetensors file: one tensor."""
    header = json.dumps(
        {"a": {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + content


def output(content: bytes = b"weights", *, samples: int = 2, fingerprint: str = FINGERPRINT) -> VersionOutput:
    data = adapter_file(content)
    return VersionOutput(
        adapter=data,
        file_sha256=hashlib.sha256(data).hexdigest(),
        tensors_sha256=hashlib.sha256(content).hexdigest(),
        base_fingerprint=fingerprint,
        rank=4,
        figures={"style_accuracy": 0.91, "steps": 300},
        samples=[
            # What the base draws alone is kept of the first.
            Sample(f"sample {number}", number, png(number), plain=png(50) if number == 0 else b"")
            for number in range(samples)
        ],
    )


def claimed(job: Job) -> Job:
    (running,) = Job.objects.claim(kinds=["addition"], worker="test")
    assert running.pk == job.pk
    return running


def make_version(concept: Concept, base: BaseModel, *, price: int = 50_000, **terms: Any) -> PlugInVersion:
    """Take a concept with works through a whole addition."""
    job = claimed(start_addition(concept, base, concept.artist, terms=Terms(price, **terms)))
    return complete_version(job=job, token=job.fencing_token, output=output())


MakePlugIn = Callable[..., PlugIn]


@pytest.fixture
def make_plugin(base: BaseModel, artist: User) -> MakePlugIn:
    """Return a function that makes a published plug-in."""

    def make(
        name: str, *, artist: User = artist, base: BaseModel = base, published: bool = True,
        price: int = 50_000, concept: dict[str, Any] | None = None, **terms: Any,
    ) -> PlugIn:  # fmt: skip
        of = with_works(make_concept(artist, name, **(concept or {})))
        make_version(of, base, price=price, **terms)
        plugin = PlugIn.objects.with_everything().get(concept=of, base=base)
        if published:
            publish(plugin, artist)
        return plugin

    return make


@pytest.fixture
def plugin(make_plugin: MakePlugIn) -> PlugIn:
    return make_plugin("Riverink")
