"""Uploading a plug-in as a file: checked here for what the market knows, by a worker for what only the engine can tell.

The file waits in the storage until a worker has read it. What is offered is a file that the engine has written: the same weights
and metadata, and nothing else. The file as it came is kept for a better reader (`rereading`).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.changelog import tidied
from market.catalog.merged import FoundPart, StatedPart, found_parts, parts_of, parts_stated_in
from market.catalog.models import Concept, PlugIn, PlugInOriginal, PlugInVersion
from market.catalog.offering import is_taken_down_copy
from market.catalog.plugin_likeness import COPY, TAKEN_DOWN, Compared, Likeness, require_own, to_compare
from market.catalog.terms import Terms
from market.catalog.versions import (
    VersionOutput,
    complete_version,
    enqueue_version,
    obstacles_to_a_version,
    origin_url,
    result_url,
    sample_prompts,
)
from market.decoding.children import let_go_of_the_database
from market.decoding.places import places_for_files
from market.jobs.kinds import JobKind
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.refusals import Refused

KIND = "upload"
READING = 2
"""The engine's number for how it reads files now."""
NO_FILE = "Choose a file."
EMPTY_FILE = "The file is empty. Choose another."


@dataclass(frozen=True)
class UploadInputs:
    """All that a worker needs to know of an upload."""

    plugin_id: int
    name: str
    kind: str  # "style" or "character"
    base_fingerprint: str
    data: bytes  # the file as it was sent
    sample_prompts: list[str]


@dataclass
class SentFile:
    """A checked file in the storage: its hash, and the parts that it says it was combined from. What a zip says, the worker reads."""

    place: str
    sha256: str
    stated: list[StatedPart]
    kept: bool = False  # by a job, which deletes it when it ends


@contextmanager
def sent_file(by: User, file: UploadedFile[bytes]) -> Iterator[SentFile]:
    """Check a file and put it into the storage, outside any transaction, since it takes long.

    It stays there if a job begins. Raises Refused.
    """
    size, most = file.size or 0, settings.UPLOADS.plugin_bytes
    if size > most:
        raise Refused(f"The file has {size / 1_000_000:.1f} MB; at most {most / 1_000_000:g} MB are taken.")
    with places_for_files().taken_by(by.pk):
        stated = [] if _is_zip(file) else parts_stated_in(file)
        let_go_of_the_database()
        file.seek(0)
        digest = hashlib.sha256()
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
        sent = SentFile(put_into_storage(file), digest.hexdigest(), stated)
    with deleted_unless_kept(sent):
        yield sent


def put_into_storage(file: File[bytes]) -> str:
    """Put a file where uploads wait for a worker. Give its name there."""
    return default_storage.save(f"plugins/uploads/{uuid.uuid4().hex}.safetensors", file)


@contextmanager
def deleted_unless_kept(sent: SentFile) -> Iterator[None]:
    """Delete a file at the end unless a job began that keeps it."""
    try:
        yield
    except BaseException:
        sent.kept = False
        raise
    finally:
        if not sent.kept:
            default_storage.delete(sent.place)


def start_upload(
    concept: Concept,
    base: BaseModel,
    by: User,
    file: UploadedFile[bytes],
    *,
    terms: Terms | None = None,
    changes: str = "",
) -> tuple[Job, list[FoundPart]]:
    """Keep the file and queue the making of a version from it. Return the job, and the parts the file names.

    Raises Refused, and then keeps nothing.
    """
    with sent_file(by, file) as sent:
        return enqueue_upload(concept, base, by, sent, terms=terms, changes=changes)


def enqueue_upload(
    concept: Concept,
    base: BaseModel,
    by: User,
    sent: SentFile,
    *,
    terms: Terms | None = None,
    changes: str = "",
) -> tuple[Job, list[FoundPart]]:
    """Queue the making of a version from an uploaded file, with its line of the changelog. Raises Refused."""
    changes = tidied(changes)
    parts = found_parts(sent.stated, by)
    if _anothers(by.pk, sent.sha256):
        raise Refused(COPY)
    if is_taken_down_copy(sent.sha256):
        raise Refused(TAKEN_DOWN)
    with transaction.atomic():
        # One after the other, as additions are.
        concept = Concept.objects.select_for_update().select_related("artist").get(pk=concept.pk)
        reasons = obstacles_to_a_version(concept, base, by)
        if reasons:
            raise Refused(*reasons)
        job = enqueue_version(
            KIND,
            concept,
            base,
            by,
            terms=terms,
            works=[],
            upload=sent.place,
            upload_sha256=sent.sha256,
            changes=changes,
        )
    sent.kept = True
    return job, parts


def _is_zip(file: UploadedFile[bytes]) -> bool:
    """Tell a zip from a safetensors file, whose first eight bytes are a small number."""
    start: bytes = file.read(8)
    file.seek(0)
    return start.startswith(b"PK\x03\x04") and start[4:] != bytes(4)


def _anothers(person: int, digest: str) -> bool:
    """Whether another artist has a version with this hash, of the file or of its tensors."""
    same = PlugInVersion.objects.filter(Q(tensors_sha256=digest) | Q(file_sha256=digest))
    return same.exclude(plugin__owner=person).exists()


def inputs(job: Job) -> UploadInputs:
    """Read what a worker needs for a job made by `start_upload`. Raises BadResult if the file was changed meanwhile."""
    plugin = PlugIn.objects.select_related("concept", "base").get(pk=job.parameters["plugin"])
    with default_storage.open(job.parameters["upload"], "rb") as stored:
        data = stored.read()
    if hashlib.sha256(data).hexdigest() != job.parameters["upload_sha256"]:
        raise BadResult("The stored file is not the one that was sent. Upload it again.")
    return UploadInputs(
        plugin_id=plugin.pk,
        name=plugin.concept.name,
        kind=plugin.concept.kind,
        base_fingerprint=job.parameters["base_fingerprint"],
        data=data,
        sample_prompts=sample_prompts(plugin.concept, plugin.base),
    )


def require_layers(name: str, layers: int) -> None:
    """Refuse a file that changes no layer: what is sold is a LoRA, with or without learned tokens. Raises BadResult."""
    if not layers:
        raise BadResult(f"{name}: expected a LoRA, alone or with learned tokens, found learned tokens alone")


def compared(job: Job, output: VersionOutput) -> Compared:
    """Choose the plug-ins that a file is compared with before anything of it is kept. Raises BadResult for a list of parts that is none."""
    try:
        stated = parts_of(BytesIO(output.adapter), job.owner)
    except Refused as refusal:
        raise BadResult(str(refusal)) from refusal
    return to_compare(job, output.base_fingerprint, output.sketch, stated)


def complete_upload(
    *, job: Job, token: int, output: VersionOutput, against: Compared, likeness: Likeness
) -> PlugInVersion:
    """Keep what a worker read from the file as a new version. against: what it was `compared` with.

    Raises BadResult as `complete_version` does, and for a copy.
    """
    require_own(job, against, likeness)
    if _anothers(job.owner_id, output.tensors_sha256):
        raise BadResult(COPY)
    if is_taken_down_copy(output.tensors_sha256):
        raise BadResult(TAKEN_DOWN)
    with transaction.atomic():
        version = complete_version(job=job, token=token, output=output)
        PlugInOriginal.objects.create(
            version=version,
            file=job.parameters["upload"],
            sha256=job.parameters["upload_sha256"],
            reading=READING,
        )
        return version


def forget_upload(job: Job) -> None:
    """Delete the uploaded file once the running transaction commits: the upload has failed."""
    name = job.parameters["upload"]
    transaction.on_commit(lambda: default_storage.delete(name), robust=True)


def describe(job: Job) -> str:
    return f"Upload of {job.parameters['concept_name']} for {job.parameters['base_name']}"


def parts_in_words(parts: list[FoundPart]) -> str:
    """Say who will be paid for the parts of a file, for the person who uploaded it."""
    whole = sum(each.stated.share for each in parts)
    said = []
    for each in parts:
        percent = f"{100 * each.stated.share / whole:.4g}%"
        if each.version is None:
            said.append(f"{percent} to you for “{each.stated.name}”, which is none of this market's plug-ins")
        else:
            said.append(f"{percent} to {each.version.plugin.owner} for “{each.version.plugin.name}”")
    return f"The file was combined from {len(parts)} plug-ins. Its fee will go {'; '.join(said)}."


JOB = JobKind(
    name=KIND,
    label="Upload",
    settle=forget_upload,
    describe=describe,
    result_url=result_url,
    origin_url=origin_url,
    result_template="catalog/_addition_result.html",
)
