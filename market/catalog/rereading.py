"""Reading uploaded plug-ins again, with a better reader than the one that made a version of them.

`manage.py reread_plugin_files` queues a job for each file that was read by an earlier reading. A worker compares what it reads with the
version. If they differ, pictures were drawn with something else than the artist sent: the artist is told, and makes a new version of the
same file with one click. The version stays as it is, since pictures and royalties refer to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse

from market.accounts.mailing import write_to
from market.accounts.models import User
from market.catalog.models import PlugInOriginal, PlugInVersion
from market.catalog.plugin_uploads import KIND as UPLOAD
from market.catalog.plugin_uploads import (
    READING,
    SentFile,
    deleted_unless_kept,
    enqueue_upload,
    put_into_storage,
)
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.jobs.states import JobState
from market.refusals import Refused

KIND = "rereading"
SLIGHT = 1e-3
"""The largest difference, as a share of the effect, that is rounding."""
MOST = 1000.0
"""A larger one is kept as this. It may be infinite, where a version changes what its file leaves alone."""


@dataclass(frozen=True)
class Reread:
    """What a worker found: by how much the version differs from what its file is read as, or why the file is refused now."""

    differs: float = 0.0
    refusal: str = ""


def start_rereading() -> list[Job]:
    """Queue a job for each file that was read by an earlier reading, unless one is under way."""
    due = PlugInOriginal.objects.filter(reading__lt=READING).exclude(
        job__state__in=(JobState.QUEUED, JobState.RUNNING)
    )
    return [_start(original.pk) for original in due.order_by("pk")]


def _start(pk: int) -> Job:
    with transaction.atomic():
        original = (
            PlugInOriginal.objects.select_for_update(of=("self",))
            .select_related("version__plugin")
            .get(pk=pk)
        )
        version = original.version
        original.job = Job.objects.enqueue(
            kind=KIND,
            owner=version.plugin.owner,
            parameters={"version": version.pk, "plugin": version.plugin_id, "name": str(version)},
        )
        original.save(update_fields=["job"])
    return original.job


def without_files() -> list[PlugInVersion]:
    """Versions of uploads from before files were kept: they cannot be read again."""
    uploaded = PlugInVersion.objects.filter(job__kind=UPLOAD, original__isnull=True)
    return list(uploaded.select_related("plugin__concept", "plugin__owner").order_by("pk"))


def version_of(job: Job) -> PlugInVersion:
    return PlugInVersion.objects.select_related("plugin__base", "original").get(pk=job.parameters["version"])


def complete_rereading(*, job: Job, token: int, found: Reread) -> None:
    """Keep what a worker found and end its job, in one transaction. Tell the artist if the version is another plug-in than they sent."""
    with transaction.atomic():
        differs = min(found.differs, MOST)
        ended = Job.objects.succeed(
            job.pk, token=token, result={"differs": differs, "refusal": found.refusal}
        )
        version = version_of(ended)
        original = version.original
        original.reading = READING
        original.differs = differs if not found.refusal and differs > SLIGHT else None
        original.refusal = found.refusal
        original.save(update_fields=["reading", "differs", "refusal"])
        if original.is_misread:
            _tell(version)


def make_anew(version: PlugInVersion, by: User) -> Job:
    """Queue a new version of the same file, read as it is read now. Raises Refused."""
    original = PlugInOriginal.objects.filter(version=version).first()
    if original is None:
        raise Refused("The file of this version was not kept. Upload it again.")
    with original.file.open("rb") as kept:
        content = kept.read()
    if hashlib.sha256(content).hexdigest() != original.sha256:
        raise Refused("The file that was kept is damaged. Upload it again.")
    sent = SentFile(put_into_storage(ContentFile(content)), original.sha256, [])
    with deleted_unless_kept(sent):
        job, _ = enqueue_upload(version.plugin.concept, version.plugin.base, by, sent)
    return job


def in_words(original: PlugInOriginal) -> str:
    """Say on a page what a later reading found."""
    if original.refusal:
        return f"Your file is read better now, and would not be taken: {original.refusal}"
    differs = original.differs or 0.0
    share = "more than all" if differs > 1 else f"{differs:.0%}"
    return f"Your file is read better now. This version differs from it by {share} of its effect."


def _tell(version: PlugInVersion) -> None:
    write_to(
        [version.plugin.owner],
        f"Your plug-in {version.plugin.name}, version {version.number}, is not what you sent",
        f"{in_words(version.original)} Pictures are drawn with the version as it is until you change it: on the page below you can make a "
        "new version of the same file, look at its samples, and use it.",
        reverse("catalog:desk_plugin", args=[version.plugin_id]),
    )


JOB = JobKind(
    name=KIND,
    label="Reading of a file anew",
    describe=lambda job: f"Reading the file of {job.parameters['name']} anew",
    result_url=lambda job: reverse("catalog:desk_plugin", args=[job.parameters["plugin"]]),
)
