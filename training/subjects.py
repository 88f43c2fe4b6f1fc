"""What is drawn: subjects, and the characters that the base never sees."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LIST = Path(__file__).parent / "subjects.txt"
HELD_OUT_PAIR_EVERY = 20  # about one (subject, style) pair in twenty is kept out of training


@dataclass(frozen=True)
class Subject:
    """A thing that many artists drew: its phrase in captions, and the names that icon sets give it."""

    caption: str
    names: tuple[str, ...]

    @property
    def slug(self) -> str:
        """Name its file."""
        return self.caption.lower().replace(" ", "-")


@cache
def _listed() -> tuple[tuple[Subject, ...], tuple[Subject, ...]]:
    """Read subjects and characters, which stand under the second heading."""
    parts: list[list[Subject]] = []
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            parts.append([])
        elif line.strip():
            caption, _, names = line.partition(":")
            parts[-1].append(Subject(caption, tuple(names.split())))
    subjects, characters = parts
    return tuple(subjects), tuple(characters)


def subjects() -> tuple[Subject, ...]:
    """Give what the base learns to draw."""
    return _listed()[0]


def characters() -> tuple[Subject, ...]:
    """Give what the base never sees, in any style."""
    return _listed()[1]


def is_held_out_pair(subject_index: int, style_index: int) -> bool:
    """Tell whether a (subject, style) pair is kept from the base, to see later whether it composes.

    The pairs lie on a diagonal, so that no subject and no style loses more than about one pair in twenty.
    """
    return (subject_index * 7 + style_index * 3) % HELD_OUT_PAIR_EVERY == 0
