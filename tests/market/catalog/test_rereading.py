"""Uploads are read again by a better reader. Artists whose versions are something else than they sent are told, and mend it."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugInOriginal, PlugInVersion
from market.catalog.plugin_likeness import Compared, Likeness
from market.catalog.plugin_uploads import KIND as UPLOAD
from market.catalog.plugin_uploads import READING, complete_upload, inputs
from market.catalog.rereading import KIND, Reread, complete_rereading
from market.jobs.models import Job
from tests.market.catalog.conftest import adapter_file, output
from tests.market.catalog.test_plugin_uploads import send

SignIn = Callable[[User], Client]
OnCommit = Any


@pytest.fixture
def version(artist: User, base: BaseModel, concept: Concept, client_for: SignIn) -> PlugInVersion:
    """A version of an upload that was read by an earlier reading."""
    send(client_for(artist), concept, adapter_file(b"river"))
    (job,) = Job.objects.claim(kinds=[UPLOAD], worker="w")
    made = complete_upload(
        job=job,
        token=job.fencing_token,
        output=output(b"river"),
        against=Compared((), (), ()),
        likeness=Likeness(),
    )
    PlugInOriginal.objects.update(reading=READING - 1)
    return made


def command() -> str:
    out = StringIO()
    call_command("reread_plugin_files", stdout=out)
    return out.getvalue()


def reread(found: Reread, on_commit: OnCommit) -> PlugInOriginal:
    command()
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    with on_commit(execute=True):
        complete_rereading(job=job, token=job.fencing_token, found=found)
    return PlugInOriginal.objects.get()


def desk(client: Client, version: PlugInVersion) -> str:
    return client.get(version.plugin.desk_url).content.decode()


def test_the_command_queues_what_an_earlier_reading_read_and_once_only(version: PlugInVersion) -> None:
    assert "1 files are being read again." in command()
    assert "0 files are being read again." in command()
    assert Job.objects.get(kind=KIND).description == f"Reading the file of {version} anew"


def test_what_this_reading_read_is_left_alone(version: PlugInVersion) -> None:
    PlugInOriginal.objects.update(reading=READING)

    assert "0 files are being read again." in command()


def test_an_upload_from_before_files_were_kept_is_named_with_its_artist(
    version: PlugInVersion, artist: User
) -> None:
    PlugInOriginal.objects.all().delete()

    said = command()

    assert f"{version} ({artist.email}) was uploaded before files were kept" in said


@pytest.mark.parametrize("differs", [0.0, 0.0009])
def test_a_version_that_agrees_with_its_file_is_left_alone_and_nobody_is_written_to(
    version: PlugInVersion,
    differs: float,
    django_capture_on_commit_callbacks: OnCommit,
    client_for: SignIn,
    artist: User,
) -> None:
    original = reread(Reread(differs=differs), django_capture_on_commit_callbacks)

    assert (original.reading, original.is_misread) == (READING, False)
    assert mail.outbox == []
    assert "read better now" not in desk(client_for(artist), version)
    assert "0 files are being read again." in command()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Reread(differs=0.41), "differs from it by 41% of its effect"),
        (Reread(differs=2.5), "differs from it by more than all of its effect"),
        (Reread(differs=float("inf")), "differs from it by more than all of its effect"),
        (
            Reread(refusal="a full checkpoint, not a plug-in"),
            "would not be taken: a full checkpoint, not a plug-in",
        ),
    ],
)
def test_an_artist_is_told_that_a_version_is_not_what_they_sent(
    version: PlugInVersion,
    artist: User,
    client_for: SignIn,
    django_capture_on_commit_callbacks: OnCommit,
    found: Reread,
    words: str,
) -> None:
    original = reread(found, django_capture_on_commit_callbacks)

    assert original.is_misread
    (told,) = mail.outbox
    assert told.to == [artist.email]
    assert words in told.body
    assert version.plugin.desk_url in told.body
    page = desk(client_for(artist), version)
    assert words in page
    assert "Make a new version of the same file" in page


def test_the_artist_makes_a_new_version_of_the_same_file(
    version: PlugInVersion, artist: User, client_for: SignIn, django_capture_on_commit_callbacks: OnCommit
) -> None:
    reread(Reread(differs=0.4), django_capture_on_commit_callbacks)
    client = client_for(artist)

    answer = client.post(reverse("catalog:make_anew", args=[version.plugin_id, version.pk]))

    assert answer["Location"] == version.plugin.desk_url
    (job,) = Job.objects.claim(kinds=[UPLOAD], worker="w")
    assert inputs(job).data == adapter_file(b"river")
    corrected = complete_upload(
        job=job,
        token=job.fencing_token,
        output=output(b"lake"),
        against=Compared((), (), ()),
        likeness=Likeness(),
    )
    assert (corrected.number, corrected.original.reading) == (2, READING)
    with version.original.file.open("rb") as kept:
        assert kept.read() == adapter_file(b"river"), "each version has a file of its own"


def test_a_file_that_is_damaged_in_the_storage_is_not_made_anew(
    version: PlugInVersion, artist: User, client_for: SignIn
) -> None:
    name = str(version.original.file.name)
    default_storage.delete(name)
    with default_storage.open(name, "wb") as stored:
        stored.write(b"something else")

    answer = client_for(artist).post(reverse("catalog:make_anew", args=[version.plugin_id, version.pk]))

    assert answer.status_code == 409
    assert "Upload it again" in answer.content.decode()
    assert Job.objects.filter(kind=UPLOAD).count() == 1


def test_a_version_without_a_kept_file_is_not_made_anew(
    version: PlugInVersion, artist: User, client_for: SignIn
) -> None:
    PlugInOriginal.objects.all().delete()

    answer = client_for(artist).post(reverse("catalog:make_anew", args=[version.plugin_id, version.pk]))

    assert (answer.status_code, Job.objects.filter(kind=UPLOAD).count()) == (409, 1)


def test_nobody_else_makes_it_anew(
    version: PlugInVersion, stranger: User, second_artist: User, client_for: SignIn
) -> None:
    for person in (stranger, second_artist):
        answer = client_for(person).post(reverse("catalog:make_anew", args=[version.plugin_id, version.pk]))
        assert answer.status_code in {302, 403, 404}
    assert Job.objects.filter(kind=UPLOAD).count() == 1
