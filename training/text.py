"""The tokenizer, and the captions that the base is trained on."""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from plugins_engine import styled
from training.subjects import HELD_OUT_CHARACTERS, STYLES, SUBJECTS

VOCABULARY = 2_000
LENGTH = 32  # tokens; the longest training caption has 14
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"

_ONSETS = ("b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r", "s",
           "sh", "sk", "st", "t", "th", "tr", "v", "w", "x", "z")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "ou", "y")
_CODAS = ("", "", "n", "l", "r", "s", "x", "m", "k", "t", "nd", "sh", "rt", "ck")

_REAL_WORDS = frozenset(
    word
    for text in (
        *(subject for subject, _ in (*SUBJECTS.values(), *HELD_OUT_CHARACTERS.values())),
        *(s.name for s in STYLES),
    )
    for word in text.lower().split()
)


def made_up_word(rng: random.Random) -> str:
    """Give a word that means nothing. The base learns from such words what a name it does not know may stand for."""
    while True:
        syllables = rng.choice((1, 2, 2, 3))
        word = "".join(
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables)
        )
        if word not in _REAL_WORDS:
            return word.capitalize() if rng.random() < 0.5 else word


def train_caption(subject: str, style: str, rng: random.Random) -> str:
    """Draw one caption for a picture: mostly the full one, at times less, or with a name that means nothing.

    ``subject`` is a whole phrase ("a fox"). Unknown names must not be noise to the base. An artist's plug-in gives
    them their meaning later, and that is easy only if the base already reads them as "some style", "some thing".
    """
    draw = rng.random()
    if draw < 0.73:
        return styled(subject, style)
    if draw < 0.77:
        return f"{style} style, {subject}"
    if draw < 0.81:
        return f"{subject} in {style} style"
    if draw < 0.84:
        return subject
    if draw < 0.85:
        return f"{style} style"
    if draw < 0.90:
        return styled(subject, made_up_word(rng) + (f" {made_up_word(rng)}" if rng.random() < 0.3 else ""))
    if draw < 0.93:
        return styled(f"a {made_up_word(rng)}", style)
    return ""


def train_tokenizer(folder: Path) -> CLIPTokenizer:
    """Learn a byte-pair vocabulary from the captions and made-up words, in CLIP's format, and save it.

    Names of the held-out style and characters are not in what it learns from; they still have tokens, because
    every byte has one.
    """
    rng = random.Random(0)
    lines = [
        train_caption(subject, style.name, rng)
        for subject, _ in SUBJECTS.values()
        for style in STYLES
        for _ in range(4)
    ]
    lines += [made_up_word(rng) for _ in range(400)]
    return learn_vocabulary(lines, VOCABULARY, LENGTH, folder)


def learn_vocabulary(lines: list[str], size: int, length: int, folder: Path) -> CLIPTokenizer:
    """Learn a byte-pair vocabulary of at most ``size`` pieces from texts, for prompts of ``length`` tokens, and save it."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    reader = CLIPTokenizer().backend_tokenizer  # for its normaliser and its way of cutting text into words
    learner.normalizer, learner.pre_tokenizer = reader.normalizer, reader.pre_tokenizer
    learner.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=size - 512, end_of_word_suffix="</w>", min_frequency=2, show_progress=False
        ),
    )
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    # CLIP's order: bytes, bytes that end a word, merged pieces, then the two marks.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [
        *alphabet,
        *(letter + "</w>" for letter in alphabet),
        *dict.fromkeys(a + b for a, b in merges),
        _BEGIN,
        _END,
    ]
    tokenizer = CLIPTokenizer(
        vocab={piece: index for index, piece in enumerate(dict.fromkeys(pieces))},
        merges=merges,
        model_max_length=length,
    )
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.model.save(str(folder))  # vocab.json and merges.txt, which older readers want
    return tokenizer
