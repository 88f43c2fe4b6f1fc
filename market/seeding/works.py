"""The works that come with the embedded model for the demo: open-licensed pictures.

Each folder under plugins_engine/embedded/works/ has a concept that the model has not learned: its pictures and a works.json.
That file names the concept, the artist where one made them all, licence and attribution, and the caption of each picture. The folder claimed/ has works of a
style that the model has learned, and controls that it has not. They are read as data: the market does not import the engine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from market.basemodels.prompts import styled
from market.configuration import ROOT

WORKS = ROOT / "plugins_engine" / "embedded" / "works"
CLAIMED = ROOT / "plugins_engine" / "embedded" / "claimed"


class NoWorks(Exception):  # a checkout without them can run the market, but not its demo
    """A file of the shipped works is missing or wrong. The message says which."""


@dataclass(frozen=True)
class ShippedWork:
    file: Path
    caption: str


@dataclass(frozen=True)
class WorkSet:
    """The works of one concept."""

    slug: str
    name: str
    kind: str  # "style" or "character"
    artist: str  # who made all of them; "" where several did
    description: str
    works: tuple[ShippedWork, ...]

    @property
    def prompt(self) -> str:
        """Give a prompt for the concept, worded like the base model's captions."""
        if self.kind == "character":
            return self.name
        subject = self.works[0].caption.split(",")[0]
        return styled(subject, self.name)


def shipped_work_sets(folder: Path = WORKS) -> list[WorkSet]:
    """Return the shipped sets, styles first, then by number of works, most first. Raises NoWorks."""
    sets = [_read(listing) for listing in sorted(folder.glob("*/works.json"))]
    if not sets:
        raise NoWorks(f"There are no works in {folder}: expected folders with a works.json.")
    return sorted(sets, key=lambda one: (one.kind != "style", -len(one.works), one.slug))


def claimed_work_sets(folder: Path = CLAIMED) -> tuple[WorkSet, WorkSet]:
    """Return the works of a style that the model learned, and the controls in that style. Raises NoWorks."""
    works, controls = (folder / part / "works.json" for part in ("works", "controls"))
    for listing in (works, controls):
        if not listing.is_file():
            raise NoWorks(f"There is no {listing}: expected the works of a claim, and its controls.")
    return _read(works), _read(controls)


def _read(listing: Path) -> WorkSet:
    try:
        known: dict[str, Any] = json.loads(listing.read_text())
        works = tuple(
            ShippedWork(listing.parent / one["file"], str(one["caption"])) for one in known["works"]
        )
        missing = [work.file.name for work in works if not work.file.is_file()]
        if missing or not works:
            raise NoWorks(
                f"{listing}: expected its pictures beside it, missing {', '.join(missing) or 'all'}"
            )
        return WorkSet(
            slug=listing.parent.name,
            name=str(known["name"]),
            kind=str(known["kind"]),
            artist=str(known.get("artist", "")),
            description=str(known["attribution"]),
            works=works,
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise NoWorks(f"{listing}: expected name, kind, attribution, works: {wrong!r}") from wrong
