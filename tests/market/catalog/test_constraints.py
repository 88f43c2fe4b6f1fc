"""The catalogue's promises in the database: each test tries to break one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from market.accounts.models import User
from market.catalog.models import (
    Concept,
    PlugIn,
    RightsAffirmation,
    UploadRefusal,
    Work,
)
from market.catalog.uploads import add_work
from market.jobs.models import Job
from tests.market.catalog.conftest import MakePlugIn, make_concept
from tests.market.catalog.pictures import png


def breaks(name: str) -> Any:
    return pytest.raises(DatabaseError, match=name)


def copy_of(work: Work, **changes: Any) -> Work:
    copy = Work.objects.get(pk=work.pk)
    copy.pk = None
    for field, value in changes.items():
        setattr(copy, field, value)
    return copy


def test_an_artist_names_a_concept_once_in_any_case(
    artist: User, second_artist: User, concept: Concept
) -> None:
    with breaks("catalog_concept_name_once_an_artist"), transaction.atomic():
        Concept.objects.create(artist=artist, name="RIVERINK", kind="style")

    assert Concept.objects.create(artist=second_artist, name="Riverink", kind="style").pk


@pytest.mark.parametrize(
    ("name", "changes"),
    [("catalog_concept_kind_known", {"kind": "mood"}), ("catalog_concept_name_not_blank", {"name": "  "})],
)
def test_a_concept_keeps_its_shape(concept: Concept, name: str, changes: dict[str, Any]) -> None:
    with breaks(name), transaction.atomic():
        Concept.objects.filter(pk=concept.pk).update(**changes)


def test_an_affirmation_is_never_changed_or_deleted(concept: Concept) -> None:
    with breaks("catalog_rightsaffirmation_is_immutable"), transaction.atomic():
        RightsAffirmation.objects.update(text="It is not mine.")
    with breaks("catalog_rightsaffirmation_is_immutable"), transaction.atomic():
        RightsAffirmation.objects.all().delete()


def test_an_affirmation_keeps_its_text_and_is_given_once_a_version(artist: User, concept: Concept) -> None:
    with breaks("catalog_rightsaffirmation_text_kept"), transaction.atomic():
        RightsAffirmation.objects.create(concept=concept, person=artist, text_version="2", text="")
    given = concept.affirmations.get()
    with breaks("catalog_rightsaffirmation_once_a_version"), transaction.atomic():
        RightsAffirmation.objects.create(
            concept=concept, person=artist, text_version=given.text_version, text="again"
        )


def test_pixels_are_in_a_concept_once(artist: User, concept: Concept) -> None:
    work = add_work(concept, artist, png(1))

    with breaks("catalog_work_once_a_concept"), transaction.atomic():
        copy_of(work).save()


def test_the_same_pixels_never_belong_to_two_artists(
    artist: User, second_artist: User, concept: Concept
) -> None:
    work = add_work(concept, artist, png(1))
    theirs = make_concept(second_artist, "Theirs")

    with breaks("catalog_work_pixels_belong_to_one_artist"), transaction.atomic():
        copy_of(work, concept=theirs, artist=second_artist).save()


def test_a_work_is_filed_under_its_own_artists_concept(
    artist: User, second_artist: User, concept: Concept
) -> None:
    work = add_work(concept, artist, png(1))

    with breaks("catalog_work_artist_is_the_concepts"), transaction.atomic():
        Work.objects.filter(pk=work.pk).update(artist=second_artist)
        check_now()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("catalog_work_pixels_sha256_shape", {"pixels_sha256": "abc"}),
        ("catalog_work_has_pixels", {"width": 0}),
        ("catalog_work_has_pixels", {"byte_size": 0}),
    ],
)
def test_a_work_keeps_its_shape(artist: User, concept: Concept, name: str, changes: dict[str, Any]) -> None:
    add_work(concept, artist, png(1))

    with breaks(name), transaction.atomic():
        Work.objects.update(**changes)


def test_a_concept_with_works_is_not_deleted(artist: User, concept: Concept) -> None:
    add_work(concept, artist, png(1))

    def delete() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM catalog_concept WHERE id = %s", [concept.pk])
            check_now()

    with pytest.raises(IntegrityError):
        delete()


def check_now() -> None:
    """Check what is deferred to the end of the transaction, which a test does not reach."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("catalog_plugin_price_in_range", {"price_micros": -1}),
        ("catalog_plugin_price_in_range", {"price_micros": 100_000_001}),
        ("catalog_plugin_state_known", {"state": "sold"}),
        ("catalog_plugin_published_with_a_version", {"current_version": None}),
        ("catalog_plugin_published_with_a_version", {"published_at": None}),
        ("catalog_plugin_withdrawn_at_a_time", {"state": "withdrawn"}),
    ],
)
def test_a_plugin_on_the_market_keeps_its_shape(plugin: PlugIn, name: str, changes: dict[str, Any]) -> None:
    with breaks(name), transaction.atomic():
        PlugIn.objects.filter(pk=plugin.pk).update(**changes)


def test_a_concept_has_one_plugin_for_a_base(plugin: PlugIn) -> None:
    with breaks("catalog_plugin_one_a_concept_and_base"), transaction.atomic():
        PlugIn.objects.create(
            concept=plugin.concept, base=plugin.base, owner=plugin.owner, slug="again", price_micros=0
        )


def test_a_plugin_belongs_to_its_concepts_artist(plugin: PlugIn, second_artist: User) -> None:
    with breaks("catalog_plugin_owner_is_the_concepts_artist"), transaction.atomic():
        PlugIn.objects.filter(pk=plugin.pk).update(owner=second_artist)
        check_now()


def test_a_plugin_serves_a_version_of_its_own(plugin: PlugIn, make_plugin: MakePlugIn) -> None:
    other = make_plugin("Other")

    with breaks("catalog_plugin_current_version_is_its_own"), transaction.atomic():
        PlugIn.objects.filter(pk=plugin.pk).update(current_version=other.current_version)
        check_now()


@pytest.mark.parametrize("table", ["catalog_pluginversion", "catalog_pluginsample"])
@pytest.mark.parametrize("change", ["UPDATE {} SET file = 'elsewhere'", "DELETE FROM {}"])
def test_a_version_and_its_samples_are_never_changed_or_deleted(
    plugin: PlugIn, table: str, change: str
) -> None:
    with breaks(f"{table}_is_immutable"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change.format(table))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("catalog_pluginversion_numbered_from_one", {"number": 0}),
        ("catalog_pluginversion_hash_shapes", {"number": 2, "file_sha256": "x"}),
        ("catalog_pluginversion_hash_shapes", {"number": 2, "tensors_sha256": ""}),
        ("catalog_pluginversion_fingerprint_shape", {"number": 2, "base_fingerprint": "x"}),
        ("catalog_pluginversion_has_weights", {"number": 2, "rank": 0}),
        ("catalog_pluginversion_has_weights", {"number": 2, "byte_size": 0}),
        ("job_id", {"number": 2}),  # one job makes one version
    ],
)
def test_a_version_has_a_number_hashes_weights_and_a_job(
    plugin: PlugIn, name: str, changes: dict[str, Any]
) -> None:
    version = plugin.versions.get()
    version.pk = None
    for field, value in changes.items():
        setattr(version, field, value)

    with breaks(name), transaction.atomic():
        version.save(force_insert=True)


def test_a_number_is_given_to_one_version(plugin: PlugIn, artist: User) -> None:
    version = plugin.versions.get()
    version.pk, version.job = None, Job.objects.create(kind="addition", owner=artist)

    with breaks("catalog_pluginversion_number_once"), transaction.atomic():
        version.save(force_insert=True)


def test_a_place_among_the_samples_is_taken_once(plugin: PlugIn) -> None:
    sample = plugin.versions.get().samples.first()
    assert sample is not None
    sample.pk = None

    with breaks("catalog_pluginsample_position_once"), transaction.atomic():
        sample.save(force_insert=True)


def test_a_refusals_distance_is_one_of_64_bits(artist: User, concept: Concept) -> None:
    with breaks("catalog_uploadrefusal_distance_in_range"), transaction.atomic():
        UploadRefusal.objects.create(
            person=artist, concept=concept, matched_artist=artist, distance=65, pixels_sha256="0" * 64,
            perceptual_hash=0,
        )  # fmt: skip
