"""The figures of extractions and releases, worded for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STAGES = ("before", "after", "restored")
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A row of a table: what was measured, and the values."""

    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    title: str
    note: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def extraction_tables(figures: Figures) -> list[Table]:
    """Give what the examination of an extraction says."""
    groups: list[str] = figures.get("groups", [])
    tables = []
    if "h_o" in figures:
        tables += [_seen(figures, groups), _overall(figures)]
    if groups and all("kid_x1000" in figures[group] for group in groups):
        tables.append(_kid(figures, groups))
    if groups:
        tables.append(_moved(figures, groups))
    return tables


def release_tables(figures: Figures) -> list[Table]:
    """Give what the test of a release says about each concept that was taken out, and about all else."""
    if not figures:
        return []
    concepts, kept = figures["concepts"], figures["retained"]
    moved = Table(
        "How far the pictures moved",
        "Root mean square difference of the pixels from those of the base, 0 to 1.",
        ("after", "restored"),
        (
            *(
                Line(each["name"], tuple(_number(each["moved"][stage]) for stage in STAGES[1:]))
                for each in concepts
            ),
            Line("all else", (_number(kept["moved"]["after"]), "-")),
        ),
    )
    if not any("accuracy" in each for each in concepts):
        return [moved]
    lines = [
        Line(each["name"], tuple(with_interval(each["accuracy"][stage]) for stage in STAGES))
        for each in concepts
    ]
    lines += [
        Line(f"all else, {said}", (*(with_interval(kept[kind][stage]) for stage in STAGES[:2]), "-"))
        for kind, said in (("style", "style"), ("character", "subject"))
        if kind in kept
    ]
    seen = Table(
        "What the judge sees",
        "Share of pictures that show what was asked for, with 95% intervals: by the base, by the release, and by the release "
        "with the concept's plug-in.",
        STAGES,
        tuple(lines),
    )
    return [seen, moved]


def summary(figures: Figures) -> str:
    """Say in a few words how an extraction turned out."""
    if "h_o" not in figures:
        return "not counted" if figures else ""
    target = figures["target"]["accuracy"]
    return f"{_share(target['before'])} → {_share(target['after'])}, H_o {figures['h_o']:.3f}"


def side_by_side(first: Sequence[Table], second: Sequence[Table]) -> list[Table]:
    """Join the tables of two runs, or releases: for each figure the first one's value, then the second's.

    If one has no tables, like the base as it was registered, give the other's unchanged: they include the values from before.
    """
    if not first or not second:
        return [*first, *second]
    joined = []
    others = {table.title: table for table in second}
    for table in first:
        other = others.get(table.title)
        if other is None:
            continue
        columns = tuple(f"{column}, {which}" for column in table.columns for which in ("first", "second"))
        values = [{line.label: line.values for line in each.lines} for each in (table, other)]
        missing = ("-",) * len(table.columns)
        lines = []
        for label in dict.fromkeys((*values[0], *values[1])):
            pairs = zip(*(each.get(label, missing) for each in values), strict=True)
            lines.append(Line(label, tuple(value for pair in pairs for value in pair)))
        joined.append(Table(table.title, table.note, columns, tuple(lines)))
    return joined


def retest_words(figures: Figures) -> str:
    """Say how a plug-in does on a new release."""
    moved = f"its pictures moved by {_number(figures['moved'])}"
    if "accuracy" not in figures:
        return moved
    before, after = (figures["accuracy"][stage] for stage in STAGES[:2])
    return f"recognised in {before:.0%} before and {after:.0%} now, {moved}"


def with_interval(rate: Figures) -> str:
    # The interval may go on its own line, but is not broken.
    return f"{rate['rate']:.1%} ({rate['low']:.0%}\u00a0to\u00a0{rate['high']:.0%})"


def _share(rate: Figures) -> str:
    return f"{rate['rate']:.0%}"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _seen(figures: Figures, groups: Sequence[str]) -> Table:
    head = "style" if figures["kind"] == "style" else "subject"
    other = "subject" if head == "style" else "style"
    return Table(
        "What the judge sees",
        f"Share of pictures whose {head} is the one asked for, with 95% intervals; and the same of the {other}, which the "
        "extraction shall leave alone.",
        STAGES,
        tuple(
            Line(f"{group}, {what}", tuple(with_interval(figures[group][key][stage]) for stage in STAGES))
            for group in groups
            for what, key in ((head, "accuracy"), (other, "other_accuracy"))
        ),
    )


def _overall(figures: Figures) -> Table:
    recovery = figures["recovery"]
    return Table(
        "Gone, kept, and brought back",
        "H_o is the harmonic mean of 1 - the target's share after and the others' share after. The attack learns a word from "
        f"{recovery['learned_from']} of the base's own pictures of the concept in {recovery['steps']} steps, and draws with it.",
        ("value",),
        (
            Line("H_o", (_number(figures["h_o"]),)),
            Line("attack on the base", (with_interval(recovery["before"]),)),
            Line("attack on the base with the eraser", (with_interval(recovery["after"]),)),
        ),
    )


def _kid(figures: Figures, groups: Sequence[str]) -> Table:
    return Table(
        "KID x1000",
        "Against pictures that the base drew of the same prompts from other seeds: about 0 where nothing changed. In brackets "
        "the standard deviation over subsets of 100.",
        STAGES,
        tuple(
            Line(
                group,
                tuple(
                    f"{each['mean']:.1f} ({each['std']:.1f})"
                    for each in (figures[group]["kid_x1000"][stage] for stage in STAGES)
                ),
            )
            for group in groups
        ),
    )


def _moved(figures: Figures, groups: Sequence[str]) -> Table:
    return Table(
        "How far the pictures moved",
        "Root mean square difference of the pixels from those before, 0 to 1.",
        STAGES[1:],
        tuple(
            Line(group, tuple(_number(figures[group]["moved"][stage]) for stage in STAGES[1:]))
            for group in groups
        ),
    )
