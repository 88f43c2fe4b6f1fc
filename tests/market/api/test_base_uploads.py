"""A base model is sent in parts by the API, registered, or given up; whatever goes wrong on the way loses nothing."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.test import override_settings

from market.accounts.models import Scope, User
from market.basemodels.models import BaseModel, BaseUpload
from market.basemodels.models.uploads import PART_BYTES
from market.basemodels.registering import register_base
from market.basemodels.uploading import MAX_OPEN
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.basemodels.conftest import FIELDS, FILES, announcing, complete_upload

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def owner(model_owner: User, program_of: ProgramOf) -> Program:
    return program_of(model_owner, Scope.MANAGE)


def listing(files: dict[str, bytes]) -> dict[str, Any]:
    return {"files": [vars(each) for each in announcing(files)]}


def begin(program: Program, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    answer = program.post("base-uploads", listing(FILES if files is None else files), key="")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def put(program: Program, upload: dict[str, Any], position: int, number: int, data: bytes) -> Any:
    return program.put_bytes(f"{upload['url']}/files/{position}/parts/{number}", data)


def test_files_are_announced_sent_in_parts_gone_on_with_and_registered(
    owner: Program, model_owner: User
) -> None:
    first, last = b"w" * PART_BYTES, b"the rest"
    files = {WEIGHTS: first + last, **FILES}
    begun = begin(owner, files)
    assert (begun["part_bytes"], begun["complete"]) == (PART_BYTES, False)
    assert [each["parts_needed"] for each in begun["files"]] == [2, 1, 1]
    assert put(owner, begun, 0, 0, first).json()["parts"] == 1

    again = begin(owner, files)
    assert (again["id"], again["files"][0]["parts"]) == (begun["id"], 1)
    assert [each["id"] for each in owner.get("base-uploads").json()["results"]] == [begun["id"]]
    early = problem(owner.post("bases", FIELDS | {"upload": begun["id"]}), 422, "invalid")
    assert "did not arrive in full" in early["detail"]
    assert put(owner, begun, 0, 1, last).json()["complete"]
    for position, data in enumerate(FILES.values(), start=1):
        assert put(owner, begun, position, 0, data).json()["complete"]
    assert owner.get(begun["url"]).json()["complete"]

    answer = owner.post("bases", FIELDS | {"upload": begun["id"]})

    assert answer.status_code == 201, answer.content
    base = BaseModel.objects.get(slug="mine")
    assert (str(base.upload_id), base.owner) == (begun["id"], model_owner)
    assert owner.get("base-uploads").json()["results"] == []
    said = problem(owner.post("base-uploads", listing(files)), 409, "not-possible")
    assert "those of your base model “Mine” already" in said["detail"]


def test_a_part_that_cannot_be_taken_says_what_was_expected(owner: Program) -> None:
    begun = begin(owner, {"unet/config.json": b'{"a": 1}', "model_index.json": b"{}"})

    short = problem(put(owner, begun, 0, 0, b"{"), 422, "invalid")
    early = problem(put(owner, begun, 0, 1, b"{"), 409, "not-possible")
    nowhere = problem(put(owner, begun, 7, 0, b"{"), 404, "not-found")
    beyond = problem(put(owner, begun, 10**30, 10**30, b"{"), 404, "not-found")
    put(owner, begun, 0, 0, b'{"a": 1}')
    other = problem(put(owner, begun, 0, 0, b'{"a": 2}'), 409, "not-possible")

    assert short["detail"] == "unet/config.json: expected 8 bytes as part 0, found 1."
    assert short["errors"] == [{"detail": short["detail"]}]
    assert early["detail"].endswith("expected part 0 next, not part 1. Parts come in order.")
    assert "no file number 7" in nowhere["detail"]
    assert "no file number" in beyond["detail"]
    assert "with other content" in other["detail"]
    assert put(owner, begun, 0, 0, b'{"a": 1}').json()["complete"]


def test_a_file_with_another_hash_starts_anew(owner: Program) -> None:
    begun = begin(owner)

    said = problem(put(owner, begun, 0, 0, b"[]"), 422, "invalid")

    assert hashlib.sha256(b"[]").hexdigest() in said["detail"]
    assert owner.get(begun["url"]).json()["files"][0]["parts"] == 0
    assert put(owner, begun, 0, 0, b"{}").json()["complete"]


def test_a_part_is_read_no_further_than_a_part_may_be_long(owner: Program) -> None:
    begun = begin(owner)

    said = problem(put(owner, begun, 0, 0, b"x" * (PART_BYTES + 1_000)), 422, "invalid")

    assert f"found {PART_BYTES + 1}" in said["detail"]


def test_a_part_that_is_said_to_be_something_else_is_not_taken(owner: Program) -> None:
    begun = begin(owner)

    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = owner.put_bytes(f"{begun['url']}/files/0/parts/0", b"{}", kind)

        assert "application/octet-stream" in problem(answer, 415, "wrong-type")["detail"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, "Expected"),
        ([], "at least one file"),
        ([{"path": "unet/config.json", "size": 1, "sha256": "ab" * 32}], "model_index.json is missing"),
        ([{"path": "../model_index.json", "size": 1, "sha256": "ab" * 32}], "Leave it out"),
        ([{"path": "unet/weights.bin", "size": 1, "sha256": "ab" * 32}], "Convert the weights"),
        ([{"path": "model_index.json", "size": 0, "sha256": "ab" * 32}], "its size in bytes"),
        ([{"path": "model_index.json", "size": 1, "sha256": "AB" * 32}], "64 hexadecimal digits"),
        ([{"path": "model_index.json", "size": 1, "sha256": " " + "ab" * 32}], "64 hexadecimal digits"),
        ([{}], "none of the files"),
        ([{"path": "model_index.json", "size": 1, "sha256": "ab" * 32}] * 2, "named twice"),
        ([{"path": f"unet/{n}.json", "size": 1, "sha256": "ab" * 32} for n in range(101)], "at most 100"),
    ],
)
def test_a_list_that_cannot_be_taken_says_why(owner: Program, files: Any, words: str) -> None:
    body = {} if files is None else {"files": files}

    said = problem(owner.post("base-uploads", body), 422, "invalid")

    assert words in said["detail"]
    assert BaseUpload.objects.count() == 0


@pytest.mark.parametrize(
    ("files", "pointer"),
    [
        ("unet", "#/files"),
        ([1], "#/files/0"),
        ([{"path": ["a"]}], "#/files/0/path"),
        ([{"size": "much"}], "#/files/0/size"),
        ([{"sha256": None}], "#/files/0/sha256"),
        ([{"md5": "ab"}], "#/files/0/md5"),
    ],
)
def test_a_list_of_the_wrong_kind_is_pointed_at(owner: Program, files: Any, pointer: str) -> None:
    said = problem(owner.post("base-uploads", {"files": files}), 422, "invalid")

    assert pointer in [each["pointer"] for each in said["errors"]]


def test_more_than_the_market_takes_is_refused_before_anything_is_sent(owner: Program, settings: Any) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, base_bytes=5)

    said = problem(owner.post("base-uploads", listing(FILES)), 413, "too-large")

    assert "are taken" in said["detail"]


def test_only_so_many_uploads_are_kept_unfinished(owner: Program) -> None:
    for number in range(MAX_OPEN):
        begin(owner, {"model_index.json": b"{%d}" % number})

    said = problem(owner.post("base-uploads", listing(FILES)), 429, "too-many-waiting")

    assert "Finish one, or remove it" in said["detail"]


def test_an_upload_is_given_up_with_what_arrived(
    owner: Program, django_capture_on_commit_callbacks: Any
) -> None:
    begun = begin(owner)
    put(owner, begun, 0, 0, b"{}")
    folder = f"bases/uploads/{begun['id']}/0"
    assert default_storage.listdir(folder)[1]

    with django_capture_on_commit_callbacks(execute=True):
        assert owner.delete(begun["url"]).status_code == 204

    assert default_storage.listdir(folder)[1] == []
    problem(owner.get(begun["url"]), 404, "not-found")
    problem(owner.delete(begun["url"]), 404, "not-found")


def test_an_upload_that_a_base_has_stays(owner: Program, model_owner: User) -> None:
    upload = complete_upload(model_owner)
    register_base(model_owner, FIELDS, upload=upload.pk, by=model_owner)

    said = problem(owner.delete(f"base-uploads/{upload.pk}"), 409, "not-possible")

    assert said["detail"] == "A base model has this upload; it stays."
    assert owner.get(f"base-uploads/{upload.pk}").json()["complete"]


def test_an_upload_is_its_owners_alone(
    owner: Program, stranger: User, admin: User, program_of: ProgramOf
) -> None:
    begun = begin(owner)

    for person in (stranger, admin):
        program = program_of(person)
        problem(program.get(begun["url"]), 404, "not-found")
        problem(put(program, begun, 0, 0, b"{}"), 404, "not-found")
        problem(program.delete(begun["url"]), 404, "not-found")
        problem(program.get(f"base-uploads/{uuid.uuid4()}"), 404, "not-found")
        assert program.get("base-uploads").json()["results"] == []
    theirs = program_of(stranger).post("base-uploads", listing(FILES)).json()
    assert theirs["id"] != begun["id"]


def test_sending_needs_the_role_of_a_model_owner_and_a_token_that_manages(
    user: User, model_owner: User, program_of: ProgramOf
) -> None:
    begun = begin(program_of(model_owner))

    said = problem(program_of(user).post("base-uploads", listing(FILES)), 403, "not-allowed")
    assert "role of model owner" in said["detail"]
    selling = program_of(model_owner, Scope.SELL)
    for answer in (
        selling.post("base-uploads", listing(FILES)),
        put(selling, begun, 0, 0, b"{}"),
        selling.delete(begun["url"]),
    ):
        assert "“manage”" in problem(answer, 403, "not-allowed")["detail"]


def test_parts_are_not_counted_as_changes(owner: Program) -> None:
    begun = begin(owner)

    with override_settings(API=replace(settings.API, writes_per_minute=1)):
        answers = [put(owner, begun, 0, 0, b"{}") for _ in range(5)]

    assert [each.status_code for each in answers] == [200] * 5


def test_uploads_are_listed_in_pages(owner: Program) -> None:
    made = [begin(owner, {"model_index.json": b"{%d}" % number})["id"] for number in range(3)]

    page = owner.get("base-uploads?limit=2").json()
    rest = owner.get(page["next"]).json()

    assert [each["id"] for each in page["results"] + rest["results"]] == made[::-1]
    assert rest["next"] is None
