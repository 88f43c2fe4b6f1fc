"""Versions of plug-ins by the API: made of works, or of a file, at once a draft with its terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from market.accounts.models import Scope, User
from market.basemodels.models import BaseModel
from market.catalog.addition import inputs
from market.catalog.models import Concept, PlugIn
from market.catalog.plugin_likeness import Compared, Likeness
from market.catalog.plugin_uploads import KIND, complete_upload
from market.catalog.training_settings import TrainingSettings
from market.catalog.versions import complete_version
from market.jobs.models import Job
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.catalog.conftest import adapter_file, claimed, make_concept, output, with_works
from tests.market.stage import make_base, make_part, merged_adapter, some_hash

TERMS = {"base": "tiny", "price_micros": 70_000, "allow_derivatives": False}


@pytest.fixture
def seller(artist: User, program_of: ProgramOf) -> Program:
    return program_of(artist, Scope.SELL)


@pytest.fixture
def concept(artist: User, base: BaseModel) -> Concept:
    return with_works(make_concept(artist, "Riverink"))


def file_form(content: bytes, **more: Any) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("river.safetensors", content), "base": "tiny", "price_micros": "70000", **more}  # fmt: skip


def sent_files() -> list[str]:
    return default_storage.listdir("plugins/uploads")[1] if default_storage.exists("plugins/uploads") else []


def test_works_become_a_plugin_that_is_published(seller: Program, concept: Concept) -> None:
    answer = seller.post(f"concepts/{concept.pk}/additions", TERMS)

    assert answer.status_code == 201, answer.content
    begun = answer.json()
    assert answer["Location"] == f"/api/v1/jobs/{begun['job']['id']}"
    assert (begun["job"]["kind"], begun["job"]["state"]) == ("addition", "queued")
    assert (begun["plugin"]["slug"], begun["plugin"]["state"]) == ("riverink", "draft")
    assert begun["plugin"]["price_micros"] == 70_000
    assert begun["plugin"]["licence"] == {
        "commercial": True, "combination": True, "derivatives": False, "credit_required": True,
    }  # fmt: skip
    job = claimed(Job.objects.get())
    complete_version(job=job, token=job.fencing_token, output=output())
    assert seller.get(f"jobs/{job.pk}").json()["state"] == "succeeded"
    assert seller.get(f"concepts/{concept.pk}").json()["plugins"][0]["version"] == 1

    published = seller.post("plugins/riverink/publish").json()

    assert (published["state"], published["version"]) == ("published", 1)


def test_a_program_chooses_how_it_is_learned(seller: Program, concept: Concept) -> None:
    chosen: dict[str, Any] = {"steps": 300, "rank": 8, "learning_rate": 0.002}

    assert seller.post(f"concepts/{concept.pk}/additions", TERMS | chosen).status_code == 201

    assert inputs(Job.objects.get()).settings == TrainingSettings(**chosen)


@pytest.mark.parametrize("wrong", [{"steps": 1}, {"rank": 129}, {"learning_rate": 0}, {"steps": "many"}])
def test_settings_out_of_range_are_refused_by_name(
    seller: Program, concept: Concept, wrong: dict[str, Any]
) -> None:
    answer = seller.post(f"concepts/{concept.pk}/additions", TERMS | wrong)

    (fault,) = problem(answer, 422, "invalid")["errors"]
    assert fault["pointer"] == f"#/{next(iter(wrong))}"
    assert not Job.objects.exists()


def test_an_addition_asked_for_twice_with_one_key_is_one(seller: Program, concept: Concept) -> None:
    path = f"concepts/{concept.pk}/additions"

    first = seller.post(path, TERMS, key="river-1")
    again = seller.post(path, TERMS, key="river-1")

    assert again.json() == first.json()
    assert Job.objects.count() == 1
    problem(seller.post(path, TERMS, key=""), 400, "key-missing")
    said = problem(seller.post(path, TERMS), 409, "not-possible")
    assert said["detail"] == "A version of Riverink for Tiny is already under way."


def test_what_is_missing_is_said_reason_by_reason(seller: Program, artist: User, base: BaseModel) -> None:
    bare = Concept.objects.create(artist=artist, name="Willow", kind="style")

    said = problem(seller.post(f"concepts/{bare.pk}/additions", TERMS), 409, "not-possible")

    assert [each["detail"] for each in said["errors"]] == [
        "Affirm your rights to the works first.",
        "Upload at least 3 works; there are 0 so far.",
    ]
    assert PlugIn.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"base": None}, "#/base"),
        ({"base": "none"}, "#/base"),
        ({"base": "ti\x00ny"}, "#/base"),
        ({"base": {"slug": "tiny"}}, "#/base"),
        ({"price_micros": None}, "#/price_micros"),
        ({"price_micros": -1}, "#/price_micros"),
        ({"price_micros": 10**30}, "#/price_micros"),
        ({"price_micros": 7}, "#/price_micros"),
        ({"price_micros": "much"}, "#/price_micros"),
        ({"allow_commercial": "perhaps"}, "#/allow_commercial"),
        ({"licence": "MIT"}, "#/licence"),
    ],
)
def test_terms_that_cannot_be_are_pointed_at(
    seller: Program, concept: Concept, changes: Any, pointer: str
) -> None:
    for answer in (
        seller.post(f"concepts/{concept.pk}/additions", TERMS | changes),
        seller.post_form(
            f"concepts/{concept.pk}/plugin-files",
            {
                name: value
                for name, value in file_form(adapter_file(), **changes).items()
                if value is not None
            },
        ),
    ):
        said = problem(answer, 422, "invalid")
        assert pointer in [each.get("pointer") for each in said["errors"]]
    assert Job.objects.count() == 0


def test_a_base_that_is_not_offered_is_none(seller: Program, concept: Concept, stranger: User) -> None:
    hidden = make_base(stranger, slug="hidden", fingerprint="ef" * 32)
    BaseModel.objects.filter(pk=hidden.pk).update(listed=False)

    said = problem(
        seller.post(f"concepts/{concept.pk}/additions", TERMS | {"base": "hidden"}), 422, "invalid"
    )

    assert said["errors"][0]["pointer"] == "#/base"


def test_another_version_keeps_the_terms_that_are_not_said(seller: Program, concept: Concept) -> None:
    path = f"concepts/{concept.pk}/additions"
    seller.post(path, TERMS)
    job = claimed(Job.objects.get())
    complete_version(job=job, token=job.fencing_token, output=output())

    begun = seller.post(path, {"base": "tiny", "allow_commercial": False}).json()["plugin"]

    assert begun["price_micros"] == 70_000
    assert begun["licence"] == {
        "commercial": False, "combination": True, "derivatives": False, "credit_required": True,
    }  # fmt: skip


def test_a_file_becomes_a_plugin(seller: Program, concept: Concept) -> None:
    answer = seller.post_form(
        f"concepts/{concept.pk}/plugin-files", file_form(adapter_file(b"river"), allow_combination="false")
    )

    assert answer.status_code == 201, answer.content
    begun = answer.json()
    assert (begun["job"]["kind"], begun["parts"]) == ("upload", [])
    assert begun["plugin"]["price_micros"] == 70_000
    assert begun["plugin"]["licence"]["combination"] is False
    assert begun["plugin"]["licence"]["derivatives"] is True
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    complete_upload(
        job=job,
        token=job.fencing_token,
        output=output(b"river"),
        against=Compared((), (), ()),
        likeness=Likeness(),
    )
    assert seller.get("plugins/riverink/versions").json()["results"][0]["works_count"] == 0


def test_the_parts_of_a_combined_file_are_said(
    seller: Program, concept: Concept, base: BaseModel, second_artist: User
) -> None:
    make_part(second_artist, base, "Ink")
    content = merged_adapter(("Ink", some_hash("Ink"), 6_000), ("Own", "12" * 32, 4_000))

    begun = seller.post_form(f"concepts/{concept.pk}/plugin-files", file_form(content)).json()

    assert begun["parts"] == [
        {"name": "Ink", "plugin": "ink", "artist": second_artist.handle, "weight": 6_000},
        {"name": "Own", "plugin": None, "artist": None, "weight": 4_000},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a file of weights", "is no safetensors file"),
        (b"\xff" * 16, "is no safetensors file"),
        (merged_adapter(("Ink", some_hash("Ink"), 0)), "found 0"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused_and_not_kept(
    seller: Program, concept: Concept, content: bytes, words: str
) -> None:
    said = problem(
        seller.post_form(f"concepts/{concept.pk}/plugin-files", file_form(content)), 409, "not-possible"
    )

    assert words in said["detail"]
    assert (Job.objects.count(), PlugIn.objects.count(), sent_files()) == (0, 0, [])


def test_a_file_that_is_too_large_or_missing_is_refused(
    seller: Program, concept: Concept, settings: Any
) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, plugin_bytes=1_000_000)
    path = f"concepts/{concept.pk}/plugin-files"

    large = problem(seller.post_form(path, file_form(adapter_file(b"w" * 3_000_000))), 409, "not-possible")
    empty = problem(seller.post_form(path, file_form(b"")), 422, "invalid")
    missing = problem(seller.post_form(path, {"base": "tiny", "price_micros": "0"}), 422, "invalid")
    text = problem(seller.post_form(path, file_form(b"") | {"file": "river"}), 422, "invalid")
    problem(seller.post(path, TERMS), 415, "wrong-type")

    assert large["detail"] == "The file has 3.0 MB; at most 1 MB are taken."
    assert empty["errors"][0]["detail"] == "The file is empty. Choose another."
    assert missing["errors"] == [{"detail": "Choose a file.", "pointer": "#/file"}]
    assert text["errors"][0]["pointer"] == "#/file"
    assert sent_files() == []


def test_anothers_concept_is_not_there(concept: Concept, stranger: User, program_of: ProgramOf) -> None:
    program = program_of(stranger)

    problem(program.post(f"concepts/{concept.pk}/additions", TERMS), 404, "not-found")
    problem(
        program.post_form(f"concepts/{concept.pk}/plugin-files", file_form(adapter_file())), 404, "not-found"
    )
    assert (Job.objects.count(), sent_files()) == (0, [])


def test_a_token_that_does_not_sell_makes_none(concept: Concept, artist: User, program_of: ProgramOf) -> None:
    for scope in (Scope.READ, Scope.MANAGE, Scope.CLAIM):
        program = program_of(artist, scope)
        problem(program.post(f"concepts/{concept.pk}/additions", TERMS), 403, "not-allowed")


def test_an_addition_is_cancelled_by_a_token_that_sells(
    seller: Program, concept: Concept, artist: User, program_of: ProgramOf
) -> None:
    job = seller.post(f"concepts/{concept.pk}/additions", TERMS).json()["job"]["id"]

    problem(program_of(artist, Scope.MANAGE).post(f"jobs/{job}/cancel"), 403, "not-allowed")
    assert seller.post(f"jobs/{job}/cancel").json()["state"] == "cancelled"
