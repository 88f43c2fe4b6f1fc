"""Which files a base model may consist of, whether they are uploaded or fetched from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from django.conf import settings

from market.refusals import Refused, invalid

MAX_FILES = 100
MAX_SIZE = 10**13
"""The most bytes of one file, whatever the market's own limit. A larger number would not fit the column."""
MAX_TEXT_BYTES = 50_000_000
"""The most bytes of a .json, .txt or .jinja file, which is read whole."""
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack")
"""Files that can run code when they are opened."""


class Sized(Protocol):
    """A file by its path in the directory, and how many bytes it has."""

    @property
    def path(self) -> str: ...

    @property
    def size(self) -> int: ...


def is_weights(path: str) -> bool:
    return path.endswith(".safetensors")


def require_few(count: int) -> None:
    """Raise Refused for more files than a base model has."""
    if count > MAX_FILES:
        raise invalid(f"A base model has at most {MAX_FILES} files; these are {count}.")


def require_size(path: str, size: object) -> int:
    """Give the size of a file in bytes. Raises Refused for one that is empty, too large for what it is, or no number."""
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_SIZE:
        raise invalid(f"{path}: expected its size in bytes, at least 1 and at most {MAX_SIZE}.")
    if size > MAX_TEXT_BYTES and not is_weights(path):
        raise invalid(f"{path}: expected at most {MAX_TEXT_BYTES / 1e6:g} MB, found {size / 1e6:,.1f} MB.")
    return size


def require_together(files: Sequence[Sized]) -> None:
    """Raise Refused for files that together are no diffusers directory, or more than the market takes."""
    paths = {each.path for each in files}
    if len(paths) != len(files):
        raise invalid("A path is named twice. Name each file once.")
    if "model_index.json" not in paths:
        raise invalid(
            "model_index.json is missing: expected the files of a diffusers directory, with their paths in it."
        )
    total, most = sum(each.size for each in files), settings.UPLOADS.base_bytes
    if total > most:
        raise Refused(
            f"The files have {total / 1e6:,.1f} MB together; at most {most / 1e6:,g} MB are taken.",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )
