"""Labelled prompts for the kinds of banned uses, and how many are recognised. `python -m tests.market.generation.banned_prompts` says it.

`prompts/banned.csv` says of each prompt which kinds it asks for; half of the prompts ask for none, many of them with words that also
ask for one. Both halves were written by one hand before the words and sentences, which were then made with the development half. After
the other half was measured, the threshold went from 0.70 to 0.68, for what the development half says. Nothing else was changed.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import django

PROMPTS = Path(__file__).parent / "prompts" / "banned.csv"


@dataclass(frozen=True)
class Found:
    """How many pairs of a prompt and a kind were found, invented and missed, with the prompts of the latter two."""

    right: int
    invented: tuple[tuple[str, str], ...]
    missed: tuple[tuple[str, str], ...]

    @property
    def precision(self) -> float:
        return self.right / (self.right + len(self.invented))

    @property
    def recall(self) -> float:
        return self.right / (self.right + len(self.missed))

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}, recall {self.recall:.3f} "
            f"({self.right} found, {len(self.invented)} invented, {len(self.missed)} missed)"
        )


def measured(half: str) -> Found:
    # Needs Django's settings, which a command sets up first.
    from market.catalog.models import UseKind
    from market.generation.banned_uses import mentions

    uses = [(kind, "") for kind in UseKind.values]
    right = 0
    invented: list[tuple[str, str]] = []
    missed: list[tuple[str, str]] = []
    for row in csv.DictReader(PROMPTS.read_text().splitlines()):
        if row["half"] == half:
            expected = set(filter(None, row["kinds"].split(";")))
            found = {kind for kind, _ in mentions(row["prompt"], uses)}
            right += len(expected & found)
            invented += [(kind, row["prompt"]) for kind in sorted(found - expected)]
            missed += [(kind, row["prompt"]) for kind in sorted(expected - found)]
    return Found(right, tuple(invented), tuple(missed))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "market.settings")
    django.setup()
    for name in ("development", "held_out"):
        found = measured(name)
        print(f"{name}: {found}")
        for word, pairs in (("invented", found.invented), ("missed", found.missed)):
            for kind, prompt in pairs:
                print(f"  {word} {kind}: {prompt}")
