"""Uploading works: each file is taken or refused on its own, and every refusal says why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from market.accounts.models import User
from market.catalog.copies import NEUTRAL_REASON, likeness_of, refuse_anothers
from market.catalog.likeness import MAX_DISTANCE, is_repeat
from market.catalog.models import Concept, PlugIn, Work
from market.catalog.models.works import CAPTION_LENGTH
from market.catalog.offering import is_suspended
from market.catalog.pictures import CleanPicture, Limits
from market.catalog.reading import (
    ReadPicture,
    clean_apart,
    display_name,
    read_by,
    read_pictures,
    set_aside,
)
from market.catalog.recognising import keep_look
from market.jobs.states import LIVE
from market.refusals import Refused
from market.stored_files import forget_file
from pictures.captions import caption_of_name

MAX_FILES_AT_ONCE = 100
MAX_WORKS = 500
NO_FILES = "Choose at least one picture."
LEARNED_FROM = "An addition is learning from the works just now. Delete it when that has ended."
"""Why a work cannot be removed."""

MADE_HERE = (
    "This picture was made on a market like this one: its file says so. Works are what their artist made; a picture drawn with plug-ins is "
    "paid for, and is no work to learn from."
)


@dataclass(frozen=True)
class NotTaken:
    """One file that was not taken, under its sender's name."""

    name: str
    reason: str
    twin: Work | None = None  # the sender's own, which it repeats


class Repeated(Refused):
    """The concept has this picture already, or nearly."""

    def __init__(self, reason: str, twin: Work) -> None:
        super().__init__(reason)
        self.twin = twin


@dataclass
class UploadReport:
    taken: list[Work] = field(default_factory=list)
    refused: list[NotTaken] = field(default_factory=list)


def upload_works(concept: Concept, by: User, files: Iterable[Any]) -> UploadReport:
    """Take the files (Django's UploadedFile) as works of the concept, one after the other.

    Raises Refused where none can be read now.
    """
    with read_by(by, _read(concept, by, files)) as read:
        return keep_works(concept, by, read)


@contextmanager
def works_read(concept: Concept, by: User, files: Iterable[Any]) -> Iterator[Iterator[ReadPicture]]:
    """Read the files, to be kept in a transaction. Raises Refused where none can be read now."""
    with set_aside(by, _read(concept, by, files)) as read:
        yield read


def keep_works(concept: Concept, by: User, read: Iterable[ReadPicture]) -> UploadReport:
    report = UploadReport()
    for each in read:
        try:
            if each.picture is None:
                raise Refused(each.reason)
            report.taken.append(_keep(concept, by, each.picture, original_name=each.name))
        except Refused as refusal:
            twin = refusal.twin if isinstance(refusal, Repeated) else None
            report.refused.append(NotTaken(each.name, str(refusal), twin))
    return report


def add_work(concept: Concept, by: User, data: bytes, *, caption: str = "", original_name: str = "") -> Work:
    """Clean one picture and register it as a work of the concept. Raises Refused."""
    _require_may_add(concept, by)
    picture = clean_apart(data, Limits.configured())
    return _keep(concept, by, picture, caption=caption, original_name=original_name)


def _read(concept: Concept, by: User, files: Iterable[Any]) -> Iterator[ReadPicture]:
    """Read the files of somebody who may add them. For anybody else no file is opened."""
    try:
        if is_suspended(by):
            raise Refused("Your publishing is suspended: no works are taken meanwhile.")
        _require_may_add(concept, by)
    except Refused as refusal:
        for sent in files:
            yield ReadPicture(display_name(sent.name), reason=str(refusal))
        return
    yield from read_pictures(files, most=MAX_FILES_AT_ONCE)


def _require_may_add(concept: Concept, by: User) -> None:
    if concept.artist_id != by.pk:
        raise Refused("Only the artist of a concept can add works to it.")
    if not concept.has_current_affirmation():
        raise Refused("Affirm your rights to the works of this concept first.")
    if concept.works.count() >= MAX_WORKS:
        raise Refused(f"A concept holds at most {MAX_WORKS} works.")


def _keep(
    concept: Concept, by: User, picture: CleanPicture, *, caption: str = "", original_name: str = ""
) -> Work:
    _require_may_add(concept, by)
    if picture.made_here:
        raise Refused(MADE_HERE)
    _refuse_repeat(concept, picture)
    refuse_anothers(concept, by, picture, original_name)
    caption = (caption or caption_of_name(original_name))[:CAPTION_LENGTH]
    return _register(work_of(concept, picture, caption=caption, original_name=original_name), picture)


def _refuse_repeat(concept: Concept, picture: CleanPicture) -> None:
    twin = concept.works.filter(pixels_sha256=picture.pixels_sha256).first()
    if twin is not None:
        raise Repeated(f"This concept already has exactly this picture (“{twin}”).", twin)
    for work in concept.works.near(picture.likeness.perceptual_hash, within=MAX_DISTANCE):
        if is_repeat(likeness_of(work), picture.likeness):
            raise Repeated(f"This concept already has nearly the same picture (“{work}”).", work)


def work_of(concept: Concept, picture: CleanPicture, *, caption: str = "", original_name: str = "") -> Work:
    """Make a work of a picture, not saved yet."""
    return Work(
        concept=concept,
        artist=concept.artist,
        file=ContentFile(picture.data, name=f"work.{picture.extension}"),
        thumbnail=ContentFile(picture.thumbnail, name="thumbnail.webp"),
        caption=caption,
        original_name=original_name,
        content_type=picture.content_type,
        byte_size=len(picture.data),
        width=picture.width,
        height=picture.height,
        pixels_sha256=picture.pixels_sha256,
        perceptual_hash=picture.likeness.perceptual_hash,
        colour_grid=picture.likeness.grid,
        reservation=picture.reservation,
    )


def _register(work: Work, picture: CleanPicture) -> Work:
    try:
        with transaction.atomic():
            work.save(force_insert=True)
            keep_look(picture.probe.look, picture.pixels_sha256, work)
    except BaseException as error:
        delete_files(work)
        if isinstance(error, IntegrityError):
            # Somebody registered the same pixels while we were searching.
            twin = work.concept.works.filter(pixels_sha256=picture.pixels_sha256).exists()
            raise Refused(
                "This concept already has exactly this picture." if twin else NEUTRAL_REASON
            ) from None
        raise
    return work


def delete_files(work: Work) -> None:
    for stored in work.files():
        forget_file(stored)


def remove_work(work: Work) -> bool:
    """Delete a work, and its files last, so that no row ever lacks its file. False: an addition is learning from it."""
    if PlugIn.objects.filter(concept=work.concept_id, latest_job__state__in=LIVE).exists():
        return False
    Work.objects.filter(pk=work.pk).delete()
    transaction.on_commit(lambda: delete_files(work))
    return True
