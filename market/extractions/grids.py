"""Grids of pictures: kept as files, and arranged for a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.core.files.base import ContentFile

from market.extractions.models import PROMPT_LENGTH, GridPicture

Row = TypeVar("Row", bound=GridPicture)

Grids = Mapping[str, tuple[Sequence[str], Sequence[tuple[str, Sequence[bytes]]]]]
"""By title: the names of the columns, and rows of a prompt with its PNG pictures, one for each column."""


@dataclass(frozen=True)
class ShownRow:
    """One prompt and its pictures, by what each was drawn with."""

    prompt: str
    pictures: list[tuple[str, GridPicture]]


@dataclass(frozen=True)
class ShownGrid:
    title: str
    rows: list[ShownRow]


def rows_of(model: type[Row], grids: Grids, **of: object) -> list[Row]:
    """Give unsaved rows for all pictures of some grids that belong to `of`."""
    return [
        model(
            title=title[:100],
            row=row,
            column=column,
            stage=stages[column][:60],
            prompt=prompt[:PROMPT_LENGTH],
            file=ContentFile(png, name="picture.png"),
            **of,
        )
        for title, (stages, rows) in grids.items()
        for row, (prompt, pictures) in enumerate(rows)
        for column, png in enumerate(pictures)
    ]


def shown_grids(pictures: Iterable[GridPicture]) -> list[ShownGrid]:
    """Arrange pictures in the grids from which they were kept."""
    grids: dict[str, dict[int, list[GridPicture]]] = {}
    for each in pictures:
        grids.setdefault(each.title, {}).setdefault(each.row, []).append(each)
    return [
        ShownGrid(title, [_shown_row(row) for _, row in sorted(rows.items())])
        for title, rows in grids.items()
    ]


def _shown_row(pictures: list[GridPicture]) -> ShownRow:
    ordered = sorted(pictures, key=lambda each: each.column)
    return ShownRow(ordered[0].prompt, [(each.stage, each) for each in ordered])
