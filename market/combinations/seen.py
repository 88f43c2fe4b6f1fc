"""What the judge saw in the pictures of a combination, ready to show."""

from __future__ import annotations

from dataclasses import dataclass

from market.basemodels.card import write_number
from market.combinations.models import Combination

BY_ITSELF, SIDE_BY_SIDE, COMBINED, ADDED_UP = "by itself", "side by side", "combined", "all added up"
"""Ways of drawing: one part alone, two parts over the base together, the combination of all, the plain sum of all."""


@dataclass(frozen=True)
class SeenRow:
    """The shares of pictures that show everything asked for, in words."""

    title: str
    parts: str
    combined: str
    added_up: str
    pictures: int


def seen_rows(combination: Combination) -> list[SeenRow]:
    """Give a row for each group of prompts. There is none if the judge does not know the parts' concepts."""
    return [
        SeenRow(
            each["title"],
            write_number(each[_first(each)], "%"),
            write_number(each[COMBINED], "%"),
            write_number(each[ADDED_UP], "%"),
            each["pictures"],
        )
        for each in combination.figures.get("seen", [])
    ]


def _first(figures: dict[str, float]) -> str:
    return BY_ITSELF if BY_ITSELF in figures else SIDE_BY_SIDE
