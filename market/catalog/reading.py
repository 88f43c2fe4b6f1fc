"""Reading the pictures that people send, each in a child, before anything is kept of them."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

from market.accounts.models import User
from market.catalog.pictures import CleanPicture, Limits, clean_in_child, from_child
from market.decoding.children import Bounds, read_apart
from market.decoding.places import places_for_files
from market.refusals import Refused
from pictures.captions import caption_of_name

NAME_LENGTH = 120
SECONDS = 60
"""Processor seconds for one picture: more than the largest allowed picture needs."""
PATIENCE = 300
"""Seconds until an answer, on a busy machine."""


@dataclass(frozen=True)
class ReadPicture:
    """One file under its sender's name: the picture in it, or why there is none."""

    name: str
    picture: CleanPicture | None = None
    reason: str = ""


def clean_apart(data: bytes, limits: Limits) -> CleanPicture:
    """Decode, check and re-encode a file in a child. Raises Refused."""
    # A lossless picture may take as much as its pixels, and its thumbnail little more.
    bounds = Bounds(SECONDS, PATIENCE, most=5 * limits.max_pixels + 1_000_000)
    return from_child(*read_apart(clean_in_child, data, vars(limits), bounds))


def read_pictures(files: Iterable[Any], *, most: int, captioned: bool = False) -> Iterator[ReadPicture]:
    """Read files (Django's UploadedFile) one after the other, at most `most`.

    With `captioned`, refuse those whose names say nothing.
    """
    limits = Limits.configured()
    for number, sent in enumerate(files):
        name = display_name(sent.name)
        try:
            if number >= most:
                raise Refused(f"Send at most {most} files at once.")
            if captioned and not caption_of_name(name):
                raise Refused("Name the file by what it shows, such as red-fox.png: the name is its caption.")
            yield ReadPicture(name, clean_apart(read_upload(sent, limits), limits))
        except Refused as refusal:
            yield ReadPicture(name, reason=str(refusal))


@contextmanager
def read_by(person: User, read: Iterator[ReadPicture]) -> Iterator[Iterator[ReadPicture]]:
    """Hold a place for the sender while the files are read and kept one by one. Raises Refused if there is none."""
    with places_for_files().taken_by(person.pk):
        yield read


@contextmanager
def set_aside(person: User, read: Iterator[ReadPicture]) -> Iterator[Iterator[ReadPicture]]:
    """Read all files before any is kept, for a transaction that must not wait for them. Meanwhile they lie in a temporary file."""
    with TemporaryFile() as aside:
        with places_for_files().taken_by(person.pk):
            count = 0
            for each in read:
                pickle.dump(each, aside)
                count += 1
        aside.seek(0)
        yield (_next_of(aside) for _ in range(count))


def _next_of(aside: IO[bytes]) -> ReadPicture:
    read: ReadPicture = pickle.load(aside)  # noqa: S301, what this process wrote
    return read


def display_name(sent: str | None) -> str:
    """Keep the part of a file's name that a person recognises: no folders, no control characters."""
    bare = re.split(r"[/\\]", sent or "")[-1]
    printable = "".join(letter for letter in bare if letter.isprintable()).strip(" .")
    return printable[:NAME_LENGTH] or "unnamed file"


def read_upload(sent: Any, limits: Limits) -> bytes:
    """Read one of Django's uploaded files, no further than is taken. Raises Refused."""
    if sent.size is not None and sent.size > limits.max_bytes:
        raise Refused(
            f"The file has {sent.size / 1_000_000:.1f} MB; at most {limits.max_bytes / 1_000_000:.1f} MB are taken."
        )
    stream: IO[bytes] = sent
    return stream.read(limits.max_bytes + 1)
