"""What a base is known to know: subjects and styles that prompts can be made of."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins_engine.concepts import Concept, calls, styled
from plugins_engine.errors import BadBase

PROMPTS_FILE = "prompts.json"
# For a base that brings no list of its own: common subjects, which every general model draws.
_COMMON_SUBJECTS = (
    "a dog", "a cat", "a horse", "a bird", "a man", "a woman", "a child", "a face", "a crowd", "a house", "a street",
    "a city", "a castle", "a mountain", "a forest", "the sea", "a river", "a flower", "a tree", "a bowl of fruit",
    "a table", "a chair", "a car", "a bicycle", "a ship", "an aeroplane", "a book", "a bottle", "a dress", "a robot",
)  # fmt: skip

# Common ways of drawing, for a base that does not say what it knows.
_MANNERS = (
    "",
    "a photo of {}",
    "a painting of {}",
    "a drawing of {}",
    "a watercolour of {}",
    "a 3D render of {}",
)


@dataclass(frozen=True)
class Known:
    """What a base is known to draw.

    Args:
        subjects: As prompts say them: "a fox".
        styles: By their names: "Noto".
        listed: Whether the base itself lists them; else they are common ones.
    """

    subjects: tuple[str, ...]
    styles: tuple[str, ...]
    listed: bool

    def concepts(self, kind: str) -> tuple[str, ...]:
        return self.styles if kind == "style" else self.subjects

    def find(self, name: str, kind: str) -> str | None:
        """Give the concept that a name means, in whatever case, a character with or without its article; None: no such."""
        wanted = Concept(name, kind)
        return next((each for each in self.concepts(kind) if wanted.is_called(each)), None)


def known_concepts(directory: Path) -> Known:
    """Read `prompts.json` beside a base's weights; common subjects and no styles where there is none."""
    path = directory / PROMPTS_FILE
    if not path.exists():
        return Known(_COMMON_SUBJECTS, (), listed=False)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Known(tuple(map(str, content["subjects"])), tuple(map(str, content["styles"])), listed=True)
    except (ValueError, KeyError, TypeError) as error:
        raise BadBase(f'{path}: expected {{"subjects": […], "styles": […]}}, found something else') from error


def known_prompts(directory: Path, without: Sequence[str] = ()) -> list[str]:
    """List prompts that a base knows: from `prompts.json` beside its weights, else common ones.

    Prompts that call one of the names in `without` are left out.
    """
    known = known_concepts(directory)
    if known.listed:
        pairs = itertools.product(known.subjects, known.styles)
        prompts = [styled(subject, style) for subject, style in pairs] + list(known.subjects)
    else:
        prompts = [
            manner.format(subject) if manner else subject for subject in known.subjects for manner in _MANNERS
        ]
    return [prompt for prompt in prompts if not any(calls(name, prompt) for name in without)]
