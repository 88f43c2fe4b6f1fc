"""Other people's erasers, as baselines beside ours: UCE, Concept Ablation and ESD, each as a low-rank plug-in.

They get the hybrid's prompts, rank, layers, rate and number of steps if they have such settings.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from plugins_engine import BaseCheckpoint, ClosedFormConfig, Erasure, HybridConfig, in_turn, trigger_phrase
from plugins_engine.adapters.delta import LowRank
from plugins_engine.addition.lora import trainable
from plugins_engine.addition.priors import PriorBank, gather_lessons, gather_prior
from plugins_engine.extraction.closed_form import closed_form_layers

NEGATIVE_GUIDANCE = 1.0  # ESD's η
Layers = dict[str, LowRank]


def uce(base: BaseCheckpoint, erasure: Erasure, config: HybridConfig) -> Layers:
    """Unified Concept Editing (arXiv 2308.14761): keys and values of the concept's own phrase, without surroundings."""
    said, anchor = (trigger_phrase(each, erasure.kind) for each in (erasure.name, erasure.anchor))
    phrase = replace(erasure, targets=(said,), anchors=(anchor,))
    return closed_form_layers(base, [phrase], ClosedFormConfig(rank=config.rank, retain_weight=1.0))


def concept_ablation(base: BaseCheckpoint, erasure: Erasure, config: HybridConfig) -> Layers:
    """Concept Ablation (arXiv 2303.13516): on the anchor's pictures, the target's prompt predicts as the anchor's does."""
    targets, anchors = (in_turn(each, config.pictures) for each in (erasure.targets, erasure.anchors))
    drawn = gather_prior(base, anchors, config.drawing_steps, config.seed, _silent)
    lesson = drawn.read_as(base, [*targets, ""])
    return _train(base, lesson, config)


def esd(base: BaseCheckpoint, erasure: Erasure, config: HybridConfig) -> Layers:
    """Erased Stable Diffusion (arXiv 2303.07345): predict for the target what guidance away from it would give."""
    targets = in_turn(erasure.targets, config.pictures)
    own, empty = gather_lessons(
        base, targets, [""] * len(targets), config.drawing_steps, config.seed, _silent
    )
    wanted = empty.predicted - NEGATIVE_GUIDANCE * (own.predicted - empty.predicted)
    return _train(base, replace(own, predicted=wanted), config)


BASELINES: dict[str, Callable[[BaseCheckpoint, Erasure, HybridConfig], Layers]] = {
    "uce": uce,
    "concept-ablation": concept_ablation,
    "esd": esd,
}


def _train(base: BaseCheckpoint, lesson: PriorBank, config: HybridConfig) -> Layers:
    rows = config.target_batch + config.anchor_batch + config.retained_batch
    with trainable(
        base,
        list(base.adaptable_layers(config.layers)),
        rank=config.rank,
        learning_rate=config.rate(base),
        steps=config.steps,
        seed=config.seed,
    ) as lora:
        for step in range(config.steps):
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
            lora.step([lesson.draw(rows, 1.0, generator)], rows)
        return lora.factors()


def _silent(_: int, __: int) -> None:
    """Say nothing: a benchmark shows its own lines."""
