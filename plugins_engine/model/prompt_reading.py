"""How a prompt is read: as the tokens of its text, with the positions at which names in force are called."""

import re
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
    Qwen2Tokenizer,
    Qwen3Model,
    T5EncoderModel,
    T5Tokenizer,
)

from plugins_engine.adapters.learned_tokens import NameInForce, side_by_side
from plugins_engine.concepts import split_at_names
from plugins_engine.errors import BadPrompt

Tokenizer: TypeAlias = CLIPTokenizer | T5Tokenizer | Qwen2Tokenizer
TextEncoder: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection | T5EncoderModel | Qwen3Model
# With the end of a line before it, a language model's tokenizer makes one token of this.
_BLANK_LINES = re.compile(r"\s*[\r\n]+")


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
        length: How many tokens it is given of every prompt, marks and padding among them; of a language model, at most.
        chat: What a language model is given before and after every text, as its chat template says; None: it is no language model.
    """

    component: str
    tokenizer: Tokenizer
    encoder: TextEncoder
    length: int
    chat: tuple[str, str] | None = None

    @property
    def is_clip(self) -> bool:
        return isinstance(self.encoder, CLIPTextModel | CLIPTextModelWithProjection)

    @property
    def reads_both_ways(self) -> bool:
        """Whether what it makes of a token depends on what comes after it too."""
        return isinstance(self.encoder, T5EncoderModel)

    @property
    def is_language_model(self) -> bool:
        """Whether it is given a text of its own length, as a message to answer, and words with the blanks before them."""
        return self.chat is not None

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
        if self.chat is not None:
            before, after = (list(self.tokenizer(each).input_ids) for each in self.chat)
            return before, after
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
        ids = list(self.tokenizer(text).input_ids)
        if self.is_language_model:
            return ids
        begin, end = self.marks
        return ids[len(begin) : len(ids) - len(end)]

    def ids_of_name(self, words: str, count: int) -> list[int]:
        """Give `count` tokens that stand for a name: its own first ones, the last one again where it has fewer."""
        own = self.token_ids(self.within_text(words))
        if not own:
            raise BadPrompt(f'the name "{words}" has no token in this base: it cannot be called in a prompt')
        return [own[min(i, len(own) - 1)] for i in range(count)]

    def within_text(self, words: str) -> str:
        """Give words as they stand within a text: to a language model the blank before them is a part of them."""
        return f" {words}" if self.is_language_model else words

    def parted(self, prompt: str, words: str) -> tuple[str, str]:
        """Give what comes before words in a prompt, and the words as they stand there."""
        before, _, _ = prompt.partition(words)
        text = before.removesuffix(" ") if self.is_language_model else before
        return text, prompt[len(text) : len(before) + len(words)]

    def read(self, prompt: str, names: Sequence[NameInForce]) -> ReadPrompt:
        """Read a prompt. Each call of a name in force becomes as many positions as the name has vectors, under its own ids.

        Names of the same words each get positions of their own, one after the other, so none disturbs another. A language model
        does not read blank lines at the beginning: they would become one with the mark before them.
        """
        if self.is_language_model and (blank := _BLANK_LINES.match(prompt)):
            prompt = prompt[blank.end() :]
        names = [each for each in side_by_side(names) if each.weight != 0]
        if not names:
            return ReadPrompt(self.token_ids(prompt), [])
        alike: dict[str, list[NameInForce]] = {}
        for each in names:
            alike.setdefault(each.words.casefold(), []).append(each)
        by_words = {some[0].words: some for some in alike.values()}
        ids: list[int] = []
        called = []
        pieces = split_at_names(list(by_words), unicodedata.normalize("NFC", prompt))
        for number, (piece, words) in enumerate(pieces, 1):
            if words is None:
                before_name = self.is_language_model and number < len(pieces)
                ids += self.token_ids(piece.removesuffix(" ") if before_name else piece)
                continue
            for each in by_words[words]:
                called.append((len(ids), each))
                ids += self.ids_of_name(each.words, len(each))
        return ReadPrompt(ids, called)

    def full_length(self, prompt: str, names: Sequence[NameInForce]) -> int:
        """Give how many tokens a prompt has with its marks."""
        return self.length - self.room + len(self.read(prompt, names).ids)

    def padded(self, prompts: Sequence[str], read: Sequence[ReadPrompt]) -> Tensor:
        """Give the ids (n, length) and the mask (n, length) that the encoder takes, stacked. Raises BadPrompt for one too long.

        A language model's are as long as the longest.
        """
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
            rows.append([*begin, *each.ids, *end])
            masks.append([1] * len(rows[-1]))
        length = max(map(len, rows)) if self.is_language_model else self.length
        fill = int(self.tokenizer.pad_token_id or 0)
        return torch.tensor(
            [
                [row + [fill] * (length - len(row)) for row in rows],
                [row + [0] * (length - len(row)) for row in masks],
            ]
        )

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
