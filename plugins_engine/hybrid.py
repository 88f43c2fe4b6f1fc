"""Hybrid erasure: start from the closed form, then distil the anchor into the target for a little while.

An edit of cross-attention's keys and values alone leaves the picture's knowledge in the UNet, and other embeddings find the
way back to it (recovery attacks on UCE, arXiv 2310.11868). So low-rank factors on all attention layers start as the
closed-form eraser and are trained for a few steps on three things at once:

- for target prompts, to predict what the base predicts for their anchors: on latents of both drawings;
- for embeddings that a few gradient steps made to bring the target back, to predict the anchor all the same;
- for retained prompts, to predict what the base itself predicts.

The base draws all the latents before the training begins, so no step needs a second pass of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F

from plugins_engine.base import BaseModel
from plugins_engine.closed_form import ClosedFormConfig, closed_form_layers
from plugins_engine.concepts import in_turn
from plugins_engine.delta import LowRank
from plugins_engine.erasure import Erasure
from plugins_engine.errors import require_positive, require_whole
from plugins_engine.lora import TrainableLora, trainable
from plugins_engine.priors import Batch, gather_lessons, gather_prior
from plugins_engine.progress import OnStep


@dataclass(frozen=True)
class HybridConfig:
    """How long and how hard to distil.

    rank: of every layer; the closed form's is cut to it.
    target_batch, anchor_batch, retained_batch: rows a step, of target drawings, of anchor drawings, of retained prompts.
    attack_batch: rows a step whose embeddings are made adversarial by `attack_steps` gradient steps, each moving a token by
        `attack_size` of its length at most; 0 turns that off.
    pictures: drawn beforehand of targets, of anchors, and twice as many of retained prompts, in `drawing_steps`.
    """

    closed_form: ClosedFormConfig = field(default_factory=ClosedFormConfig)
    rank: int = 16
    steps: int = 60
    learning_rate: float = 1e-3
    target_batch: int = 6
    anchor_batch: int = 4
    retained_batch: int = 12
    retained_weight: float = 1.0
    attack_batch: int = 4
    attack_steps: int = 2
    attack_size: float = 0.1
    pictures: int = 24
    drawing_steps: int = 10
    layers: tuple[str, ...] = ("attention",)
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("rank", self.rank, 1, 4096)
        require_whole("steps", self.steps, 0, 100_000)
        for name in ("target_batch", "anchor_batch", "retained_batch", "attack_batch", "attack_steps"):
            require_whole(name, getattr(self, name), 0, 1024)
        require_whole("pictures", self.pictures, 1, 4096)
        require_whole("drawing_steps", self.drawing_steps, 1, 1000)
        for name in ("learning_rate", "attack_size", "retained_weight"):
            require_positive(name, getattr(self, name), at_most=100)


def hybrid_layers(
    base: BaseModel, erasure: Erasure, config: HybridConfig, on_step: OnStep
) -> dict[str, LowRank]:
    """Give the eraser's layers for one concept. `on_step` is told step, steps, what is being done, and the error."""
    start = closed_form_layers(base, [erasure], config.closed_form)
    if not config.steps:
        return start
    lessons = _Lessons(base, erasure, config, on_step)
    with trainable(
        base,
        list(base.adaptable_layers(config.layers)),
        rank=max(config.rank, config.closed_form.rank),
        learning_rate=config.learning_rate,
        steps=config.steps,
        seed=config.seed,
    ) as lora:
        lora.set_factors(start)
        for step in range(config.steps):
            batch, count = lessons.batch(step, lora)
            errors = lora.step(batch, count)
            on_step(step + 1, config.steps, "distilling", float(errors.mean()))
        return lora.factors()


class _Lessons:
    """What each step of distillation learns from."""

    def __init__(self, base: BaseModel, erasure: Erasure, config: HybridConfig, on_step: OnStep) -> None:
        self._config = config

        def told(message: str) -> Callable[[int, int], None]:
            return lambda step, steps: on_step(step, steps, message, None)

        targets, anchors = (in_turn(each, config.pictures) for each in (erasure.targets, erasure.anchors))
        drawing = config.drawing_steps, config.seed
        self._memory, self._lesson = gather_lessons(
            base, targets, anchors, *drawing, told("drawing what is to go")
        )
        drawn = gather_prior(base, anchors, *drawing, told("drawing what comes in its place"))
        # The same latents and predictions, read from the target's prompts. Rows of the empty prompt stay what they are.
        text = base.encode_prompt([*targets, ""])
        self._anchor = replace(drawn, text=text)
        step = max(1, len(erasure.retained) // (2 * config.pictures))
        retained = erasure.retained[::step][: 2 * config.pictures]
        self._retained = gather_prior(base, retained, *drawing, told("drawing what is to stay"))

    def batch(self, step: int, lora: TrainableLora) -> tuple[Batch, int]:
        """Give one step's rows, and by how many to divide their summed errors."""
        config = self._config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        parts = [
            bank.draw(count, weight, generator)
            for bank, count, weight in (
                (self._lesson, config.target_batch, 1.0),
                (self._anchor, config.anchor_batch, 1.0),
                (self._retained, config.retained_batch, config.retained_weight),
            )
            if count
        ]
        if config.attack_batch and config.attack_steps:
            parts.append(self._attacked(lora, generator))
        batch = parts[0]
        for part in parts[1:]:
            batch = batch.joined(part)
        return batch, len(batch.weight)

    def _attacked(self, lora: TrainableLora, generator: torch.Generator) -> Batch:
        """Find embeddings near the target's that bring it back, and ask for the anchor on them."""
        config = self._config
        state = generator.get_state()
        remembered = self._memory.draw(config.attack_batch, 1.0, generator)
        generator.set_state(state)  # the same rows, with what is to be predicted on them
        lesson = self._lesson.draw(config.attack_batch, 1.0, generator)
        found = remembered.text.tokens.clone()
        length = found.norm(dim=-1, keepdim=True)
        for _ in range(config.attack_steps):
            found = found.detach().requires_grad_()
            attempt = replace(remembered, text=replace(remembered.text, tokens=found))
            loss = F.mse_loss(lora.predict(attempt).float(), remembered.target.float())
            (slope,) = torch.autograd.grad(loss, found)
            size = slope.norm(dim=-1, keepdim=True).amax(dim=1, keepdim=True).clamp(min=1e-12)
            found = found.detach() - config.attack_size * length * slope / size
        return replace(lesson, text=replace(lesson.text, tokens=found.detach()))
