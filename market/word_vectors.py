"""Vectors of words: what is near in meaning lies in nearly the same direction. The weights lie in wordllama's wheel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = 256
"""Numbers in a vector."""
REMEMBERED = 20_000
"""How many words are cached with whether they exist. It is bounded, since anybody can write new words."""


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Give a vector of length 1 for each text, or of zeros where a text has no words: (texts, LENGTH)."""
    return np.asarray(_vocabulary().embed(list(texts), norm=True), dtype=np.float32)


@lru_cache(maxsize=REMEMBERED)
def exists(word: str) -> bool:
    """Whether a word is common enough for the vocabulary to hold it in one piece."""
    written = (word, word.capitalize())
    return any(
        len(_vocabulary().tokenizer.encode(each, add_special_tokens=False).ids) == 1 for each in written
    )


@cache
def _vocabulary() -> Any:
    import wordllama  # slow to import, and needed only where words are compared
    from wordllama import WordLlama

    # The wheel holds both files, but looks for the tokenizer only where a download would be.
    return WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
