"""Made-up words, and the captions that the base is trained on."""

import random

from plugins_engine import styled, trigger_phrase
from training.colours import PLAIN, coloured_phrase
from training.styles import STYLES
from training.subjects import characters, subjects

_ONSETS = ("b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r", "s",
           "sh", "sk", "st", "t", "th", "tr", "v", "w", "x", "z")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "ou", "y")
_CODAS = ("", "", "n", "l", "r", "s", "x", "m", "k", "t", "nd", "sh", "rt", "ck")

_REAL_WORDS = frozenset(
    word
    for text in (*(each.caption for each in (*subjects(), *characters())), *(style.name for style in STYLES))
    for word in text.lower().split()
)


def made_up_word(rng: random.Random) -> str:
    """Give a word that means nothing."""
    while True:
        count = rng.choice((1, 2, 2))
        word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(count))
        if len(word) > 2 and word not in _REAL_WORDS:
            return word


def made_up_names(count: int, seed: int) -> list[str]:
    """Give names of two made-up words, every word used once: "Brailn Stoox"."""
    rng = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < 2 * count:
        words.setdefault(made_up_word(rng).capitalize())
    drawn = list(words)
    return [f"{a} {b}" for a, b in zip(drawn[::2], drawn[1::2], strict=True)]


def train_caption(subject: str, style: str, ink: str | None, ground: str | None, rng: random.Random) -> str:
    """Draw one caption for a picture: mostly in full, at times less, or with a style's name that means nothing.

    ``subject`` is a whole phrase ("a fox"). An ink or ground that is not the plain one is always said, or it could not
    be learned what the words do. None: the style decides it.
    """
    phrase = coloured_phrase(subject, *_said(ink, ground, rng))
    draw = rng.random()
    if draw < 0.66:
        return styled(phrase, style)
    if draw < 0.71:
        return f"{trigger_phrase(style, 'style')}, {phrase}"
    if draw < 0.76:
        return f"{phrase} in {trigger_phrase(style, 'style')}"
    if draw < 0.80:
        return f"{trigger_phrase(style, 'style')} picture of {phrase}"
    if draw < 0.84:
        return phrase
    if draw < 0.86:
        return trigger_phrase(style, "style")
    if draw < 0.92:
        name = " ".join(made_up_word(rng).capitalize() for _ in range(rng.choice((1, 2, 2))))
        return styled(phrase, name)
    return ""


def _said(ink: str | None, ground: str | None, rng: random.Random) -> tuple[str | None, str | None]:
    """Leave the plain ink or ground out of a caption nine times in ten."""
    keep = rng.random() < 0.1
    plain_ink, plain_ground = PLAIN
    return (
        ink if ink != plain_ink or keep else None,
        ground if ground != plain_ground or keep else None,
    )
