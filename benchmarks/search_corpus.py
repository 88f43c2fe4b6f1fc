"""Plug-ins of a large market, with names and descriptions such as artists write, and what people look for in it. Same seed, same text."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def _vocabulary() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((Path(__file__).parent / "searches" / "words.json").read_text())
    return found


@dataclass(frozen=True)
class Wanted:
    """A search, and what sort of one it is."""

    sort: str
    text: str


@dataclass(frozen=True)
class Written:
    """A concept as its artist would write it."""

    name: str
    aliases: list[str]
    kind: str
    description: str


def concepts(count: int, seed: int = 25) -> Iterator[Written]:
    """Write so many concepts, three styles to each character."""
    words, pick = _vocabulary(), random.Random(seed)
    for number in range(count):
        name = _name(pick)
        if number % 4:
            subject = pick.choice(words["subjects"])
            said = [
                f"{pick.choice(words['moods']).capitalize()} {pick.choice(words['media'])} {pick.choice(words['places'])}, {pick.choice(words['techniques'])}.",
                f"{subject.capitalize()} and {pick.choice(words['subjects'])}, {pick.choice(words['likenesses'])}.",
                f"Made for {pick.choice(words['moods'])} pictures of {pick.choice(words['subjects'])}.",
            ]
            kind = "style"
        else:
            subject = pick.choice(words["subjects"]).removesuffix("s")
            said = [
                f"A {pick.choice(words['moods'])} {subject} {pick.choice(words['habits'])}.",
                f"Lives {pick.choice(words['places'])} among {pick.choice(words['subjects'])}.",
                f"Drawn in {pick.choice(words['media'])} {pick.choice(words['techniques'])}.",
            ]
            kind = "character"
        pick.shuffle(said)
        aliases = [f"{name.split()[0]} {subject}"] if number % 5 == 0 else []
        yield Written(name, aliases, kind, " ".join(said[: pick.randint(1, 3)]))


def people(count: int, seed: int = 26) -> list[str]:
    """Give the display names of so many artists."""
    words, pick = _vocabulary(), random.Random(seed)
    return [f"{pick.choice(words['first'])} {pick.choice(words['last'])}" for _ in range(count)]


def searches(count: int, written: list[Written], artists: list[str], seed: int = 27) -> list[Wanted]:
    """Write searches as people type them: names, misspelt names, words, descriptions, artists."""
    words, pick = _vocabulary(), random.Random(seed)
    made = []
    for number in range(count):
        sort = ("name", "misspelt", "words", "description", "artist", "sentence")[number % 6]
        name = pick.choice(written).name
        text = {
            "name": name,
            "misspelt": _slip(name, pick),
            "words": f"{pick.choice(words['moods'])} {pick.choice(words['subjects'])}",
            "description": f"{pick.choice(words['media'])} {pick.choice(words['subjects'])} {pick.choice(words['places'])}",
            "artist": pick.choice(artists),
            "sentence": f"a {pick.choice(words['moods'])} picture of {pick.choice(words['subjects'])} {pick.choice(words['places'])} {pick.choice(words['techniques'])}",
        }[sort]
        made.append(Wanted(sort, text))
    return made


def _name(pick: random.Random) -> str:
    words = _vocabulary()
    made = (
        pick.choice(words["starts"])
        + pick.choice(words["ends"])
        + (pick.choice(words["starts"]) + pick.choice(words["ends"]) if pick.random() < 0.4 else "")
    )
    more = pick.choice(
        (
            "",
            "",
            pick.choice(words["subjects"]).capitalize(),
            pick.choice(words["moods"]).capitalize(),
            f"No {pick.randint(2, 99)}",
        )
    )
    return f"{made.capitalize()} {more}".strip()


def _slip(name: str, pick: random.Random) -> str:
    """Leave a letter out, double one, or swap two."""
    at = pick.randrange(1, max(2, len(name) - 1))
    return pick.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + name[at] + name[at:],
            name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :],
        )
    ).casefold()
