"""A diffusers directory arrives in parts, and whatever goes wrong on the way is said and loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels import uploading
from market.basemodels.models import BaseUpload, BaseUploadFile, BaseUploadPart
from market.basemodels.models import uploads as upload_models
from market.basemodels.registering import register_base
from market.basemodels.uploading import (
    begin_upload,
    take_part,
)
from market.decoding.places import places_for_parts
from tests.market.basemodels.conftest import FIELDS, FILES, announcing, complete_upload

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
SMALL = 10  # bytes of a part in these tests
WEIGHTS = b"0123456789" * 2 + b"abc"  # three parts


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts be small, so that three of them are no burden. (The constraint keeps the real size.)"""
    monkeypatch.setattr(upload_models, "PART_BYTES", SMALL)
    monkeypatch.setattr(uploading, "PART_BYTES", SMALL)


def begin(client: Client, files: dict[str, bytes]) -> Any:
    entries = [vars(each) for each in announcing(files)]
    return client.post(
        reverse("basemodels:begin_upload"), json.dumps({"files": entries}), content_type="application/json"
    )


def put(client: Client, url: str, position: int, number: int, data: bytes) -> Any:
    return client.put(f"{url}files/{position}/parts/{number}/", data, content_type="application/octet-stream")


def stored_under(upload: str) -> int:
    folder = f"bases/uploads/{upload}/0"
    return len(default_storage.listdir(folder)[1]) if default_storage.exists(folder) else 0


@pytest.mark.usefixtures("small_parts")
def test_parts_make_a_file_and_the_same_list_again_goes_on(model_owner: User, client_for: SignIn) -> None:
    client = client_for(model_owner)
    files = {"unet/diffusion_pytorch_model.safetensors": WEIGHTS, **FILES}
    begun = begin(client, files).json()
    assert (begun["part_bytes"], begun["complete"]) == (SMALL, False)
    assert put(client, begun["url"], 0, 0, WEIGHTS[:10]).json()["parts"] == 1

    again = begin(client, files).json()

    assert (again["upload"], again["files"][0]["parts"]) == (begun["upload"], 1)
    assert again["files"][0]["parts_needed"] == 3
    for number in (1, 2):
        assert put(client, begun["url"], 0, number, WEIGHTS[10 * number :][:10]).status_code == 200
    for position, data in enumerate(FILES.values(), start=1):
        assert put(client, begun["url"], position, 0, data).json()["complete"]
    assert client.get(begun["url"]).json()["complete"]


@pytest.mark.usefixtures("small_parts")
def test_a_part_that_comes_twice_is_the_same_and_another_in_its_place_is_refused(
    model_owner: User, client_for: SignIn
) -> None:
    client = client_for(model_owner)
    url = begin(client, {"vae/model.safetensors": WEIGHTS, **FILES}).json()["url"]
    first = put(client, url, 0, 0, WEIGHTS[:10])

    assert put(client, url, 0, 0, WEIGHTS[:10]).json() == first.json()
    other = put(client, url, 0, 0, b"9876543210")

    assert other.status_code == 409
    assert "part 0 arrived before, with other content" in other.json()["error"]
    assert BaseUploadPart.objects.count() == 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("number", "data", "status", "said"),
    [
        (1, WEIGHTS[10:20], 409, "expected part 0 next, not part 1"),
        (0, WEIGHTS[:9], 422, "expected 10 bytes as part 0, found 9"),
        (0, WEIGHTS[:11], 422, "expected 10 bytes as part 0, found 11"),
        (0, b"", 422, "found 0"),
    ],
)
def test_a_part_out_of_order_or_of_another_size_is_refused_and_nothing_is_kept(
    model_owner: User, client_for: SignIn, number: int, data: bytes, status: int, said: str
) -> None:
    client = client_for(model_owner)
    begun = begin(client, {"vae/model.safetensors": WEIGHTS, **FILES}).json()

    response = put(client, begun["url"], 0, number, data)

    assert response.status_code == status
    assert said in response.json()["error"]
    assert "vae/model.safetensors" in response.json()["error"]
    assert stored_under(begun["upload"]) == 0


def test_a_file_with_another_hash_than_announced_starts_anew(
    model_owner: User, client_for: SignIn, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_for(model_owner)
    begun = begin(client, FILES).json()

    with django_capture_on_commit_callbacks(execute=True):
        response = put(client, begun["url"], 0, 0, b"[]")

    assert response.status_code == 422
    assert hashlib.sha256(b"[]").hexdigest() in response.json()["error"]
    assert "starts anew" in response.json()["error"]
    assert (BaseUploadPart.objects.count(), stored_under(begun["upload"])) == (0, 0)
    assert put(client, begun["url"], 0, 0, FILES["model_index.json"]).json()["complete"]


def test_a_file_that_is_there_takes_nothing_more(model_owner: User, client_for: SignIn) -> None:
    client = client_for(model_owner)
    url = begin(client, FILES).json()["url"]
    put(client, url, 0, 0, FILES["model_index.json"])

    assert put(client, url, 0, 1, b"x").status_code == 409
    assert put(client, url, 7, 0, b"x").status_code == 404


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("unet/diffusion_pytorch_model.bin", "can run code"),
        ("unet/model.ckpt", "can run code"),
        ("../unet/config.json", "none of the files"),
        ("unet/../config.json", "none of the files"),
        ("/etc/passwd.txt", "none of the files"),
        ("unet/deeper/config.json", "none of the files"),
        ("unet/.hidden.json", "none of the files"),
        ("safety_checker/model.safetensors", "none of the files"),
        ("unet/config.json\n", "none of the files"),
        ("README.md", "none of the files"),
        ("unet/chat_template.jinja", "none of the files"),
        ("tokenizer/other.jinja", "none of the files"),
        ("", "none of the files"),
    ],
)
def test_only_files_of_a_diffusers_directory_are_taken(
    model_owner: User, client_for: SignIn, path: str, said: str
) -> None:
    response = begin(client_for(model_owner), {path: b"x", **FILES})

    assert response.status_code == 422
    assert said in response.json()["error"]
    assert not BaseUpload.objects.exists()


HASH = "ab" * 32
INDEX = {"path": "model_index.json", "size": 2, "sha256": HASH}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "as JSON"),
        ("[" * 100_000, "as JSON"),
        ("[]", '"files"'),
        ('{"files": []}', "at least one file"),
        ('{"files": [3]}', "as an object"),
        (json.dumps({"files": [INDEX, INDEX]}), "named twice"),
        (json.dumps({"files": [INDEX | {"size": 0}]}), "at least 1"),
        (json.dumps({"files": [INDEX | {"size": True}]}), "at least 1"),
        (json.dumps({"files": [INDEX | {"size": 10**400}]}), "at most 10000000000000"),
        (json.dumps({"files": [INDEX | {"size": "2"}]}), "size in bytes"),
        (json.dumps({"files": [INDEX | {"size": 10**9}]}), "at most 50 MB"),
        (json.dumps({"files": [INDEX | {"sha256": HASH.upper()}]}), "lower case"),
        (json.dumps({"files": [INDEX | {"path": "unet/config.json"}]}), "model_index.json is missing"),
        (json.dumps({"files": [INDEX] * 101}), "at most 100 files"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_reason(
    model_owner: User, client_for: SignIn, body: str, said: str
) -> None:
    response = client_for(model_owner).post(
        reverse("basemodels:begin_upload"), body, content_type="application/json"
    )

    assert response.status_code == 422
    assert said in response.json()["error"]
    assert not BaseUpload.objects.exists()


def test_somebody_elses_upload_does_not_exist(
    model_owner: User, stranger: User, admin: User, user: User, client: Client, client_for: SignIn
) -> None:
    url = begin_upload(model_owner, announcing(FILES)).get_absolute_url()

    for person in (stranger, admin, user):
        theirs = client_for(person)
        assert put(theirs, url, 0, 0, FILES["model_index.json"]).status_code == 404
        assert theirs.post(f"{url}give-up/").status_code == 404
    assert client_for(stranger).get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert put(client, url, 0, 0, b"{}").status_code == 302
    assert BaseUploadFile.objects.filter(parts=0).count() == 2


def test_the_same_files_of_two_people_are_two_uploads(model_owner: User, stranger: User) -> None:
    assert begin_upload(model_owner, announcing(FILES)).pk != begin_upload(stranger, announcing(FILES)).pk


@pytest.mark.django_db(transaction=True)
def test_a_file_is_hashed_without_a_transaction_or_a_connection(
    model_owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin_upload(model_owner, announcing(FILES))
    held, really_open = [], default_storage.open

    def watched(name: str, mode: str = "rb") -> Any:
        held.append((connection.in_atomic_block, connection.connection is not None))
        return really_open(name, mode)

    monkeypatch.setattr(default_storage, "open", watched)

    assert take_part(upload, 0, 0, FILES["model_index.json"]).complete
    assert held == [(False, False)]


def test_the_last_part_may_come_again_where_the_file_could_not_be_checked(
    model_owner: User, client_for: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, data = begin_upload(model_owner, announcing(FILES)), FILES["model_index.json"]
    with monkeypatch.context() as broken:
        broken.setattr(default_storage, "open", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take_part(upload, 0, 0, data)

    answer = put(client_for(model_owner), upload.get_absolute_url(), 0, 0, data)

    assert answer.json()["complete"]


def test_two_parts_of_a_person_are_taken_at_once_and_a_third_is_refused_and_lost_nothing(
    model_owner: User, client_for: SignIn
) -> None:
    upload, client = begin_upload(model_owner, announcing(FILES)), client_for(model_owner)
    places = places_for_parts()
    with places.taken_by(model_owner.pk), places.taken_by(model_owner.pk):
        refused = put(client, upload.get_absolute_url(), 0, 0, FILES["model_index.json"])

    assert refused.status_code == 429
    assert put(client, upload.get_absolute_url(), 0, 0, FILES["model_index.json"]).status_code == 200


def test_what_is_registered_is_neither_given_up_nor_begun_again(
    model_owner: User, client_for: SignIn
) -> None:
    upload = complete_upload(model_owner)
    register_base(model_owner, FIELDS, upload=upload.pk, by=model_owner)
    client = client_for(model_owner)

    client.post(reverse("basemodels:give_up", args=[upload.pk]))
    again = begin(client, FILES)

    assert again.status_code == 409
    assert "“Mine” already" in again.json()["error"]
    assert BaseUploadPart.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("basemodels_baseuploadfile_path_once", {"path": "unet/config.json"}),
        ("basemodels_baseuploadfile_position_once", {"position": 1}),
        ("basemodels_baseuploadfile_path_allowed", {"path": "../model_index.json"}),
        ("basemodels_baseuploadfile_path_allowed", {"path": "unet/model.bin"}),
        ("basemodels_baseuploadfile_sha256_shape", {"sha256": "AB" * 32}),
        ("basemodels_baseuploadfile_size_positive", {"size": 0}),
        ("basemodels_baseuploadfile_complete_with_all_parts", {"complete": True, "parts": 0}),
    ],
)
def test_a_file_keeps_its_shape(model_owner: User, name: str, changes: dict[str, Any]) -> None:
    upload = begin_upload(model_owner, announcing(FILES))

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        upload.files.filter(position=0).update(**changes)


def test_a_part_and_a_list_are_there_once(model_owner: User) -> None:
    upload = complete_upload(model_owner)
    part = BaseUploadPart.objects.filter(file__upload=upload)[0]

    with pytest.raises(IntegrityError, match="basemodels_baseuploadpart_number_once"), transaction.atomic():
        BaseUploadPart.objects.create(file=part.file, number=0, sha256=HASH, content="x")
    with pytest.raises(IntegrityError, match="basemodels_baseuploadpart_sha256_shape"), transaction.atomic():
        BaseUploadPart.objects.create(file=part.file, number=1, sha256="x", content="x")
    with (
        pytest.raises(IntegrityError, match="basemodels_baseupload_list_once_a_person"),
        transaction.atomic(),
    ):
        BaseUpload.objects.create(owner=model_owner, list_sha256=upload.list_sha256)
    with pytest.raises(IntegrityError, match="basemodels_baseupload_list_sha256_shape"), transaction.atomic():
        BaseUpload.objects.create(owner=model_owner, list_sha256="x")
