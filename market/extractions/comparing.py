"""Pictures of the same prompts by two runs, or two releases, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from market.basemodels.models import BaseRelease
from market.extractions.grids import ShownGrid, ShownRow
from market.extractions.models import BuildState, Extraction, GridPicture, ReleaseBuild, Retest, Retraining
from market.extractions.retraining import TRAINED_AGAIN

_Place = tuple[str, int, str]
"""A grid's title, a row, and a prompt. Pictures with the same place have the same seed."""


def runs_beside(first: Extraction, second: Extraction) -> list[ShownGrid]:
    """Give the pictures before and after each of two runs, for the prompts that both drew."""
    drawn_first, drawn_second = first.grid.select_related("of"), second.grid.select_related("of")
    columns = [
        ("before", _at_stage(drawn_first, "before")),
        ("after, first", _at_stage(drawn_first, "after")),
        ("after, second", _at_stage(drawn_second, "after")),
        ("restored, second", _at_stage(drawn_second, "restored")),
    ]
    return _beside(columns)


def retest_beside(retest: Retest, done: Retraining | None) -> list[ShownGrid]:
    """Give a retest's pictures before and after. If the plug-in was trained again, give the new version's, too."""
    drawn = retest.grid.select_related("of")
    columns = [(stage, _at_stage(drawn, stage)) for stage in ("before", "after")]
    if done is not None and done.version_id is not None:
        columns.append((TRAINED_AGAIN, _at_stage(done.grid.select_related("of"), TRAINED_AGAIN)))
    return _beside(columns)


def releases_beside(first: BaseRelease, second: BaseRelease) -> list[ShownGrid]:
    """Give what two releases draw for the same prompts from the same seeds.

    Pictures by the weights as they were registered were drawn when the other release was built.
    """
    return _beside([_drawn_by(first, second), _drawn_by(second, first)])


def _drawn_by(release: BaseRelease, beside: BaseRelease) -> tuple[str, dict[_Place, GridPicture]]:
    built, other = _build(release), _build(beside)
    shown, stage = (built, "after") if built else (other, "before")
    pictures = shown.grid.select_related("of") if shown else ()
    return f"release {release.number}", _at_stage(pictures, stage)


def figures_of(release: BaseRelease) -> dict[str, Any]:
    """Give what was measured of a release. Empty for one that was not built here."""
    build = _build(release)
    return build.figures if build else {}


def _build(release: BaseRelease) -> ReleaseBuild | None:
    return ReleaseBuild.objects.filter(release=release, state=BuildState.READY).first()


def _at_stage(pictures: Iterable[GridPicture], stage: str) -> dict[_Place, GridPicture]:
    return {(each.title, each.row, each.prompt): each for each in pictures if each.stage == stage}


def _beside(columns: list[tuple[str, dict[_Place, GridPicture]]]) -> list[ShownGrid]:
    """Join columns on the positions that all of them have."""
    grids: dict[str, ShownGrid] = {}
    for place in columns[0][1]:
        title, _, prompt = place
        found = [(stage, drawn[place]) for stage, drawn in columns if place in drawn]
        if len(found) == len(columns):
            grid = grids.setdefault(title, ShownGrid(title, []))
            grid.rows.append(ShownRow(prompt, found))
    return list(grids.values())
