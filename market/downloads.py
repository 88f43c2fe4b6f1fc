"""Files to download: tables as CSV, and other content."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.http import HttpResponse, StreamingHttpResponse

Response = TypeVar("Response", HttpResponse, StreamingHttpResponse)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """A file object that returns what is written to it."""

    def write(self, line: str) -> str:
        return line


def safe_cell(value: object) -> str:
    """Keep a spreadsheet from running a name as a formula; numbers may start with a minus."""
    text = str(value)
    if text.startswith(FORMULA_STARTS) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Stream rows as a CSV file to be saved under the given name."""

    def lines() -> Iterator[str]:
        writer = csv.writer(_Echo())
        yield "\ufeff" + writer.writerow(header)
        for row in rows:
            yield writer.writerow([safe_cell(value) for value in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    return _attached(response, f"{name}.csv")


def file_response(content: str | bytes, kind: str, name: str) -> HttpResponse:
    """Send content as a file to be saved under the given name."""
    return _attached(HttpResponse(content, content_type=kind), name)


def _attached(response: Response, name: str) -> Response:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
