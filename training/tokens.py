"""The tokenizer: a byte-pair vocabulary in which every word of the captions is one token."""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTokenizer

from training.colours import random_pair
from training.procedural import recipes
from training.styles import known
from training.subjects import subjects
from training.words import made_up_word, train_caption

VOCABULARY = 4_000
LENGTH = 32  # tokens; the longest training caption has about 20
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"


def tokenizer_of(root: Path) -> CLIPTokenizer:
    """Give the tokenizer that lies under a root, else learn it there.

    A vocabulary that is learned again need not be the same, because pieces that are as frequent change places: `restore` brings
    that of the committed weights.
    """
    folder = root / "tokenizer"
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
