"""Stored files: remove one without a row, and send one to a person who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

A_DAY = 24 * 3600
A_WHILE = 300
"""How long, in seconds, proxies may cache a public file: a takedown cannot reach their copies."""


def forget_file(file: FieldFile) -> None:
    """Delete a field's file from the storage, if it was saved there."""
    # Only this attribute of Django's says whether a file is in the storage. It is not in the stubs.
    if file and file._committed:  # type: ignore[attr-defined]  # noqa: SLF001
        file.storage.delete(file.name or "")


@contextmanager
def files_undone() -> Iterator[list[FieldFile]]:
    """Give a list in which to note files before they are saved. If the body raises, those that were saved are deleted."""
    noted: list[FieldFile] = []
    try:
        yield noted
    except BaseException:
        for file in noted:
            forget_file(file)
        raise


def send(
    file: FieldFile,
    content_type: str,
    *,
    filename: str,
    download: bool = False,
    public: bool = False,
    asked_each_time: bool = False,
) -> HttpResponse:
    """Answer with a stored file. Its address always means the same bytes, so browsers may keep it for a day.

    The caller has decided who may see it. With `public`, for files that everybody may see, proxies may cache it too. With
    `asked_each_time`, for files that may be hidden later, a browser asks here before it shows its copy.
    """
    try:
        with file.open("rb") as stored:
            data = stored.read()
    except FileNotFoundError:
        raise Http404 from None
    response = answer(data, content_type)
    kept = f"public, max-age={A_WHILE}" if public else f"private, max-age={A_DAY}"
    response["Cache-Control"] = "private, no-cache" if asked_each_time else kept
    response["Content-Disposition"] = content_disposition_header(download, filename) or "inline"
    return response


def answer(data: bytes, content_type: str) -> HttpResponse:
    """Answer with the bytes of a file that no browser keeps, or takes for anything but what it is."""
    response = HttpResponse(data, content_type=content_type)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    # A file opened by itself is not a page of the market.
    response["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; sandbox"
    return response
