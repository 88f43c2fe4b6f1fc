"""Named inks and grounds: what words for colours in a prompt mean, to the pixel."""

import random
import re
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]

INKS: dict[str, Colour] = {
    "black": (16, 16, 16),
    "white": (255, 255, 255),
    "grey": (112, 112, 112),
    "red": (206, 32, 40),
    "orange": (236, 124, 20),
    "yellow": (250, 206, 36),
    "green": (24, 140, 56),
    "teal": (16, 140, 148),
    "blue": (36, 84, 210),
    "purple": (124, 48, 168),
    "pink": (236, 80, 150),
    "brown": (122, 72, 32),
}
GROUNDS: dict[str, Colour] = {
    "white": (255, 255, 255),
    "light grey": (214, 214, 214),
    "cream": (254, 240, 200),
    "pale blue": (200, 226, 252),
    "pale green": (204, 240, 204),
    "pale pink": (252, 212, 226),
    "yellow": (250, 214, 70),
    "black": (16, 16, 16),
    "navy": (20, 32, 90),
    "dark green": (10, 74, 44),
    "maroon": (110, 16, 34),
}
PLAIN = ("black", "white")  # the ink and ground of a prompt that names none
LEAST_CONTRAST = 90.0  # of 255, in luma
_ARTICLE = re.compile(r"^(?:an?|the) ", re.IGNORECASE)


def luma(colour: Colour) -> float:
    """Give a colour's brightness, 0 to 255 (ITU-R BT.601)."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def contrasts(ink: Colour, ground: Colour) -> bool:
    """Tell whether a drawing in the ink is well seen on the ground."""
    return abs(luma(ink) - luma(ground)) >= LEAST_CONTRAST


PAIRS = tuple((ink, ground) for ink in INKS for ground in GROUNDS if contrasts(INKS[ink], GROUNDS[ground]))


def random_pair(rng: random.Random) -> tuple[str, str]:
    """Draw an ink and a ground that contrast, by name."""
    return rng.choice(PAIRS)


def coloured_phrase(subject: str, ink: str | None, ground: str | None) -> str:
    """Name an ink and a ground in a subject's phrase: "a rocket" → "a red rocket on a pale blue ground".

    None is left unsaid.
    """
    phrase = subject
    if ink is not None:
        article = _ARTICLE.match(subject)
        rest = subject[article.end() :] if article else subject
        if article is None:
            phrase = f"{ink} {rest}"
        elif article.group().lower() == "the ":
            phrase = f"the {ink} {rest}"
        else:
            phrase = f"{'an' if ink[0] in 'aeiou' else 'a'} {ink} {rest}"
    return phrase if ground is None else f"{phrase} on a {ground} ground"
