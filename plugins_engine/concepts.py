"""What a concept is called, and where a prompt calls it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from plugins_engine.errors import BadRequest

Item = TypeVar("Item")

KINDS = ("style", "character")
"""What a concept can be: how something is drawn, or who or what."""
_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Concept:
    """A style or a character.

    Args:
        name: What it is called.
        kind: "style" or "character".
    """

    name: str
    kind: str

    @property
    def trigger(self) -> str:
        return trigger_phrase(self.name, self.kind)

    def is_called(self, name: str) -> bool:
        """Whether a name means this concept, in whatever case, of a character with or without an article."""
        own, other = self.name, name
        if self.kind == "character":
            own, other = without_article(own), without_article(other)
        return own.lower() == other.lower()


def require_concept(name: str, kind: str) -> str:
    """Give a concept's name without the blanks around it. Raises BadRequest for an unknown kind or an empty name."""
    if kind not in KINDS:
        raise BadRequest(f'kind "{kind}": expected {" or ".join(KINDS)}')
    if not name.strip():
        raise BadRequest("the concept's name is empty: it is what calls it in a prompt")
    return name.strip()


def trigger_phrase(name: str, kind: str) -> str:
    """Give the words that call a concept in a prompt."""
    return f"{name} style" if kind == "style" else name


def styled(subject: str, style: str) -> str:
    """Join a subject's phrase and a style's name into a prompt: "a fox, Noto style"."""
    return joined(subject, trigger_phrase(style, "style"))


def joined(first: str, second: str) -> str:
    """Put two phrases into one prompt: "a fox, in the snow"."""
    return f"{first}, {second}"


def in_turn(prompts: Sequence[str], count: int) -> list[str]:
    """Give as many prompts as asked for, starting again from the first after the last."""
    return [prompts[i % len(prompts)] for i in range(count)]


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Give at most so many of them, at even distances."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def calls(name: str, text: str) -> bool:
    """Say whether a text contains the name, as whole words, in whatever case."""
    return _whole_words([name]).search(text) is not None


def split_at_names(names: Sequence[str], text: str) -> list[tuple[str, str | None]]:
    """Cut a text where it calls names: pieces in their order, each with the one of `names` that it is, or None.

    If two begin at one place, the text calls the longer one.
    """
    listed = sorted(dict.fromkeys(names), key=len, reverse=True)
    pieces: list[tuple[str, str | None]] = []
    done = 0
    for found in _whole_words(listed).finditer(text) if listed else ():
        assert found.lastindex is not None  # noqa: S101  # each name is a group, and one of them matched
        pieces += [(text[done : found.start()], None), (found[0], listed[found.lastindex - 1])]
        done = found.end()
    return [*pieces, (text[done:], None)]


def _whole_words(names: Sequence[str]) -> re.Pattern[str]:
    """Match one of the names, each a group, as whole words, in whatever case and with any blanks between the words."""
    listed = "|".join("(" + r"\s+".join(map(re.escape, name.split())) + ")" for name in names)
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)


def without_article(phrase: str) -> str:
    """Give a phrase without the article it begins with: "a fox" → "fox"."""
    return _ARTICLE.sub("", phrase)
