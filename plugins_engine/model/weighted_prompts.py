"""Prompts as people write them for Stable Diffusion: weighted words, and texts longer than an encoder reads.

`(fox:1.3)` weighs words, as A1111 and ComfyUI read it; weights in one another multiply, and `\\(` is a bracket. Plain brackets are text.
A long prompt is read in chunks, each as long as the encoder reads, side by side. `<lora:NAME:0.8>` is refused: a plug-in is chosen
beside the prompt, where its price stands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from plugins_engine.adapters.learned_tokens import NameInForce
from plugins_engine.errors import BadPrompt
from plugins_engine.model.prompt_reading import ReadPrompt, TextReader

Unit: TypeAlias = tuple[list[int], NameInForce | None, float]
"""Tokens that stay together, the name in force that they are, and their weight."""

MAX_CHUNKS = 4
MAX_WORD_WEIGHT = 4.0
_END_OF_WEIGHT = re.compile(r":\s*(-?\d*\.?\d+)\s*\)")
_NETWORK = re.compile(r"<\s*(lora|lyco|hypernet)\s*:\s*([^:>]*)[^>]*>", re.IGNORECASE)
_MOST_BRACKETS = 200
_END_OF_WORD = "</w>"  # as CLIP's tokenizers write it


@dataclass(frozen=True)
class WeightedPrompt:
    """A prompt's words in pieces, each with its weight."""

    pieces: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """The words without weights."""
        return "".join(text for text, _ in self.pieces)

    @property
    def is_plain(self) -> bool:
        return all(weight == 1 for _, weight in self.pieces)


def parse_prompt(prompt: str) -> WeightedPrompt:
    """Read the weights in a prompt. Raises BadPrompt for one out of range and for a plug-in named in the prompt's own syntax."""
    if found := _NETWORK.search(prompt):
        raise BadPrompt(
            f'"{found[0][:60]}" in the prompt: choose the plug-in "{found[2].strip()[:40]}" and its weight beside the prompt, and call it by its '
            "name in the text"
        )
    open_at = _openings(prompt)
    pieces: list[tuple[str, float]] = []
    weights = [1.0]
    text, at = "", 0
    while at < len(prompt):
        letter = prompt[at]
        closing = _END_OF_WEIGHT.match(prompt, at) if letter == ":" and len(weights) > 1 else None
        if letter == "\\" and prompt[at + 1 : at + 2] in ("(", ")", "\\"):
            text, at = text + prompt[at + 1], at + 2
        elif at in open_at:
            pieces, text, at = _added(pieces, text, weights), "", at + 1
            weights.append(open_at[at - 1])
        elif closing is not None:
            pieces, text, at = _added(pieces, text, weights), "", closing.end()
            weights.pop()
        else:
            text, at = text + letter, at + 1
    pieces = _added(pieces, text, weights)
    return WeightedPrompt(tuple(pieces or [("", 1.0)]))


def _openings(prompt: str) -> dict[int, float]:
    """Give the places of the brackets that a weight closes, with the weight."""
    found: dict[int, float] = {}
    waiting: list[int] = []
    at = 0
    while at < len(prompt):
        closing = _END_OF_WEIGHT.match(prompt, at) if prompt[at] == ":" else None
        if prompt[at] == "\\":
            at += 2
            continue
        if closing is not None and waiting:
            weight = float(closing[1])
            if not abs(weight) <= MAX_WORD_WEIGHT:
                raise BadPrompt(
                    f'the weight {closing[1]} of "{prompt[waiting[-1] + 1 : at][:40]}": expected a number from {-MAX_WORD_WEIGHT:g} to '
                    f"{MAX_WORD_WEIGHT:g}"
                )
            found[waiting.pop()] = weight
            at = closing.end()
            continue
        if prompt[at] == "(":
            waiting.append(at)
        elif prompt[at] == ")" and waiting:
            waiting.pop()
        at += 1
    if len(waiting) + len(found) > _MOST_BRACKETS:
        raise BadPrompt("the prompt has too many brackets")
    return found


def _added(pieces: list[tuple[str, float]], text: str, weights: Sequence[float]) -> list[tuple[str, float]]:
    weight = 1.0
    for each in weights:
        weight *= each
    return [*pieces, (text, weight)] if text else pieces


class Chunk(NamedTuple):
    """A part of a prompt that an encoder reads at once: its tokens, and the weight of each."""

    read: ReadPrompt
    weights: tuple[float, ...]


def chunked(reader: TextReader, prompt: WeightedPrompt, names: Sequence[NameInForce]) -> list[Chunk]:
    """Part a prompt's tokens into chunks that an encoder can read, between words where it can be, and never inside a name.

    Raises BadPrompt for one of more than `MAX_CHUNKS`, of which only CLIP reads more than one, and for weights where they would change
    nothing.
    """
    if reader.is_language_model and not prompt.is_plain:
        text, weight = next(each for each in prompt.pieces if each[1] != 1)
        raise BadPrompt(
            f'the weight {weight:g} of "{text[:40]}": this base takes what a language model makes of each word at one length, so a '
            "weight would change nothing; say in words what matters"
        )
    units, most = _units(reader, prompt, names), reader.room
    most_chunks = MAX_CHUNKS if reader.is_clip else 1
    chunks: list[list[Unit]] = [[]]
    filled = 0
    for unit in units:
        size = len(unit[0])
        if size > most:
            raise BadPrompt(
                f"a word or a name in the prompt has {size} tokens; this base reads {most} at once"
            )
        if filled + size > most:
            chunks.append([])
            filled = 0
        chunks[-1].append(unit)
        filled += size
    if len(chunks) > most_chunks:
        count = sum(len(ids) for ids, _, _ in units)
        raise BadPrompt(
            f'the prompt "{prompt.text[:60]}…" is {count} tokens long; at most {most_chunks * most} are read: shorten it'
        )
    return [_chunk(each) for each in chunks]


def _chunk(units: Sequence[Unit]) -> Chunk:
    ids: list[int] = []
    called: list[tuple[int, NameInForce]] = []
    weights: list[float] = []
    for some, name, weight in units:
        if name is not None:
            called.append((len(ids), name))
        ids += some
        weights += [weight] * len(some)
    return Chunk(ReadPrompt(ids, called), tuple(weights))


def _units(reader: TextReader, prompt: WeightedPrompt, names: Sequence[NameInForce]) -> list[Unit]:
    """Give what stays together: the tokens of a word, or of a name in force, with their weight."""
    units: list[Unit] = []
    # A language model reads a word otherwise if the blank before it is in another piece.
    pieces = ((prompt.text, 1.0),) if reader.is_language_model else prompt.pieces
    for text, weight in pieces:
        read = reader.read(text, names)
        starts = dict(read.called)
        written = reader.tokenizer.convert_ids_to_tokens(read.ids)
        word: list[int] = []
        at = 0
        while at < len(read.ids):
            name = starts.get(at)
            if name is not None:
                if word:
                    units.append((word, None, weight))
                    word = []
                units.append((read.ids[at : at + len(name)], name, weight))
                at += len(name)
                continue
            word.append(read.ids[at])
            if not reader.is_clip or written[at].endswith(_END_OF_WORD):
                units.append((word, None, weight))
                word = []
            at += 1
        if word:
            units.append((word, None, weight))
    return units


def filled_up(prompts: Sequence[list[Chunk]]) -> list[Chunk]:
    """Give the chunks of all prompts one after the other, as many of each as the longest has: the others end in empty ones."""
    count = max(map(len, prompts))
    empty = Chunk(ReadPrompt([], []), ())
    return [chunk for each in prompts for chunk in [*each, *[empty] * (count - len(each))]]


def weighed(embedded: Tensor, weights: Sequence[Sequence[float]], first: int) -> Tensor:
    """Multiply the embeddings (n, positions, width) of tokens by their weights, the mean over each prompt kept, as A1111 does.

    What stands before the first token, at position `first`, and after the last one has the weight 1.
    """
    factors = torch.ones(embedded.shape[:2])
    for row, some in enumerate(weights):
        factors[row, first : first + len(some)] = torch.tensor(some)
    if bool((factors == 1).all()):
        return embedded
    exact = embedded.float()
    moved = exact * factors.to(exact.device)[..., None]
    before, after = exact.mean((1, 2), keepdim=True), moved.mean((1, 2), keepdim=True)
    # The mean may be near nothing, and dividing by it would blow everything up.
    safe = after.abs() > 1e-3 * exact.abs().mean((1, 2), keepdim=True)
    return torch.where(safe, moved * (before / torch.where(safe, after, torch.ones_like(after))), moved).to(
        embedded.dtype
    )
