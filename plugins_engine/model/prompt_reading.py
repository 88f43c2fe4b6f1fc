"""How a prompt is read: as the tokens of its text, with the positions at which names in force are called."""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5EncoderModel,
    T5Tokenizer,
)

from plugins_engine.adapters.learned_tokens import NameInForce, side_by_side
from plugins_engine.concepts import split_at_names
from plugins_engine.errors import BadPrompt

Tokenizer: TypeAlias = CLIPTokenizer | T5Tokenizer
TextEncoder: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection | T5EncoderModel


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt's token ids without the begin and end marks, and where names in force begin among them."""

    ids: list[int]
    called: list[tuple[int, NameInForce]]


@dataclass(frozen=True, eq=False)
class TextReader:
    """A text encoder with its tokenizer.

    Args:
        component: The name of the encoder's folder: "text_encoder", "text_encoder_2", …
        tokenizer: Turns text into tokens.
        encoder: Reads them.
        length: How many tokens it is given of every prompt, marks and padding among them.
    """

    component: str
    tokenizer: Tokenizer
    encoder: TextEncoder
    length: int

    @property
    def is_clip(self) -> bool:
        return not isinstance(self.encoder, T5EncoderModel)

    @property
    def table(self) -> nn.Module:
        """The module that turns tokens into vectors."""
        # T5's own shares its weights with another module, which is the one that runs.
        owner = self.encoder.encoder if isinstance(self.encoder, T5EncoderModel) else self.encoder
        found: nn.Module = owner.get_input_embeddings()
        return found

    @property
    def vectors(self) -> Tensor:
        """The vector of every token, (tokens, width)."""
        found = self.table.weight
        assert isinstance(found, Tensor)  # noqa: S101  # it is an embedding
        return found

    @cached_property
    def marks(self) -> tuple[list[int], list[int]]:
        """The tokens before every text, and those after it."""
        empty, other = list(self.tokenizer("").input_ids), list(self.tokenizer("a").input_ids)
        begin = 1 if empty[:1] == other[:1] else 0
        return empty[:begin], empty[begin:]

    @property
    def first(self) -> int:
        """The position of a text's first token."""
        return len(self.marks[0])

    @property
    def room(self) -> int:
        """How many tokens a text may have."""
        begin, end = self.marks
        return self.length - len(begin) - len(end)

    def token_ids(self, text: str) -> list[int]:
        """Give a text's tokens without the begin and end marks."""
        begin, end = self.marks
        ids = list(self.tokenizer(text).input_ids)
        return ids[len(begin) : len(ids) - len(end)]

    def ids_of_name(self, words: str, count: int) -> list[int]:
        """Give `count` tokens that stand for a name: its own first ones, the last one again where it has fewer."""
        own = self.token_ids(words)
        if not own:
            raise BadPrompt(f'the name "{words}" has no token in this base: it cannot be called in a prompt')
        return [own[min(i, len(own) - 1)] for i in range(count)]

    def read(self, prompt: str, names: Sequence[NameInForce]) -> ReadPrompt:
        """Read a prompt. Each call of a name in force becomes as many positions as the name has vectors, under its own ids.

        Names of the same words each get positions of their own, one after the other, so none disturbs another.
        """
        names = [each for each in side_by_side(names) if each.weight != 0]
        if not names:
            return ReadPrompt(self.token_ids(prompt), [])
        alike: dict[str, list[NameInForce]] = {}
        for each in names:
            alike.setdefault(each.words.casefold(), []).append(each)
        by_words = {some[0].words: some for some in alike.values()}
        ids: list[int] = []
        called = []
        for piece, words in split_at_names(list(by_words), unicodedata.normalize("NFC", prompt)):
            if words is None:
                ids += self.token_ids(piece)
                continue
            for each in by_words[words]:
                called.append((len(ids), each))
                ids += self.ids_of_name(each.words, len(each))
        return ReadPrompt(ids, called)

    def padded(self, prompts: Sequence[str], read: Sequence[ReadPrompt]) -> Tensor:
        """Give the ids (n, length) and the mask (n, length) that the encoder takes, stacked. Raises BadPrompt for one too long."""
        begin, end = self.marks
        rows, masks = [], []
        for prompt, each in zip(prompts, read, strict=True):
            if len(each.ids) > self.room:
                learned = sum(len(name) for _, name in each.called)
                of_those = f", {learned} of them of names that plug-ins learned" if learned else ""
                raise BadPrompt(
                    f'the prompt "{prompt[:60]}…" is {len(each.ids)} tokens long{of_those}; this base reads {self.room} at '
                    f"most: shorten it"
                )
            row = [*begin, *each.ids, *end]
            left = self.length - len(row)
            rows.append(row + [int(self.tokenizer.pad_token_id)] * left)
            masks.append([1] * len(row) + [0] * left)
        return torch.tensor([rows, masks])

    @contextmanager
    def shifted(self, read: Sequence[ReadPrompt]) -> Iterator[None]:
        """Within the context, the table gives what names in force mean for this encoder at their positions."""
        if not any(each.called for each in read):
            yield
            return

        def shift(_: nn.Module, __: tuple[Any, ...], vectors: Tensor) -> Tensor:
            moved = vectors.clone()  # (prompts, positions, width)
            for row, each in enumerate(read):
                for first, name in each.called:
                    begin = self.first + first
                    if self.component in name.shifts:
                        change = name.weight * name.shifts[self.component].to(vectors.device, torch.float32)
                        place = slice(begin, begin + len(name))
                        moved[row, place] = (vectors[row, place].float() + change).to(vectors.dtype)
            return moved

        handle = self.table.register_forward_hook(shift)
        try:
            yield
        finally:
            handle.remove()
