"""How a prompt is read: as the tokens of its text, with the positions at which names in force are called."""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTokenizer

from plugins_engine.adapters.learned_tokens import NameInForce, side_by_side
from plugins_engine.concepts import split_at_names
from plugins_engine.errors import BadPrompt


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt's token ids without the begin and end marks, and where names in force begin among them."""

    ids: list[int]
    called: list[tuple[int, NameInForce]]


def read_prompt(tokenizer: CLIPTokenizer, prompt: str, names: Sequence[NameInForce]) -> ReadPrompt:
    """Read a prompt. Each call of a name in force becomes as many positions as the name has vectors, under its own ids.

    Names of the same words each get positions of their own, one after the other, so none disturbs another.
    """
    names = [each for each in side_by_side(names) if each.weight != 0]
    if not names:
        return ReadPrompt(token_ids(tokenizer, prompt), [])
    alike: dict[str, list[NameInForce]] = {}
    for each in names:
        alike.setdefault(each.words.casefold(), []).append(each)
    by_words = {some[0].words: some for some in alike.values()}
    ids: list[int] = []
    called = []
    for piece, words in split_at_names(list(by_words), unicodedata.normalize("NFC", prompt)):
        if words is None:
            ids += token_ids(tokenizer, piece)
            continue
        for each in by_words[words]:
            called.append((len(ids), each))
            ids += ids_of_name(tokenizer, each.words, len(each))
    return ReadPrompt(ids, called)


def token_ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    """Give a text's tokens without the begin and end marks."""
    return list(tokenizer(text).input_ids[1:-1])


def ids_of_name(tokenizer: CLIPTokenizer, words: str, count: int) -> list[int]:
    """Give `count` tokens that stand for a name: its own first ones, the last one again where it has fewer."""
    own = token_ids(tokenizer, words)
    if not own:
        raise BadPrompt(f'the name "{words}" has no token in this base: it cannot be called in a prompt')
    return [own[min(i, len(own) - 1)] for i in range(count)]


def padded(
    tokenizer: CLIPTokenizer, prompts: Sequence[str], read: Sequence[ReadPrompt], limit: int
) -> Tensor:
    """Give the ids (n, limit) and the mask (n, limit) that a text encoder takes, stacked. Raises BadPrompt for one too long."""
    start, end = tokenizer("").input_ids
    rows, masks = [], []
    for prompt, each in zip(prompts, read, strict=True):
        if len(each.ids) > limit - 2:
            learned = sum(len(name) for _, name in each.called)
            of_those = f", {learned} of them of names that plug-ins learned" if learned else ""
            raise BadPrompt(
                f'the prompt "{prompt[:60]}…" is {len(each.ids)} tokens long{of_those}; this base reads {limit - 2} at '
                f"most: shorten it"
            )
        row = [start, *each.ids, end]
        left = limit - len(row)
        rows.append(row + [int(tokenizer.pad_token_id)] * left)
        masks.append([1] * len(row) + [0] * left)
    return torch.tensor([rows, masks])


@contextmanager
def shifted(table: nn.Module, encoder: str, read: Sequence[ReadPrompt]) -> Iterator[None]:
    """Within the context, a text encoder's table of token vectors gives what names in force mean for it at their positions."""
    if not any(each.called for each in read):
        yield
        return

    def shift(_: nn.Module, __: tuple[Any, ...], vectors: Tensor) -> Tensor:
        moved = vectors.clone()  # (prompts, positions, width)
        for row, each in enumerate(read):
            for first, name in each.called:
                begin = 1 + first  # after the begin mark
                if encoder in name.shifts:
                    change = name.weight * name.shifts[encoder].to(vectors.device, torch.float32)
                    place = slice(begin, begin + len(name))
                    moved[row, place] = (vectors[row, place].float() + change).to(vectors.dtype)
        return moved

    handle = table.register_forward_hook(shift)
    try:
        yield
    finally:
        handle.remove()
