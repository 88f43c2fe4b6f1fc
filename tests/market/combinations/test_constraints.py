"""What the database refuses of combinations, whatever the code says."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInVersion
from market.combinations.models import Combination, CombinationPart
from market.jobs.models import Job
from tests.market.combinations.stage import ask, combined, copied

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(rich: User, ink: PlugIn, pip: PlugIn) -> Combination:
    return ask(rich, ink, pip)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("combinations_made_once", {}),
        ("combinations_held_for_exactly_when_it_costs", {"hold_id": None}),
        ("combinations_price_not_negative", {"price_micros": -1}),
    ],
)
def test_terms_that_make_no_sense_are_refused(
    asked: Combination, rich: User, name: str, changes: dict[str, Any]
) -> None:
    job = Job.objects.create(kind="combination", owner=rich)
    fresh = {"id": job.pk, "job_id": job.pk} | (
        {} if name == "combinations_made_once" else {"idempotency_key": job.pk}
    )
    fee = {"hold_id": None, "fee_micros": 0} if "hold_id" not in changes else {}
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        copied(asked, **fresh | fee | changes).save(force_insert=True)


def test_a_combination_has_the_id_of_its_job(asked: Combination, rich: User) -> None:
    job = Job.objects.create(kind="combination", owner=rich)
    other = Job.objects.create(kind="combination", owner=rich)
    changes = {"id": other.pk, "job_id": job.pk, "idempotency_key": job.pk, "hold_id": None, "fee_micros": 0}
    with pytest.raises(IntegrityError, match="combinations_shares_its_jobs_id"), transaction.atomic():
        copied(asked, **changes).save(force_insert=True)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("combinations_part_once", {"position": 7}),
        ("combinations_part_position_once", {"version": None}),
        ("combinations_part_share_in_range", {"share": 0, "position": 7, "version": None}),
        ("combinations_part_share_in_range", {"share": 10_001, "position": 7, "version": None}),
    ],
)
def test_parts_that_make_no_sense_are_refused(
    asked: Combination, rich: User, ink: PlugIn, name: str, changes: dict[str, Any]
) -> None:
    part = asked.parts.all()[0]
    if "version" in changes:
        changes = {k: v for k, v in changes.items() if k != "version"} | {
            "version_id": _another_version(ink).pk
        }
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        copied(part, id=None, **changes).save(force_insert=True)


def _another_version(plugin: PlugIn) -> PlugInVersion:
    version = plugin.current_version
    assert version is not None
    job = Job.objects.create(kind="addition", owner=plugin.owner)
    made = copied(version, id=None, number=9, job_id=job.pk)
    made.save(force_insert=True)
    assert isinstance(made, PlugInVersion)
    return made


@pytest.mark.parametrize(
    "change", [{"price_micros": 1}, {"fee_micros": 1}, {"expires_at": "2030-01-01T00:00Z"}]
)
def test_what_was_agreed_to_is_never_changed(asked: Combination, change: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Combination.objects.filter(pk=asked.pk).update(**change)


def test_parts_are_never_changed_or_deleted(asked: Combination) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        asked.parts.update(share=1)
    with (
        pytest.raises(IntegrityError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM combinations_combinationpart")
    assert CombinationPart.objects.count() == 2


def test_only_a_combined_version_goes_without_an_affirmation(base: BaseModel, ink: PlugIn) -> None:
    version = ink.current_version
    assert version is not None
    job = Job.objects.create(kind="addition", owner=ink.owner)
    with (
        pytest.raises(IntegrityError, match="catalog_pluginversion_affirmed_or_combined"),
        transaction.atomic(),
    ):
        copied(version, id=None, number=2, job_id=job.pk, affirmation_id=None).save(force_insert=True)


def test_only_a_combined_version_is_for_one_release(base: BaseModel, ink: PlugIn) -> None:
    version = ink.current_version
    assert version is not None
    job = Job.objects.create(kind="addition", owner=ink.owner)
    release = base.default_release()
    with (
        pytest.raises(IntegrityError, match="catalog_pluginversion_one_release_if_combined"),
        transaction.atomic(),
    ):
        copied(version, id=None, number=2, job_id=job.pk, only_release_id=release.pk).save(force_insert=True)


def test_a_concept_is_of_a_known_kind(rich: User, ink: PlugIn, pip: PlugIn) -> None:
    duet = combined(rich, ink, pip)
    with pytest.raises(IntegrityError, match="catalog_concept_kind_known"), transaction.atomic():
        type(duet.concept).objects.filter(pk=duet.concept_id).update(kind="mixture")
