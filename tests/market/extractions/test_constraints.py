"""What the database promises of extractions and releases: each test tries to break one promise."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.db.utils import DatabaseError

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import Concept
from market.extractions.building import RetestOutput
from market.extractions.deciding import approve_extraction, discard_extraction
from market.extractions.models import (
    BuildPart,
    BuildPicture,
    Extraction,
    ExtractionPicture,
    ReleaseBuild,
    Retest,
    RetestPicture,
)
from tests.market.catalog.pictures import png
from tests.market.extractions.stage import begun, finish_build, make_extraction
from tests.market.stage import make_plugin


def breaks(name: str) -> Any:
    return pytest.raises(DatabaseError, match=name)


def delete(row: Model) -> None:
    """Delete a row past what Django would keep."""
    table = row._meta.db_table  # noqa: SLF001, Django's documented name
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [row.pk])  # noqa: S608, a table's own name


@pytest.fixture
def ready(base: BaseModel, model_owner: User) -> Extraction:
    return make_extraction(base, model_owner)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("state_known", {"state": "lost"}),
        ("method_known", {"method": "magic"}),
        ("kind_known", {"kind": "mood"}),
        ("fingerprint_shape", {"base_fingerprint": "none"}),
        ("name_not_blank", {"key": " "}),
        ("pictures_in_range", {"pictures": 1}),
        ("made_with_its_files", {"state": "ready"}),
        ("decided_by_somebody", {"state": "making", "decided_at": "2026-01-01T00:00Z"}),
        ("approved_below_limits_for_a_reason", {"missed": ["It is still seen."]}),
    ],
)
def test_an_extraction_keeps_its_shape(
    base: BaseModel, model_owner: User, name: str, changes: dict[str, Any]
) -> None:
    made = begun(base, model_owner)
    with breaks(f"extractions_extraction_{name}"), transaction.atomic():
        Extraction.objects.filter(pk=made.pk).update(**changes)


def test_a_ready_one_is_not_approved_by_nobody(ready: Extraction) -> None:
    with breaks("decided_by_somebody"), transaction.atomic():
        Extraction.objects.filter(pk=ready.pk).update(state="approved")


def test_a_version_belongs_to_an_approved_one_with_a_concept(
    ready: Extraction, base: BaseModel, artist: User
) -> None:
    version = make_plugin(artist, base).current_version
    with breaks("offered_once_approved"), transaction.atomic():
        Extraction.objects.filter(pk=ready.pk).update(version=version)


@pytest.mark.parametrize(
    "changes", [{"rank": 9}, {"figures": {}}, {"eraser_file": "other"}, {"name": "Else"}]
)
def test_what_was_made_and_measured_is_never_changed(ready: Extraction, changes: dict[str, Any]) -> None:
    with breaks("never changed"), transaction.atomic():
        Extraction.objects.filter(pk=ready.pk).update(**changes)


def test_what_was_decided_is_never_changed_and_nothing_deleted(
    ready: Extraction, model_owner: User, artist: User
) -> None:
    with breaks("never deleted"), transaction.atomic():
        delete(ready)
    discard_extraction(ready, model_owner)
    with breaks("what was decided"), transaction.atomic():
        Extraction.objects.filter(pk=ready.pk).update(state="ready", decided_at=None, decided_by=None)
    with breaks("what was decided"), transaction.atomic():
        concept = Concept.objects.create(artist=artist, name="Mine", kind="style")
        Extraction.objects.filter(pk=ready.pk).update(concept=concept)


@pytest.fixture
def built(base: BaseModel, ready: Extraction, model_owner: User, artist: User) -> ReleaseBuild:
    build = approve_extraction(ready, model_owner, offer=True)
    version = make_plugin(artist, base).current_version
    assert version is not None
    grids = {"samples": (("before",), [("a fox", [png(1)])])}
    finish_build(build, RetestOutput(version.pk, base.default_release().pk, {"moved": 0.0}, grids))
    build.refresh_from_db()
    return build


@pytest.mark.parametrize(
    "changes", [{"state": "failed", "release": None}, {"figures": {}}, {"eraser_file": "x"}]
)
def test_a_build_that_has_ended_is_never_changed(built: ReleaseBuild, changes: dict[str, Any]) -> None:
    with breaks("never changed"), transaction.atomic():
        ReleaseBuild.objects.filter(pk=built.pk).update(**changes)


@pytest.mark.parametrize("changes", [{"number": 9}, {"fingerprint": "ef" * 32}])
def test_a_built_release_stays_what_it_is_but_may_be_taken_into_use(
    built: ReleaseBuild, base: BaseModel, changes: dict[str, Any]
) -> None:
    release = BaseRelease.objects.filter(build=built)
    with breaks("what it is never changes"), transaction.atomic():
        release.update(**changes)
    with breaks("violates foreign key"), transaction.atomic():
        delete(release.get())
        connection.check_constraints()
    assert release.update(notes="The first without Noto.") == 1


def test_the_parts_and_pictures_of_a_release_are_never_changed_or_deleted(built: ReleaseBuild) -> None:
    rows: list[Any] = [BuildPart, BuildPicture, Retest, RetestPicture, ExtractionPicture]
    for model in rows:
        one = model.objects.filter(pk=model.objects.first().pk)
        field = {BuildPart: "plugin_file", Retest: "dropped"}.get(model, "prompt")
        with breaks("never changed or deleted"), transaction.atomic():
            one.update(**{field: True if field == "dropped" else "else"})
        with breaks("never changed or deleted"), transaction.atomic():
            delete(one.get())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("releasebuild_state_known", {"state": "lost"}),
        ("releasebuild_fingerprint_shape", {"base_fingerprint": "none"}),
        (
            "releasebuild_ready_with_its_release",
            {
                "state": "ready",
                "eraser_file": "x",
                "eraser_file_sha256": "ab" * 32,
                "eraser_tensors_sha256": "ab" * 32,
            },
        ),
    ],
)
def test_a_build_keeps_its_shape(
    ready: Extraction, model_owner: User, name: str, changes: dict[str, Any]
) -> None:
    build = approve_extraction(ready, model_owner)
    with breaks(f"extractions_{name}"), transaction.atomic():
        ReleaseBuild.objects.filter(pk=build.pk).update(**changes)


def test_a_part_has_a_place_and_an_extraction_once(ready: Extraction, model_owner: User) -> None:
    build = approve_extraction(ready, model_owner)
    with breaks("buildpart_once_a_build"), transaction.atomic():
        BuildPart.objects.create(build=build, extraction=ready, position=1)
    other = make_extraction(build.base, model_owner, "Clay")
    with breaks("buildpart_one_a_position"), transaction.atomic():
        BuildPart.objects.create(build=build, extraction=other, position=0)
    with breaks("buildpart_file_with_its_hash"), transaction.atomic():
        BuildPart.objects.filter(build=build).update(plugin_file="somewhere")


def test_a_grid_has_one_picture_a_place(ready: Extraction) -> None:
    with breaks("extractionpicture_one_a_place"), transaction.atomic():
        ExtractionPicture.objects.create(
            of=ready, title="target", row=0, column=0, stage="before", prompt="a fox", file="x"
        )
