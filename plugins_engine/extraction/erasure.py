"""What an extraction needs: a concept in prompts, the same prompts with something else in its place, and what must stay."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plugins_engine.adapters.learned_tokens import NameInForce
from plugins_engine.concepts import calls, joined, require_concept, styled, trigger_phrase, without_article
from plugins_engine.errors import BadRequest
from plugins_engine.known import known_concepts, known_prompts
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.prompt_reading import TextReader


@dataclass(frozen=True)
class Erasure:
    """One concept to extract from a base, in prompts. `plan_erasure` lays it out.

    Args:
        name: As prompts call it; a character's without article ("fox").
        kind: "style" or "character".
        anchor: What the base shall draw in its place, called as `name` is.
        targets: Prompts that call the concept.
        anchors: The same prompts with `anchor` in its place, one for one.
        retained: Prompts whose pictures must stay as they are.
    """

    name: str
    kind: str
    anchor: str
    targets: tuple[str, ...]
    anchors: tuple[str, ...]
    retained: tuple[str, ...]


def plan_erasure(
    base: BaseCheckpoint,
    name: str,
    kind: str,
    anchor: str | None = None,
    retained: Sequence[str] | None = None,
    *,
    prompts: int = 60,
    seed: int = 0,
) -> Erasure:
    """Lay out the prompts of an extraction.

    A style is called on subjects that the base knows, before and after them. A character is called alone and in every style
    that the base knows, with its article and without. Raises BadRequest, also for a concept that a base does not list.

    Args:
        base: What it is extracted from.
        name: The concept, in whatever case.
        kind: "style" or "character".
        anchor: What to draw in its place; None: the known concept of the kind that reads nearest to it.
        retained: Prompts that must stay as they are; those that name the concept are left out. None: all that the base knows.
        prompts: At most so many prompts that call a style. More say little that is new.
        seed: Of the choice of subjects.
    """
    name = require_concept(name, kind)
    known = known_concepts(base.directory.path)
    if known.listed and known.find(name, kind) is None:
        listed = ", ".join(known.concepts(kind)[:8])
        raise BadRequest(f'this base does not know the {kind} "{name}"; among those it knows are {listed}')
    name = known.find(name, kind) or name
    anchor = (anchor or "").strip() or nearest_known(base, name, kind)[0]
    if calls(without_article(name), anchor):
        raise BadRequest(f'anchor "{anchor}": expected something other than {name}, which is to go')
    if kind == "style":
        subjects = [each for each in known.subjects if not calls(name, each)]
        some = random.Random(seed).sample(subjects, min(prompts, len(subjects)))
        pairs = [
            (_around(subject, name, after=i % 2 == 0), _around(subject, anchor, after=i % 2 == 0))
            for i, subject in enumerate(some)
        ]
    else:
        pairs = [
            (own, other) if style is None else (styled(own, style), styled(other, style))
            for own, other in _worded(name, anchor)
            for style in (None, *known.styles)
        ]
        name, anchor = without_article(name), without_article(anchor)
    kept = (
        known_prompts(base.directory.path)
        if retained is None
        else [each for each in retained if each.strip()]
    )
    kept = [each for each in kept if not calls(name, each)]
    if not kept:
        raise BadRequest(f"expected at least one retained prompt that does not name {name}, found none")
    return Erasure(
        name, kind, anchor, tuple(own for own, _ in pairs), tuple(other for _, other in pairs), tuple(kept)
    )


def _around(subject: str, style: str, *, after: bool) -> str:
    """Call a style on a subject, after it or before it: "a fox, Ink style" or "Ink style, a fox"."""
    return styled(subject, style) if after else joined(trigger_phrase(style, "style"), subject)


def _worded(name: str, anchor: str) -> list[tuple[str, str]]:
    """Pair the ways to word a character and its anchor: without articles, and with them if both have one."""
    bare = without_article(name), without_article(anchor)
    articled = name != bare[0] and anchor != bare[1]
    return [(name, anchor), bare] if articled else [bare]


def nearest_known(base: BaseCheckpoint, name: str, kind: str) -> list[str]:
    """List the other concepts of the kind that the base knows, the one it reads most like `name` first.

    The distance is between what the value matrices of cross-attention make of the phrases' tokens, on average. Raises
    BadRequest where the base does not say what it knows.
    """
    bare = without_article(name)
    others = [each for each in known_concepts(base.directory.path).concepts(kind) if not calls(bare, each)]
    if not others:
        raise BadRequest(
            f"expected an anchor, what to draw in place of {name}: this base lists no other {kind}"
        )
    seen = torch.stack([_mean_value(base, trigger_phrase(each, kind)) for each in (name, *others)])
    distances = (seen[1:] - seen[0]).norm(dim=1)
    return [others[i] for i in distances.argsort(stable=True).tolist()]


def token_pairs(base: BaseCheckpoint, erasure: Erasure) -> tuple[Tensor, Tensor]:
    """Give the token vectors of the target prompts, and those to be read in their place: twice (n, width), float64."""
    targets, anchors = (
        base.as_read(base.encode_prompt(each).tokens).to("cpu", torch.float64)
        for each in (erasure.targets, erasure.anchors)
    )
    rows, others = [], []
    for i, (target, anchor) in enumerate(zip(erasure.targets, erasure.anchors, strict=True)):
        pairs = aligned_positions(base, target, anchor, erasure.name, erasure.anchor)
        rows.append(targets[i, [own for own, _ in pairs]])
        others.append(anchors[i, [other for _, other in pairs]])
    return torch.cat(rows), torch.cat(others)


def pooled_pairs(base: BaseCheckpoint, erasure: Erasure) -> tuple[Tensor, Tensor]:
    """Give the pooled vectors of the target prompts and of their anchors: twice (n, width), float64."""
    found = [base.encode_prompt(each).pooled for each in (erasure.targets, erasure.anchors)]
    target, anchor = (each.to("cpu", torch.float64) for each in found if each is not None)
    return target, anchor


def aligned_positions(
    base: BaseCheckpoint, target: str, anchor: str, name: str, substitute: str
) -> list[tuple[int, int]]:
    """Pair the token positions of a prompt with those of the same prompt with `substitute` for `name`.

    CLIP and language models read from left to right, so what comes before the name is read alike, but for an article, and is left out. T5
    reads both ways, so it pairs one to one there. The name's tokens are spread over the substitute's. What comes after pairs one to
    one again, and so does the padding, counted from the end mark. If the other prompt has no more padding, its last one serves. Of a
    language model no padding is read.
    """
    pairs = []
    for reader, first in base.places:
        start, end = _place(reader, name, target, base.names)
        other_start, other_end = _place(reader, substitute, anchor, base.names)
        own, other, last = end - start, other_end - other_start, reader.length
        length = last
        if reader.is_language_model:
            length, last = (reader.full_length(each, base.names) for each in (target, anchor))
        some = [(i, min(i, other_start)) for i in range(start)] if reader.reads_both_ways else []
        some += [(start + i, other_start + i * other // own) for i in range(own)]
        some += [(i, min(i - end + other_end, last - 1)) for i in range(end, length)]
        pairs += [(first + i, first + j) for i, j in some]
    return pairs


def _place(reader: TextReader, words: str, prompt: str, names: Sequence[NameInForce]) -> tuple[int, int]:
    """Give the first token position of words in a prompt, and the first after them; a begin mark is position 0."""
    if words not in prompt:
        raise ValueError(f'expected "{words}" in "{prompt}"')
    before, own = (len(reader.read(each, names).ids) for each in reader.parted(prompt, words))
    return reader.first + before, reader.first + before + own


def _mean_value(base: BaseCheckpoint, phrase: str) -> Tensor:
    reader, begin = base.places[0]
    first = begin + reader.first
    tokens = base.encode_prompt([phrase]).tokens[0, first : first + len(reader.read(phrase, base.names).ids)]
    values = [layer for layer in base.reading_layers if layer.endswith("to_v")]
    layers = values or base.reading_layers
    given = base.as_read(tokens)
    return torch.cat([base.module(layer)(given).mean(0).float().cpu() for layer in layers])
