"""What the tables of base models promise."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease, BaseUpload


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    base = BaseModel.objects.create(
        slug="little",
        name="Little",
        owner=model_owner,
        fingerprint="ab" * 32,
        architecture="x",
        resolution=64,
    )
    BaseRelease.objects.create(base=base, number=1, fingerprint="ab" * 32, is_default=True)
    return base


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("basemodels_basemodel_fee_in_range", {"fee_micros": -1}),
        ("basemodels_basemodel_fee_in_range", {"fee_micros": 100_000_001}),
        ("basemodels_basemodel_fingerprint_shape", {"fingerprint": "ABC"}),
        ("basemodels_basemodel_resolution_in_range", {"resolution": 8}),
        ("basemodels_basemodel_steps_in_range", {"default_steps": 0}),
        ("basemodels_basemodel_guidance_in_range", {"default_guidance": -0.1}),
        ("basemodels_basemodel_max_steps_in_range", {"max_steps": 24}),
        ("basemodels_basemodel_max_steps_in_range", {"max_steps": 201}),
        ("basemodels_basemodel_max_pictures_in_range", {"max_pictures": 0}),
        ("basemodels_basemodel_max_waiting_in_range", {"max_waiting": 0}),
        ("basemodels_basemodel_licence_known", {"licence": "Mine"}),
        ("basemodels_basemodel_other_licence_is_said", {"licence": "LicenseRef-Other"}),
        ("basemodels_basemodel_other_licence_is_said", {"licence": "LicenseRef-Other-NonCommercial"}),
        ("basemodels_basemodel_listed_may_be_sold", {"licence": "CC-BY-NC-4.0", "listed": True}),
    ],
)
def test_a_base_keeps_its_shape(base: BaseModel, name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        BaseModel.objects.filter(pk=base.pk).update(**changes)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("basemodels_baserelease_number_once", {"number": 1}),
        ("basemodels_baserelease_one_default", {"number": 2, "is_default": True}),
        ("basemodels_baserelease_numbered_from_one", {"number": 0}),
        ("basemodels_baserelease_fingerprint_shape", {"number": 2, "fingerprint": ""}),
    ],
)
def test_a_release_keeps_its_shape(base: BaseModel, name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        BaseRelease.objects.create(base=base, **({"fingerprint": "cd" * 32} | fields))


def test_no_two_bases_have_the_same_weights(base: BaseModel) -> None:
    twin = BaseModel(
        slug="twin",
        name="Twin",
        owner=base.owner,
        fingerprint=base.fingerprint,
        architecture="x",
        resolution=64,
    )
    with pytest.raises(IntegrityError, match="basemodels_basemodel_weights_once"), transaction.atomic():
        twin.save()


def test_a_base_has_one_source(base: BaseModel, model_owner: User) -> None:
    upload = BaseUpload.objects.create(owner=model_owner, list_sha256="ab" * 32)

    with pytest.raises(IntegrityError, match="basemodels_basemodel_one_source"), transaction.atomic():
        BaseModel.objects.filter(pk=base.pk).update(source="/srv/x", upload=upload)
