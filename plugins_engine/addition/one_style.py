"""Say before training when a style's works look like those of more than one style.

The embedded judge places a picture among styles, also pictures of styles that it never saw. So it can tell for bases that draw what it
judges, and says nothing of others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from plugins_engine.measure.judge import judge_of
from plugins_engine.model.base import BaseCheckpoint

LEAST_ALIKE = 0.37
"""Mean cosine of pairs of works, below which they are said to be of more than one style. `python -m training judge` measured it on styles
that the judge's first part never saw (`told_apart` in the judge's figures.json)."""


@dataclass(frozen=True)
class UnlikeWorks:
    """Works that differ too much to be of one style.

    Args:
        furthest: The two that differ most, as indices.
        alike: The mean cosine of all pairs, as the judge places them.
    """

    furthest: tuple[int, int]
    alike: float


def unlike_works(base: BaseCheckpoint, works: Sequence[Image.Image], kind: str) -> UnlikeWorks | None:
    """Look at a style's works; None: they look like one style, or nothing can be said of them."""
    judge = judge_of(base) if kind == "style" and len(works) > 1 else None
    if judge is None:
        return None
    places = judge.places(works)
    alike = places @ places.T
    pairs = [(i, j) for i in range(len(works)) for j in range(i)]
    mean = sum(float(alike[i, j]) for i, j in pairs) / len(pairs)
    if mean >= LEAST_ALIKE:
        return None
    second, first = min(pairs, key=lambda pair: float(alike[pair]))
    return UnlikeWorks((first, second), mean)
