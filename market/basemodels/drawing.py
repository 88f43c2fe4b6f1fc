"""How a base may be asked to draw: in which sizes, and with which samplers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from market.basemodels.models import BaseModel

SAMPLERS = {
    "ddim": "DDIM",
    "dpm++": "DPM++ 2M",
    "dpm++ karras": "DPM++ 2M Karras",
    "euler": "Euler",
    "euler a": "Euler a",
    "unipc": "UniPC",
    "lcm": "LCM, for bases that were distilled for it",
}
"""The engine's names of all samplers, with those that people know them by. A base has some of them: `samplers_of`."""

TIMES = "\u00d7"
COMMON = 16
"""Pixels of which every published base draws multiples."""
UNITS = 8
"""Sides are multiples of one part in so many of the base's own: 64 pixels where that is 512."""
LEAST, MOST = 4, 16
"""The shortest and the longest side, in these units: half and twice the base's own."""
MOST_AREA = 144
"""The largest picture, in square units: 2.25 times the base's own. Beyond that bases repeat themselves."""

_SHAPES = (
    ("landscape 9:7", 9, 7),
    ("portrait 7:9", 7, 9),
    ("wide 5:3", 10, 6),
    ("tall 3:5", 6, 10),
    ("large", 12, 12),
    ("large landscape 7:5", 14, 10),
    ("large portrait 5:7", 10, 14),
)


@dataclass(frozen=True)
class Size:
    """A picture's width and height, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def words(self) -> str:
        return f"{self.width} {TIMES} {self.height}"

    @classmethod
    def read(cls, text: str) -> Size | None:
        """Read a size as `str` writes it. None for anything else."""
        found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text, re.ASCII)
        return cls(int(found[1]), int(found[2])) if found else None


def samplers_of(base: BaseModel) -> dict[str, str]:
    """Give the samplers that a base can be drawn with, and their labels. Until a check has found which, any may be chosen."""
    return {name: label for name, label in SAMPLERS.items() if name in (base.samplers or SAMPLERS)}


def own_size(base: BaseModel) -> Size:
    """The size that a base was trained for."""
    return Size(base.resolution, base.resolution)


def shapes_of(base: BaseModel) -> list[tuple[str, Size]]:
    """Give sizes to choose from, with words for their shapes. The base's own comes first."""
    unit = _unit(base)
    others = [(words, Size(across * unit, up * unit)) for words, across, up in _SHAPES]
    return [("square", own_size(base)), *others]


def why_not(base: BaseModel, size: Size) -> str:
    """Say why a base does not draw a size; nothing if it does."""
    if size == own_size(base):
        return ""
    unit = _unit(base)
    sides = (size.width, size.height)
    if any(side % unit or not LEAST * unit <= side <= MOST * unit for side in sides):
        return f"{base.name} draws sides of {LEAST * unit} to {MOST * unit} pixels, in multiples of {unit}; these are {size.words}."
    if size.pixels > MOST_AREA * unit * unit:
        return f"{base.name} draws at most {MOST_AREA * unit * unit:,} pixels; these are {size.words}, {size.pixels:,}. Choose a smaller size."
    return ""


def _unit(base: BaseModel) -> int:
    """Give what sides are multiples of. Every family draws multiples of 16 pixels; smaller bases have smaller steps."""
    unit = base.resolution // UNITS
    return unit // COMMON * COMMON if unit >= COMMON else unit
