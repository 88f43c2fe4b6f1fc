"""Restoration: the plug-in that gives one concept back to a base from which several were extracted together.

The plug-in of a single extraction is exact: the eraser, negated. Beside a combination of several erasers it is not. A combination
is not their sum, and what the others do to the concept's pictures stays. So the plug-in begins as the negated eraser and learns for
a few steps, laid beside the combination. On the concept's prompts it learns to predict what the plain base predicts. On what stays and
on what else is erased, it learns what the base predicts with the combination alone. No works are needed; the pictures are the base's own.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.lora import quick_accelerator, trainable
from plugins_engine.addition.priors import gather_prior
from plugins_engine.combination.parts import CombinationPart, alone, retained
from plugins_engine.concepts import evenly, in_turn, trigger_phrase
from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied, made_for
from plugins_engine.model.precision import quickly
from plugins_engine.progress import OnProgress, StageReport

_PICTURES, _KEPT_PICTURES = 16, 48  # drawn beforehand: of the concept, of all else
_DRAWING_STEPS = 4
_ROWS, _KEPT_ROWS, _KEPT_WEIGHT = 6, 12, 3.0  # a step
_RATE = 1.0  # as a share of that at which the base's plug-ins are trained


@dataclass(frozen=True)
class Restoration:
    """Which concept is restored, beside what.

    Args:
        parts: What the erasers were combined by: each with the prompts that call its concept, and the retained prompts.
        combined: What they became.
        eraser: The concept's own, one of the parts'.
    """

    parts: Sequence[CombinationPart]
    combined: Adapter
    eraser: Adapter

    def prompts(self) -> tuple[str, ...]:
        """List the concept's prompts. Raises BadRequest if the eraser is no part, or has none."""
        listed = [part.prompts for part in alone(self.parts) if part.adapters[0] is self.eraser]
        if not listed or not listed[0]:
            raise BadRequest(
                f"{self.eraser.name}: expected it among the combined parts, with prompts that call it"
            )
        return listed[0]

    def others(self) -> list[str]:
        """List as many prompts of what stays as of what else was erased, a few dozen together."""
        stays = [prompt for part in retained(self.parts) for prompt in part.prompts]
        erased = [
            prompt
            for part in alone(self.parts)
            if part.adapters[0] is not self.eraser
            for prompt in part.prompts
        ]
        half, rng = _KEPT_PICTURES // 2, random.Random(0)
        return [p for some in (stays, erased) for p in rng.sample(some, min(half, len(some)))]


def require_of_unet(erasers: Sequence[Adapter]) -> None:
    """Raise BadRequest for an eraser that changes how prompts are read: no plug-in beside several can restore that."""
    for each in erasers:
        if each.changes_text:
            raise BadRequest(
                f"{each.name}: expected erasers of the UNet alone to combine and restore, found one of "
                f"{', '.join(each.components)}; release it by itself"
            )


def restoring_plugin(
    base: BaseCheckpoint,
    restoration: Restoration,
    *,
    steps: int = 30,
    rank: int = 32,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Adapter:
    """Give the plug-in that restores one concept on a base over which several erasers lie combined.

    The same restoration and seed give the same plug-in on the same processor. Raises BadRequest, BaseMismatch.

    Args:
        base: The plain base. It is as it was afterwards, whatever was raised.
        restoration: Which concept, beside what.
        steps: Of training, from the negated eraser on. It begins near its end, so few are enough: 30.
        rank: At most, and more where the eraser has more.
        seed: Of all that is drawn at random.
        on_progress: Called after every step. What it raises (Cancelled) stops the work.
    """
    require_of_unet([restoration.combined, *(a for part in restoration.parts for a in part.adapters)])
    prompts, others = restoration.prompts(), restoration.others()
    eraser, start = restoration.eraser, restoration.eraser.negated()
    report = StageReport(on_progress)
    with base.lock:
        with quickly(base):
            targets = gather_prior(
                base, in_turn(evenly(prompts, _PICTURES), _PICTURES), _DRAWING_STEPS, seed,
                lambda step, of: report(step, of, "drawing what is to be restored", None),
            )  # fmt: skip
        with applied(base, [(restoration.combined, 1.0)]):
            with quickly(base):
                kept = gather_prior(
                    base, others, _DRAWING_STEPS, seed + 1,
                    lambda step, of: report(step, of, "drawing what is to stay", None),
                )  # fmt: skip
            with trainable(
                base,
                list(start.layers),
                rank=max(rank, start.rank),
                learning_rate=_RATE * AdditionConfig.for_base(base).learning_rate,
                steps=steps,
                seed=seed,
                accelerator=quick_accelerator(base),
            ) as lora:
                lora.set_factors(start.factors)
                for step in range(steps):
                    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
                    batch = targets.draw(_ROWS, 1.0, generator)
                    batch = batch.joined(kept.draw(_KEPT_ROWS, _KEPT_WEIGHT, generator))
                    errors = lora.step([batch], len(batch.weight))
                    report(step + 1, steps, "restoring", float(errors[:_ROWS].mean()))
                found = lora.factors()
    name, kind = (eraser.metadata.get(key, "") for key in ("plugin.extracted", "plugin.extracted_kind"))
    return made_for(
        base,
        {layer: delta.within(each, base.layers[layer].room) for layer, each in found.items()},
        name=name or start.name,
        kind=kind,
        trigger=trigger_phrase(name, kind) if name and kind else "",
        metadata={"plugin.extracted": name, "plugin.restores_beside": restoration.combined.tensors_sha256},
    )
