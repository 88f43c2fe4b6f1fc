"""The tokenizer: a byte-pair vocabulary in which every word of the captions is one token."""

import random
import shutil
from pathlib import Path

from transformers import CLIPTextConfig, CLIPTokenizer

from training.next.colours import random_pair
from training.next.procedural import recipes
from training.next.styles import known
from training.next.subjects import subjects
from training.next.words import made_up_word, train_caption
from training.text import learn_vocabulary

VOCABULARY = 4_000
TRAINED = Path(__file__).parent / "trained" / "tokenizer"
LENGTH = 32  # tokens; the longest training caption has about 20


def tokenizer_of(root: Path) -> CLIPTokenizer:
    """Give the tokenizer that lies under a root: at first the one that the committed weights were trained with.

    A vocabulary that is learned again need not be the same: pieces that are as frequent change places.
    """
    folder = root / "tokenizer"
    if not folder.exists() and TRAINED.exists():
        shutil.copytree(TRAINED, folder)
    return CLIPTokenizer.from_pretrained(folder) if folder.exists() else train_tokenizer(folder)


def text_config(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextConfig:
    """Describe a text encoder for a tokenizer, with heads 64 wide."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def train_tokenizer(folder: Path) -> CLIPTokenizer:
    """Learn the vocabulary from captions and made-up words, in CLIP's format, and save it.

    Names of held-out styles and characters are not in what it learns from; they still have tokens, because every byte
    has one.
    """
    rng = random.Random(0)
    names = [*(style.name for style in known()), *(recipe.name for recipe in recipes())]
    captions = [each.caption for each in subjects()]
    lines = [
        train_caption(rng.choice(captions), name, *random_pair(rng), rng) for name in names for _ in range(60)
    ]
    lines += [
        train_caption(caption, rng.choice(names), *random_pair(rng), rng)
        for caption in captions
        for _ in range(20)
    ]
    lines += [made_up_word(rng) for _ in range(400)]
    return learn_vocabulary(lines, VOCABULARY, LENGTH, folder)
