"""Find prompts that ask for a concept taken out of the base, without the plug-in that brings it back.

The words of a prompt are compared with a concept's names: as written, inflected, misspelt, or disguised. Disguises are other
alphabets, digits for letters, dots and blanks between letters, and another order. A description without the name is found by
comparing the vectors of its words with those of the concept's descriptions. The guard only advises: it says what the prompt
seems to ask for, and offers the plug-in. The concept is gone from the base whatever the prompt says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Literal

import numpy as np
import snowballstemmer
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from text_unidecode import unidecode

from market.word_vectors import exists, vectors

How = Literal["name", "misspelling", "description"]

LONG, LONGER = 5, 9
"""From how many letters a name is still recognisable with one slip, and with two."""
ALIKE = 0.68
"""The cosine from which words count as describing a concept; see `python -m benchmarks prompt_guard`."""
REMEMBERED = 20_000
"""How many words are cached with their stem. It is bounded, since anybody can write new words."""
DESCRIBING = (3, 9)
"""The words in a stretch of a prompt that is compared with descriptions."""

_DIGITS = str.maketrans("013457", "oieast")
_SAID = {"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five"}
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "into",
        "its",
        "of",
        "on",
        "or",
        "s",
        "style",
        "that",
        "the",
        "to",
        "with",
    ]
)


@dataclass(frozen=True)
class Guarded:
    """A concept that a release no longer draws: what calls it (its name first), and words that describe it."""

    concept: int
    names: tuple[str, ...]
    descriptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mention:
    """A place where a prompt asks for a guarded concept: its words, and how they were recognised."""

    concept: int
    said: str
    how: How


@dataclass(frozen=True)
class _Word:
    """One word in lower-case ASCII: as it is, with digits read as look-alike letters or as number words, and its stem."""

    plain: str
    looks: str
    said: str
    stem: str


@dataclass(frozen=True)
class _Phrase:
    """A name in comparable form. `readings`: all of its letters without blanks, with digits read as letters and as words."""

    concept: int
    words: tuple[_Word, ...]
    readings: frozenset[str]
    any_order: bool


class PromptGuard:
    """Finds guarded concepts in prompts. Making one is slower than asking it: keep it while the concepts stay the same."""

    def __init__(self, concepts: Sequence[Guarded], alike: float = ALIKE) -> None:
        self._concepts = tuple(concepts)
        self._alike = alike
        self._phrases = [_phrase(each.concept, name) for each in concepts for name in each.names]

    def find(self, prompt: str) -> list[Mention]:
        """Give each guarded concept that the prompt seems to ask for, once, in the order of the concepts."""
        words = _words(prompt)
        found: dict[int, Mention] = {}
        for phrase in self._phrases:
            known = found.get(phrase.concept)
            if known is None or known.how != "name":
                mention = _named(phrase, words)
                if mention and (known is None or mention.how == "name"):
                    found[phrase.concept] = mention
        for mention in self._described([word.plain for word in words]):
            found.setdefault(mention.concept, mention)
        return [found[each.concept] for each in self._concepts if each.concept in found]

    @cached_property
    def _descriptions(self) -> tuple[list[int], NDArray[np.float32]]:
        owners = [each.concept for each in self._concepts for _ in each.descriptions]
        texts = [_content(_plain(text).split()) for each in self._concepts for text in each.descriptions]
        return owners, vectors(texts)

    def _described(self, words: Sequence[str]) -> Iterable[Mention]:
        """Compare stretches of the prompt with the descriptions. For each concept the best stretch counts."""
        if not any(each.descriptions for each in self._concepts):
            return
        content = [word for word in words if word not in _STOP]
        least, most = DESCRIBING
        stretches = [
            content[start : start + length]
            for length in range(least, most + 1)
            for start in range(len(content) - length + 1)
        ]
        if not stretches:
            return
        owners, known = self._descriptions
        likeness = vectors([" ".join(each) for each in stretches]) @ known.T  # (stretches, descriptions)
        best: dict[int, tuple[float, int]] = {}
        for column, owner in enumerate(owners):
            row = int(likeness[:, column].argmax())
            value = float(likeness[row, column])
            if value >= self._alike and value > best.get(owner, (0.0, 0))[0]:
                best[owner] = (value, row)
        for owner, (_, row) in best.items():
            yield Mention(owner, " ".join(stretches[row]), "description")


def readable(text: str) -> str:
    """Give what the guard reads of a text: its words in lower-case ASCII, whatever hid them."""
    return " ".join(word.plain for word in _words(text))


def telling(text: str) -> str:
    """Give what is readable of a text, without the small words that every sentence has."""
    return _content(readable(text).split())


def _plain(text: str) -> str:
    """Write any alphabet in lower-case ASCII. Invisible characters go, and other signs become blanks."""
    text = "".join(
        letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf"
    )
    text = re.sub(r"['\u2019]s\b", "", text.casefold())
    return re.sub(r"[^a-z0-9]+", " ", unidecode(_read_as_latin(text)).casefold()).strip()


# Cyrillic, then Greek.
_LOOKS = str.maketrans("аеорсхуіјԁһѕοαενρτυικ", "aeopcxyijdhsoaevptuik")


def _read_as_latin(text: str) -> str:
    """Read letters of other alphabets as those they look like."""
    return text.translate(_LOOKS)


def _words(prompt: str) -> list[_Word]:
    return [_word(each) for each in _joined(_plain(prompt).split())]


def _word(plain: str) -> _Word:
    looks = plain if plain.isdigit() or re.fullmatch(r"\d+[a-z]", plain) else plain.translate(_DIGITS)
    said = "".join(_SAID.get(letter, letter) for letter in plain)
    return _Word(plain, looks, said, _stem(looks))


def _joined(words: list[str]) -> list[str]:
    """Join single letters in a row, as in "f.o.x.", into one word."""
    joined: list[str] = []
    spelling = ""
    for index, word in enumerate([*words, ""]):
        # "a" before another single letter counts as an article.
        article = word == "a" and not spelling and index + 1 < len(words) and len(words[index + 1]) == 1
        if len(word) == 1 and word.isalpha() and not article:
            spelling += word
            continue
        if spelling:
            joined += [spelling] if len(spelling) >= 3 else list(spelling)  # two letters are no word
            spelling = ""
        joined.append(word)
    return joined[:-1]


@cache
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=REMEMBERED)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


def _readings(words: Sequence[_Word], *, stemmed: bool = True) -> frozenset[str]:
    """Write words without blanks, in each way their digits can be read. With `stemmed`, add the last word without its ending."""
    looks, said = "".join(word.looks for word in words), "".join(word.said for word in words)
    start = "".join(word.looks for word in words[:-1])
    return frozenset((looks, said, start + words[-1].stem) if stemmed else (looks, said))


def _phrase(concept: int, name: str) -> _Phrase:
    words = tuple(_words(name))
    # "Claus Santa" can only be one thing; "one emoji" and "Christmas, father" can be others.
    any_order = len(words) > 1 and not all(
        exists(word.plain) or word.plain in _SAID.values() for word in words
    )
    return _Phrase(
        concept,
        words,
        _readings(words),
        any_order and not {word.plain for word in words} & set(_SAID.values()),
    )


def _named(phrase: _Phrase, words: Sequence[_Word]) -> Mention | None:
    """Look for a name in a prompt's words: in one piece or several, in another order, with typing slips."""
    slips = None
    stems = {word.stem for word in phrase.words}
    size = len(phrase.words)
    for length in range(1, size + 3):
        for start in range(len(words) - length + 1):
            window = words[start : start + length]
            said = " ".join(word.plain for word in window)
            if _readings(window, stemmed=length == size) & phrase.readings:
                return Mention(phrase.concept, said, "name")
            if phrase.any_order and length in (size, size + 1) and stems <= {word.stem for word in window}:
                return Mention(phrase.concept, said, "name")
            if slips is None and _misspelt(phrase, window):
                slips = Mention(phrase.concept, said, "misspelling")
    return slips


def _misspelt(phrase: _Phrase, window: Sequence[_Word]) -> bool:
    """Whether words are the name except for a slip or two. Existing words are no slips."""
    if len(window) == len(phrase.words):
        pairs = list(zip(window, phrase.words, strict=True))
        return all(word.stem == meant.stem or _slip(word.looks, meant.looks) for word, meant in pairs)
    if all(exists(word.plain) for word in window):
        return False
    return _near("".join(word.looks for word in window), "".join(word.looks for word in phrase.words))


def _slip(word: str, meant: str) -> bool:
    if exists(word):
        return False
    return _squeezed(word) == _squeezed(meant) or _near(word, meant)


def _near(said: str, meant: str) -> bool:
    allowed = 2 if len(meant) >= LONGER else 1 if len(meant) >= LONG else 0
    return allowed > 0 and said[0] == meant[0] and OSA.distance(said, meant, score_cutoff=allowed) <= allowed


def _squeezed(word: str) -> str:
    """Write repeated letters once."""
    return re.sub(r"(.)\1+", r"\1", word)


def _content(words: Iterable[str]) -> str:
    return " ".join(word for word in words if word not in _STOP)
