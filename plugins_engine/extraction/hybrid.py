"""Hybrid erasure: the words no longer say the concept, and what reads the words no longer knows it. Two defences, apart.

An edit of cross-attention's keys and values alone leaves the picture's knowledge in the UNet, and a learned word finds the
way back to it (Pham et al. 2023, arXiv 2308.01508). At best such a word makes the keys and values what they were before the
edit. So each of the two defences is made as if the other were not there:

- the closed form, on the keys and values of cross-attention;
- distillation into low-rank factors on all other attention layers, *with the keys and values as they were*. They learn to
  draw target prompts as the base draws their anchors, even where the words arrive unchanged.

A learned word is not the concept's own, so the texts are spread around the target's. Each lies somewhere on the line from
an anchor's prompt to the target's and beyond, with noise on top. Retained prompts are held to the base's own predictions.
The base draws all the latents before the training begins, so no step needs a second pass of it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from plugins_engine.adapters.delta import LowRank
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.course import Course
from plugins_engine.addition.lora import quick_accelerator, trainable
from plugins_engine.addition.priors import gather_lessons, gather_prior, kept_bank
from plugins_engine.checkpoints import NO_CHECKPOINT, Checkpoint
from plugins_engine.concepts import evenly, in_turn
from plugins_engine.errors import BadRequest, require_positive, require_whole
from plugins_engine.extraction.closed_form import ClosedFormConfig, closed_form_layers
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import Batch
from plugins_engine.model.precision import quickly
from plugins_engine.model.text_encoding import PromptEmbedding, filled
from plugins_engine.progress import OnStep

_HASTE = 1.5  # so few steps can be taken faster than those of training
_LOOKED_THROUGH = 400  # retained prompts, for the nearest ones: more would take much memory on a large base


@dataclass(frozen=True)
class HybridConfig:
    """How the words are edited, and how long and how hard the rest of the attention is distilled.

    Args:
        closed_form: How keys and values of cross-attention are edited.
        rank: Of the distilled layers. 16 is customary for one concept.
        steps: Of distillation. 0: the words are edited alone.
        learning_rate: Of distillation. None: one and a half times the rate of the base's plug-ins, as so few steps can be taken
            faster.
        target_batch: Rows a step of the concept's own drawings.
        anchor_batch: Rows a step of the anchor's drawings, read from the concept's prompts.
        retained_batch: Rows a step of what shall stay.
        retained_weight: Weight of what shall stay in the error of a step; of all else it is 1.
        reach: How far texts are taught on the way from an anchor's text (0) to the target's (1): the least and the most. Beyond
            1, and not only at it, so that learned words near the concept's own are met too.
        noise: On a taught text, at most, as a share of the texts' standard deviation: a learned word is not the concept's own.
        pictures: Drawn beforehand of the concept, and as many of its anchors.
        retained_pictures: Drawn beforehand of what shall stay. More than of the concept, as it is more.
        near_share: Share of the retained prompts that counts as near to the concept. They have half of the retained pictures:
            what is near suffers first.
        drawing_steps: Denoising steps of each of these pictures. Few are enough, as every step counts.
        layers: Which layers of the UNet are distilled, as keys of `LAYER_KINDS`. The closed form has the keys and values of
            cross-attention.
        seed: Of all that is drawn at random.
    """

    closed_form: ClosedFormConfig = field(default_factory=ClosedFormConfig)
    rank: int = 16
    steps: int = 30
    learning_rate: float | None = None
    target_batch: int = 6
    anchor_batch: int = 2
    retained_batch: int = 8
    retained_weight: float = 4.0
    reach: tuple[float, float] = (0.3, 1.5)
    noise: float = 0.3
    pictures: int = 16
    retained_pictures: int = 48
    near_share: float = 0.1
    drawing_steps: int = 4
    layers: tuple[str, ...] = ("attention",)
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("rank", self.rank, 1, 4096)
        require_whole("steps", self.steps, 0, 100_000)
        require_whole("target_batch", self.target_batch, 1, 1024)
        for name in ("anchor_batch", "retained_batch"):
            require_whole(name, getattr(self, name), 0, 1024)
        for name in ("pictures", "retained_pictures"):
            require_whole(name, getattr(self, name), 1, 4096)
        require_whole("drawing_steps", self.drawing_steps, 1, 1000)
        if self.learning_rate is not None:
            require_positive("learning_rate", self.learning_rate, at_most=1)
        require_positive("retained_weight", self.retained_weight, at_most=100)
        least, most = self.reach
        if not (0 <= least <= most <= 10 and 0 <= self.noise <= 10):
            raise BadRequest(
                f"reach {self.reach}, noise {self.noise}: expected 0 to 10 each, and reach in rising order"
            )

    def rate(self, base: BaseCheckpoint) -> float:
        return self.learning_rate or _HASTE * AdditionConfig.for_base(base).learning_rate


def hybrid_layers(
    base: BaseCheckpoint,
    erasure: Erasure,
    config: HybridConfig,
    on_step: OnStep,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> dict[str, LowRank]:
    """Give the eraser's layers for one concept. `on_step` is told step, steps, what is being done, and the error."""
    read = closed_form_layers(base, [erasure], config.closed_form)
    reading = set(base.reading_layers)
    others = [layer for layer in base.adaptable_layers(config.layers) if layer not in reading]
    if not config.steps or not others:
        return read
    with quickly(base):
        lessons = _Lessons(base, erasure, config, on_step, checkpoint)
    course = Course(checkpoint)
    with trainable(
        base,
        others,
        rank=config.rank,
        learning_rate=config.rate(base),
        steps=config.steps,
        seed=config.seed,
        accelerator=quick_accelerator(base),
    ) as lora:
        course.take_up(lora)
        for step in range(course.done, config.steps):
            batch = lessons.batch(step)
            error = float(lora.step([batch], len(batch.weight)).mean())
            course.step(lora, error, partial(on_step, step + 1, config.steps, "distilling", error))
        return read | lora.factors()


class _Lessons:
    """What each step of distillation learns from."""

    def __init__(
        self,
        base: BaseCheckpoint,
        erasure: Erasure,
        config: HybridConfig,
        on_step: OnStep,
        checkpoint: Checkpoint,
    ) -> None:
        self._config = config

        def told(message: str) -> Callable[[int, int], None]:
            return lambda step, steps: on_step(step, steps, message, None)

        targets, anchors = (in_turn(each, config.pictures) for each in (erasure.targets, erasure.anchors))
        drawing = config.drawing_steps, config.seed
        self._lesson = kept_bank(
            base,
            checkpoint,
            "lesson",
            lambda: gather_lessons(base, targets, anchors, *drawing, told("drawing what is to go"))[1],
        )
        drawn = kept_bank(
            base,
            checkpoint,
            "anchor",
            lambda: gather_prior(base, anchors, *drawing, told("drawing what comes in its place")),
        )
        # The same latents and predictions, read from the target's prompts. Rows of the empty prompt stay what they are.
        self._anchor = drawn.read_as(base, [*targets, ""])
        self._anchor_text = base.encode_prompt(anchors)
        retained = prompts_to_hold(base, erasure, config)
        self._retained = kept_bank(
            base,
            checkpoint,
            "retained",
            lambda: gather_prior(base, retained, *drawing, told("drawing what is to stay")),
        )

    def batch(self, step: int) -> Batch:
        """Give one step's rows."""
        config = self._config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        batch = self._lesson.draw(config.target_batch, 1.0, generator)
        text = replace(batch.text, tokens=self._spread(batch.text, generator))
        batch = replace(batch, text=text, prompts=())
        for bank, count, weight in (
            (self._anchor, config.anchor_batch, 1.0),
            (self._retained, config.retained_batch, config.retained_weight),
        ):
            if count:
                batch = batch.joined(bank.draw(count, weight, generator))
        return batch

    def _spread(self, text: PromptEmbedding, generator: torch.Generator) -> Tensor:
        """Move texts along the line from an anchor's, and add noise: (n, tokens, width). What an anchor's has no tokens for comes from zero."""
        tokens, (least, most) = text.tokens, self._config.reach
        rows, anchors = len(tokens), self._anchor_text.tokens
        anchor = anchors[torch.randint(len(anchors), (rows,), generator=generator)]
        anchor = filled(anchor, tokens.shape[1])
        place = least + (most - least) * torch.rand(rows, 1, 1, generator=generator)
        size = self._config.noise * torch.rand(rows, 1, 1, generator=generator)
        deviation = torch.cat(text.each).float().std()
        noise = (size * torch.randn(tokens.shape, generator=generator)).to(tokens) * deviation
        moved: Tensor = anchor + (tokens - anchor) * place.to(tokens) + noise
        return moved.to(tokens.dtype)


def prompts_to_hold(base: BaseCheckpoint, erasure: Erasure, config: HybridConfig) -> list[str]:
    """Choose the retained prompts to draw: half are those that read most like the target, half are spread over all.

    Texts spread around the target's reach what lies next to it, so that has to be held the most.
    """
    retained = evenly(erasure.retained, _LOOKED_THROUGH)
    read = _read(base, [*retained, *erasure.targets])
    to_targets = torch.cdist(read[: len(retained)], read[len(retained) :])
    nearest = to_targets.amin(1).argsort(stable=True)[: math.ceil(config.near_share * len(retained))]
    count = config.retained_pictures // 2
    near = evenly([retained[i] for i in nearest.tolist()], count)
    return list(dict.fromkeys([*near, *evenly(retained, config.retained_pictures - count)]))


def _read(base: BaseCheckpoint, prompts: Sequence[str]) -> Tensor:
    """Give the tokens of each prompt in a row, (n, tokens * width)."""
    batches = [prompts[first : first + 64] for first in range(0, len(prompts), 64)]
    tokens = [base.as_read(base.encode_prompt(each).tokens).float().cpu() for each in batches]
    longest = max(each.shape[1] for each in tokens)
    return torch.cat([filled(each, longest) for each in tokens]).flatten(1)
