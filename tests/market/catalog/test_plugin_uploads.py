"""Uploading a plug-in as a file: what is taken, what is refused with its reason, and what is left behind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn, PlugInVersion
from market.catalog.plugin_likeness import Compared, Likeness
from market.catalog.plugin_uploads import KIND, complete_upload, inputs
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.jobs.states import JobState
from tests.market.catalog.conftest import adapter_file, output
from tests.market.stage import make_part, merged_adapter, some_hash

SignIn = Callable[[User], Client]


def send(client: Client, concept: Concept, content: bytes, **changes: Any) -> Any:
    form = {
        "base": "little", "price_micros": "0.05", "allow_commercial": "on", "allow_combination": "on",
        "file": SimpleUploadedFile("river.safetensors", content),
    } | changes  # fmt: skip
    return client.post(reverse("catalog:upload_plugin", args=[concept.pk]), form)


def uploads() -> list[str]:
    return default_storage.listdir("plugins/uploads")[1] if default_storage.exists("plugins/uploads") else []


@pytest.fixture
def at_desk(artist: User, base: BaseModel, client_for: SignIn) -> Client:
    return client_for(artist)


@pytest.fixture
def job(at_desk: Client, concept: Concept) -> Job:
    """An upload that a worker has claimed."""
    send(at_desk, concept, adapter_file(b"river"))
    (claimed,) = Job.objects.claim(kinds=[KIND], worker="w")
    return claimed


def test_a_file_becomes_a_job_and_a_draft(at_desk: Client, concept: Concept, artist: User) -> None:
    response = send(at_desk, concept, adapter_file(b"river"))

    job = Job.objects.get()
    assert response["Location"] == job.get_absolute_url()
    assert (job.kind, job.owner, job.description) == (KIND, artist, "Upload of Riverink for Little base")
    plugin = PlugIn.objects.get()
    assert (plugin.owner, plugin.price_micros, plugin.allow_derivatives) == (artist, 50_000, False)
    assert (plugin.latest_job, plugin.is_published) == (job, False)
    assert inputs(job).data == adapter_file(b"river")
    desk = at_desk.get(plugin.desk_url).content.decode()
    assert "Upload of Riverink for Little base is under way" in desk


def test_the_page_says_what_is_taken(at_desk: Client, concept: Concept) -> None:
    page = at_desk.get(reverse("catalog:upload_plugin", args=[concept.pk])).content.decode()
    assert "At most 200 MB" in page
    assert "Upload a plug-in" in at_desk.get(concept.get_absolute_url()).content.decode()


def test_what_a_worker_read_becomes_a_version_and_the_file_is_kept_as_it_came(
    job: Job, artist: User, django_capture_on_commit_callbacks: Any, client_for: SignIn
) -> None:
    assert len(uploads()) == 1
    with django_capture_on_commit_callbacks(execute=True):
        version = complete_upload(
            job=job,
            token=job.fencing_token,
            output=output(b"river"),
            against=Compared((), (), ()),
            likeness=Likeness(),
        )

    assert (version.number, version.works_count, version.parts_count) == (1, 0, 0)
    assert version.plugin.current_version == version
    with version.original.file.open("rb") as kept:
        assert kept.read() == adapter_file(b"river")
    assert version.original.sha256 == hashlib.sha256(adapter_file(b"river")).hexdigest()
    assert not version.original.is_misread
    assert (
        "not known: it was uploaded"
        in client_for(artist).get(version.plugin.get_absolute_url()).content.decode()
    )


def test_the_file_of_an_upload_that_failed_is_forgotten(
    job: Job, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        Job.objects.fail(job.pk, token=job.fencing_token, error="no LoRA")
    assert uploads() == []


def test_a_file_that_changed_in_the_storage_is_refused(job: Job) -> None:
    name = job.parameters["upload"]
    default_storage.delete(name)
    with default_storage.open(name, "wb") as stored:
        stored.write(b"something else")
    with pytest.raises(BadResult, match="Upload it again"):
        inputs(job)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a file of weights", "is no safetensors file"),
        (merged_adapter(("Ink", some_hash("Ink"), 0)), "found 0"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason_and_nothing_is_kept(
    at_desk: Client, concept: Concept, content: bytes, said: str
) -> None:
    response = send(at_desk, concept, content, price_micros="0.07")
    assert response.status_code == 409
    text = response.content.decode()
    assert said in text
    assert 'value="0.07"' in text
    assert (Job.objects.count(), PlugIn.objects.count(), uploads()) == (0, 0, [])


def test_a_file_that_is_too_large_is_refused(at_desk: Client, concept: Concept, settings: Any) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, plugin_bytes=10)
    assert "at most 1e-05 MB" in send(at_desk, concept, adapter_file()).content.decode()
    assert uploads() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"file": ""}, "Choose a file"), ({"file": SimpleUploadedFile("a", b"")}, "is empty"), ({"price_micros": "-1"}, "price")],
)  # fmt: skip
def test_what_is_wrong_with_the_form_is_said(
    at_desk: Client, concept: Concept, changes: dict[str, Any], said: str
) -> None:
    response = send(at_desk, concept, adapter_file(), **changes)
    assert response.status_code == 422
    assert said in response.content.decode()


def test_rights_come_before_the_upload(at_desk: Client, artist: User) -> None:
    concept = Concept.objects.create(artist=artist, name="Blank", kind="style")
    response = send(at_desk, concept, adapter_file())
    assert response.status_code == 409
    assert "Affirm your rights" in response.content.decode()
    assert (Job.objects.count(), uploads()) == (0, [])


def test_one_version_is_made_at_a_time(at_desk: Client, concept: Concept) -> None:
    send(at_desk, concept, adapter_file(b"one"))
    response = send(at_desk, concept, adapter_file(b"two"))
    assert response.status_code == 409
    assert "already under way" in response.content.decode()
    assert len(uploads()) == 1


def test_anothers_plugin_is_not_taken_as_it_is(
    at_desk: Client, concept: Concept, second_artist: User, base: BaseModel, job: Job
) -> None:
    make_part(second_artist, base, "Ink")
    other = Concept.objects.create(artist=concept.artist, name="Other", kind="style")
    other.affirm_rights(concept.artist)
    with default_storage.open(str(PlugInVersion.objects.get().file.name)) as stored:
        response = send(at_desk, other, stored.read())
    assert response.status_code == 409
    assert "a plug-in of another artist already" in response.content.decode()


def test_anothers_weights_in_another_file_are_found_once_they_are_read(
    job: Job, second_artist: User, base: BaseModel
) -> None:
    made = output(b"river")
    make_part(second_artist, base, "Ink")
    with pytest.raises(BadResult, match="a plug-in of another artist already"):
        complete_upload(
            job=job,
            token=job.fencing_token,
            output=replace(made, tensors_sha256=some_hash("Ink")),
            against=Compared((), (), ()),
            likeness=Likeness(),
        )
    assert Job.objects.get(pk=job.pk).state == JobState.RUNNING
    assert PlugInVersion.objects.count() == 1


def test_the_parts_of_a_file_are_shown_at_once_and_on_its_pages(
    at_desk: Client, concept: Concept, second_artist: User, base: BaseModel
) -> None:
    make_part(second_artist, base, "Ink")
    content = merged_adapter(("Ink", some_hash("Ink"), 2500), ("Elsewhere", some_hash("x"), 7500))
    response = send(at_desk, concept, content)
    page = at_desk.get(response["Location"]).content.decode()
    assert "25% to Berta Brush for “Ink”; 75% to you for “Elsewhere”" in page

    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    made = replace(output(b"river"), adapter=content, file_sha256=hashlib.sha256(content).hexdigest())
    version = complete_upload(
        job=job, token=job.fencing_token, output=made, against=Compared((), (), ()), likeness=Likeness()
    )
    for address in (job.get_absolute_url(), version.plugin.desk_url, version.plugin.get_absolute_url()):
        text = at_desk.get(address).content.decode()
        assert "Combined from" in text, address
        assert "Berta Brush" in text
        assert "not of this market" in text


def test_a_part_whose_licence_forbids_it_is_refused_at_once(
    at_desk: Client, concept: Concept, second_artist: User, base: BaseModel
) -> None:
    make_part(second_artist, base, "Ink", allow_combination=False)
    response = send(at_desk, concept, merged_adapter(("Ink", some_hash("Ink"), 1)))
    assert response.status_code == 409
    assert "The licence of “Ink” by Berta Brush does not allow it to be combined" in response.content.decode()
    assert uploads() == []
