"""Tuning a combination as a whole: all layers at once, until it predicts what each part's own plug-ins predict.

Fitting layer by layer has a limit that no fit of one layer can pass. Every prompt feeds some inputs alike: the time of a denoising
step, the begin mark and the article of a prompt. A layer cannot answer these in one way for one plug-in and in another for the next,
so it gives their mean. Other layers can make up for that, as they see what the picture is to become. A few steps of gradient
descent find out how. No works are needed: the pictures are the base's own, drawn with the plug-ins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, reduce

import torch
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.course import Course
from plugins_engine.addition.lora import quick_accelerator, trainable
from plugins_engine.addition.priors import PriorBank, gather_prior, kept_bank
from plugins_engine.checkpoints import NO_CHECKPOINT, Checkpoint
from plugins_engine.combination.parts import RETAINED_WEIGHT, CombinationPart, pictures_of
from plugins_engine.concepts import evenly, in_turn
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import Batch
from plugins_engine.model.branches import applied, made_for
from plugins_engine.model.precision import quickly
from plugins_engine.progress import OnStep

_PICTURES, _RETAINED_PICTURES = 24, 96  # of each part that calls plug-ins; of all retained prompts
_DRAWING_STEPS = 4
# A step: of each part, and of all; beyond that parts take turns. As many again of retained prompts.
_ROWS, _MOST_ROWS = 3, 24
_COMPARED = 24  # rows of each part, to say how far layers are from what the parts predict
_LEAST_CHANGE = 0.1  # of the mean: what changes less is not missed more
_JOINT_WEIGHT = (
    0.5  # of the error on prompts that call several plug-ins, of which there are more than plug-ins
)
_RATE = 0.125  # as a share of that at which the base's plug-ins are trained: this begins near its end


def gather_predictions(
    base: BaseCheckpoint,
    parts: Sequence[CombinationPart],
    seed: int,
    on_step: OnStep,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> list[PriorBank]:
    """Draw each part's prompts with its own plug-ins, and keep what they predict on the way."""
    banks = []
    counts = pictures_of(parts, _PICTURES, _RETAINED_PICTURES)
    for number, (part, pictures) in enumerate(zip(parts, counts, strict=True)):
        with applied(base, [(adapter, 1.0) for adapter in part.adapters]), quickly(base):
            prompts = in_turn(evenly(part.prompts, pictures), pictures)
            draw = partial(gather_prior, base, prompts, _DRAWING_STEPS, seed + number, lambda *_: None)
            banks.append(kept_bank(base, checkpoint, f"predictions-{number}", draw))
        on_step(number + 1, len(parts), "drawing what to tune on", None)
    return banks


@contextmanager
def reading_as(
    base: BaseCheckpoint,
    layers: Mapping[str, LowRank],
    tokens: Sequence[LearnedTokens],
    vectors: Mapping[str, Tensor] | None = None,
) -> Iterator[Callable[[PriorBank], PriorBank]]:
    """Within the context, prompts are read with these layers of the text encoders and these tokens, and the vectors are added.

    Gives a function that reads a bank's prompts so. If there is nothing to read otherwise, it gives the bank as it was.
    """
    if not layers and not tokens and not vectors:
        yield lambda bank: bank
        return
    read = made_for(base, layers, tokens=tuple(tokens), vectors=vectors or {})

    def read_again(bank: PriorBank) -> PriorBank:
        with quickly(base):  # as its prompts were read when it was gathered
            return bank.read_as(base, bank.prompts)

    with applied(base, [(read, 1.0)]):
        yield read_again


def weights_of(
    base: BaseCheckpoint, parts: Sequence[CombinationPart], banks: Sequence[PriorBank], seed: int
) -> list[float]:
    """Weigh the parts: by their own weight, divided by how much their plug-ins change what the base predicts.

    So a plug-in that changes little is missed as badly as one that changes much. Prompts that call several count `_JOINT_WEIGHT`
    times as much as a part of the mean change, retained ones `RETAINED_WEIGHT` times as much. Erasers change their own prompts about
    as much each, so among them every part weighs alike.
    """
    calling = [part for part in parts if part.adapters]
    if all(adapter.kind == "eraser" for part in calling for adapter in part.adapters):
        changes = [1.0] * len(parts)
    else:
        with quickly(base):
            changes = [_missed(base, bank, seed) for bank in banks]
    mean = sum(change for change, part in zip(changes, parts, strict=True) if part.adapters) / len(calling)
    times = {0: RETAINED_WEIGHT, 1: 1.0}
    return [
        part.weight
        * times.get(len(part.adapters), _JOINT_WEIGHT)
        * (mean / max(change, _LEAST_CHANGE * mean) if part.adapters and mean else 1.0)
        for part, change in zip(parts, changes, strict=True)
    ]


@torch.no_grad()
def prediction_error(
    base: BaseCheckpoint,
    banks: Sequence[PriorBank],
    weights: Sequence[float],
    layers: Mapping[str, LowRank],
    seed: int,
) -> float:
    """Give the weighted mean squared error of what the base predicts with some layers."""
    with applied(base, [(made_for(base, layers), 1.0)]), quickly(base):
        missed = [weight * _missed(base, bank, seed) for bank, weight in zip(banks, weights, strict=True)]
    return sum(missed) / sum(weights)


@torch.no_grad()
def _missed(base: BaseCheckpoint, bank: PriorBank, seed: int) -> float:
    """Give the mean squared error of what the base, as it is, predicts for some of a bank's rows."""
    rows = bank.draw(_COMPARED, 1.0, torch.Generator().manual_seed(seed))
    predicted = base.predict(rows.noisy, rows.time, rows.text)
    return float((predicted.float() - rows.target.float()).pow(2).mean())


def tuned(
    base: BaseCheckpoint,
    parts: Sequence[CombinationPart],
    banks: Sequence[PriorBank],
    weights: Sequence[float],
    layers: Mapping[str, LowRank],
    steps: int,
    seed: int,
    on_step: OnStep,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> dict[str, LowRank]:
    """Give the layers after so many steps on what the parts predict, each by its weight. No rank grows.

    Raises BrokenPicture when the numbers overflow.
    """
    rank = max(delta.rank(factors) for factors in layers.values())
    rate = _RATE * AdditionConfig.for_base(base).learning_rate
    accelerator = quick_accelerator(base)
    with trainable(
        base, list(layers), rank=rank, learning_rate=rate, steps=steps, seed=seed, accelerator=accelerator
    ) as lora:
        lora.set_factors(layers)
        weighed = list(zip(banks, weights, parts, strict=True))
        calling = [(bank, weight) for bank, weight, part in weighed if part.adapters]
        kept = [(bank, weight) for bank, weight, part in weighed if not part.adapters]
        count = min(_ROWS * len(calling), _MOST_ROWS)
        course = Course(checkpoint)
        course.take_up(lora)
        for step in range(course.done, steps):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            turns = range(step * count, (step + 1) * count)
            chosen = [some[i % len(some)] for some in (calling, kept) if some for i in turns]
            rows = [bank.draw(1, weight, generator) for bank, weight in chosen]
            errors = lora.step([reduce(Batch.joined, rows)], count)
            error = float(errors.mean())
            course.step(lora, error, partial(on_step, step + 1, steps, "tuning", error))
        found = lora.factors()
    return {layer: delta.within(each, delta.rank(layers[layer])) for layer, each in found.items()}
