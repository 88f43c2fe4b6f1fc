"""The figures that an addition measured, ready to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market.basemodels.card import write_number

# name in the figures -> what it means, unit
KNOWN = {
    "style_accuracy": ("Style recognised on new prompts", "%"),
    "character_accuracy": ("Character recognised on new prompts", "%"),
    "subject_accuracy": ("Subject recognised on new prompts", "%"),
    "other_styles_drop": ("Other styles lost while it is on", "%"),
    "relative_error": ("Missed of what each part does by itself", "%"),
    "first_loss": ("Loss at the beginning", ""),
    "final_loss": ("Loss at the end", ""),
    "not_applied": ("Not applied", ""),
    "steps": ("Steps learned", ""),
    "seconds": ("Time it took", "s"),
    "fit_seconds": ("Of that, fitting", "s"),
}
# Kept with the version itself, and shown from there.
SHOWN_ELSEWHERE = {"works", "rank", "parts"}


@dataclass(frozen=True)
class ShownFigure:
    label: str
    value: str


@dataclass(frozen=True)
class GivenBack:
    """How many of an artist's works were searched for among pictures of their captions, and the captions of those found."""

    looked_at: int
    captions: tuple[str, ...]


def given_back(figures: Mapping[str, Any]) -> GivenBack | None:
    """Give what an addition found of its own works. None for a version that was not examined, such as an uploaded one."""
    found = figures.get("given_back")
    if not isinstance(found, dict):
        return None
    return GivenBack(int(found["looked_at"]), tuple(map(str, found["captions"])))


def unlike_works(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the captions of the two works that differ most, where an addition found more than one style in them."""
    return tuple(map(str, figures.get("unlike_works", ())))


def shown_figures(figures: Mapping[str, Any]) -> list[ShownFigure]:
    """Name and write every plain number and word among the figures, the most telling first. Nested ones are for programs."""
    shown = []
    # The database returns an object's names in its own order.
    rank = {name: number for number, name in enumerate(KNOWN)}
    for name, value in sorted(figures.items(), key=lambda each: (rank.get(each[0], len(rank)), each[0])):
        if name in SHOWN_ELSEWHERE or isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        label, unit = KNOWN.get(name, (name.replace("_", " ").capitalize(), ""))
        shown.append(ShownFigure(label, write_number(value, unit)))
    return shown
