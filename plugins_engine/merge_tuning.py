"""Tuning a combination as a whole: all layers at once, until it predicts what each part's own plug-ins predict.

Fitting layer by layer has a limit that no fit of one layer can pass: what a layer is fed alike by every prompt (the time of a
denoising step, the begin mark and the article of a prompt) it cannot answer in one way for one plug-in and in another for the
next, so it gives their mean. Other layers can make up for that, as they see what the picture is to become. A few steps of gradient
descent find out how. No works are needed: the pictures are the base's own, drawn with the plug-ins.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

import torch

from plugins_engine import delta
from plugins_engine.addition import AdditionConfig
from plugins_engine.base import BaseModel
from plugins_engine.branches import applied
from plugins_engine.concepts import in_turn
from plugins_engine.delta import LowRank
from plugins_engine.lora import trainable
from plugins_engine.merge_parts import MergePart
from plugins_engine.priors import Batch, PriorBank, gather_prior
from plugins_engine.progress import OnStep

_PICTURES, _DRAWING_STEPS = 24, 4  # of each part
_ROWS, _MOST_ROWS = 2, 18  # a step: of each part, and of all; beyond that parts take turns
_RATE = 0.125  # as a share of that at which the base's plug-ins are trained: this begins near its end


def gather_predictions(
    base: BaseModel, parts: Sequence[MergePart], seed: int, on_step: OnStep
) -> list[PriorBank]:
    """Draw each part's prompts with its own plug-ins, and keep what they predict on the way."""
    banks = []
    for number, part in enumerate(parts):
        with applied(base, [(adapter, 1.0) for adapter in part.adapters]):
            prompts = in_turn(part.prompts[:: max(1, len(part.prompts) // _PICTURES)], _PICTURES)
            banks.append(gather_prior(base, prompts, _DRAWING_STEPS, seed + number, lambda *_: None))
        on_step(number + 1, len(parts), "drawing what to tune on", None)
    return banks


def tuned(
    base: BaseModel,
    parts: Sequence[MergePart],
    banks: Sequence[PriorBank],
    layers: Mapping[str, LowRank],
    steps: int,
    seed: int,
    on_step: OnStep,
) -> dict[str, LowRank]:
    """Give the layers after so many steps on what the parts predict; of no higher rank than before.

    A part's error counts by its weight. Raises BrokenPicture when the numbers overflow.
    """
    rank = max(delta.rank(factors) for factors in layers.values())
    rate = _RATE * AdditionConfig.for_base(base).learning_rate
    with trainable(base, list(layers), rank=rank, learning_rate=rate, steps=steps, seed=seed) as lora:
        lora.set_factors(layers)
        count = min(_ROWS * len(parts), _MOST_ROWS)
        for step in range(steps):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            turns = [(step * count + i) % len(parts) for i in range(count)]
            rows = [banks[i].draw(1, parts[i].weight, generator) for i in turns]
            errors = lora.step(reduce(Batch.joined, rows), count)
            on_step(step + 1, steps, "tuning", float(errors.mean()))
        found = lora.factors()
    ranks = {layer: delta.rank(factors) for layer, factors in layers.items()}
    return {
        layer: each if ranks[layer] == rank else delta.truncate(each, ranks[layer])
        for layer, each in found.items()
    }
