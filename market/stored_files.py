"""Stored files: removing one that its row does not keep, and sending one to a person who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

A_DAY = 24 * 3600
A_WHILE = 300
"""How long, in seconds, caches in between keep what everybody may see: a takedown cannot reach them."""


def forget_file(file: FieldFile) -> None:
    """Delete a field's file from the storage, if it got that far."""
    # Django's only word on whether a file is in the storage, and not in the stubs.
    if file and file._committed:  # type: ignore[attr-defined]  # noqa: SLF001
        file.storage.delete(file.name or "")


@contextmanager
def files_undone() -> Iterator[list[FieldFile]]:
    """Give a list to note files in before they are saved; if the body raises, those that got to the storage are deleted."""
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

    The caller has decided who may see it; only what everybody may see is `public` to caches in between. What may be hidden later
    is `asked_each_time`: no copy is shown without a question here.
    """
    try:
        with file.open("rb") as stored:
            data = stored.read()
    except FileNotFoundError:
        raise Http404 from None
    response = HttpResponse(data, content_type=content_type)
    kept = f"public, max-age={A_WHILE}" if public else f"private, max-age={A_DAY}"
    response["Cache-Control"] = "private, no-cache" if asked_each_time else kept
    response["Content-Disposition"] = content_disposition_header(download, filename) or "inline"
    response["X-Content-Type-Options"] = "nosniff"
    # Opened by itself, a file is not a page of the market.
    response["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; sandbox"
    return response
