"""Reverse LoRA: the paper's own extraction (arXiv 2404.11962, section 4.2), three stages of one adapter.

1. Unlearn: train low-rank factors so that prompts with the concept's name left out draw the concept's pictures.
2. Invert: B → -B. What was learned to be added is now taken away.
3. Memorise: go on training so that prompts with the name draw pictures of the surroundings, made without it.

All pictures are the base's own. The published settings are rank 40 and 400 steps a stage at 1e-5 for a style, rank 80 and
800 steps at 5e-5 for a character, with Adam, four pictures at a time. The defaults keep the ranks and the number of steps. The
rates are for bases as small as the embedded one, whose factors have much less to build on. Time steps are drawn from
the whole schedule (the authors' code draws from its first 48 of 1000).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from plugins_engine.adapters.delta import LowRank, negate
from plugins_engine.addition.course import Course
from plugins_engine.addition.lora import TrainableLora, quick_accelerator, trainable
from plugins_engine.checkpoints import NO_CHECKPOINT, Checkpoint
from plugins_engine.concepts import in_turn, trigger_phrase, without_article
from plugins_engine.errors import require_positive, require_whole
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import noised_batch, pixels_of
from plugins_engine.model.precision import quickly
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import OnStep


@dataclass(frozen=True)
class ReverseLoraConfig:
    """How the paper's three stages are trained. The ranks and numbers of steps are the paper's, the rates those of small bases.

    Args:
        rank: Of the factors. None: the paper's, 40 for a style and 80 for a character.
        steps: Of each stage. None: the paper's, 400 for a style and 800 for a character.
        learning_rate: At its highest. The paper's 1e-5 and 5e-5 are for Stable Diffusion; small bases have less to build on and
            need more.
        batch: Pictures a step; the paper's.
        pictures: Drawn beforehand of each set of prompts, to be learned from.
        drawing_steps: Denoising steps of each of these pictures.
        min_snr: As in `AdditionConfig`.
        layers: Which layers of the UNet are adapted, as keys of `LAYER_KINDS`.
        seed: Of all that is drawn at random.
    """

    rank: int | None = None
    steps: int | None = None
    learning_rate: float = 5e-4
    batch: int = 4
    pictures: int = 48
    drawing_steps: int = 15
    min_snr: float = 5.0
    layers: tuple[str, ...] = ("attention",)
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("rank", 1 if self.rank is None else self.rank, 1, 4096)
        require_whole("steps", 1 if self.steps is None else self.steps, 1, 100_000)
        require_whole("batch", self.batch, 1, 1024)
        require_whole("pictures", self.pictures, 1, 4096)
        require_whole("drawing_steps", self.drawing_steps, 1, 1000)
        require_positive("learning_rate", self.learning_rate, at_most=1)


def reverse_lora_layers(
    base: BaseCheckpoint,
    erasure: Erasure,
    config: ReverseLoraConfig,
    on_step: OnStep,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> dict[str, LowRank]:
    """Give the eraser's layers for one concept."""
    style = erasure.kind == "style"
    rank = config.rank or (40 if style else 80)
    steps = config.steps or (400 if style else 800)
    left_out = [without_name(prompt, erasure) for prompt in erasure.targets]
    surroundings = left_out if style else list(erasure.anchors)
    with_concept, without = (
        _Pictures(base, drawn, read_as, config, on_step, partial(_kept_pictures, checkpoint, part))
        for part, drawn, read_as in (
            ("concept", list(erasure.targets), left_out),
            ("surroundings", surroundings, list(erasure.targets)),
        )
    )
    # Two runs of the optimiser: the second begins from the inverted factors of the first.
    options = {
        "rank": rank,
        "learning_rate": config.learning_rate,
        "steps": steps,
        "seed": config.seed,
        "accelerator": quick_accelerator(base),
    }
    layers = list(base.adaptable_layers(config.layers))
    unlearning, memorising = (Course(checkpoint, part=part) for part in ("unlearning", "memorising"))
    learned: dict[str, LowRank] = {}
    if not memorising.done:
        with trainable(base, layers, **options) as lora:
            _learn(lora, with_concept, steps, "unlearning", on_step, unlearning)
            learned = lora.factors()
    with trainable(base, layers, **options) as lora:
        lora.set_factors({layer: negate(each) for layer, each in learned.items()})
        _learn(lora, without, steps, "memorising", on_step, memorising)
        return lora.factors()


def _kept_pictures(checkpoint: Checkpoint, part: str, draw: Callable[[], Tensor]) -> Tensor:
    """Give latents that an earlier attempt drew, or draw and keep them."""
    kept = checkpoint.read(part)
    if kept is not None:
        found: Tensor = kept["latents"]
        return found
    latents = draw()
    checkpoint.write(part, {"latents": latents})
    return latents


def without_name(prompt: str, erasure: Erasure) -> str:
    """Leave the concept out of a prompt: "a fox, Ink style" → "a fox" for the style, "Ink style" for the character."""
    said = trigger_phrase(erasure.name, erasure.kind)
    parts = [part.strip() for part in prompt.split(",")]
    kept = [part.replace(said, "").strip() for part in parts if without_article(part) != said]
    return ", ".join(part for part in kept if part)


class _Pictures:
    """Pictures the base drew of some prompts, to be learned under others."""

    def __init__(
        self,
        base: BaseCheckpoint,
        drawn: list[str],
        read_as: list[str],
        config: ReverseLoraConfig,
        on_step: OnStep,
        kept: Callable[[Callable[[], Tensor]], Tensor],
    ) -> None:
        self._base, self._config = base, config
        count = config.pictures
        self._prompts = in_turn(read_as, count)

        def draw() -> Tensor:
            on_step(0, count, "drawing pictures to learn from", None)
            with quickly(base):
                pictures = generate_each(
                    base, in_turn(drawn, count), seed=config.seed, steps=config.drawing_steps
                )
            on_step(count, count, "drawing pictures to learn from", None)
            return base.encode_pixels(pixels_of(base, pictures, flip=False))

        self._latents = kept(draw).to(base.device)

    def learn_from(self, lora: TrainableLora, step: int) -> float:
        generator = torch.Generator().manual_seed(self._config.seed * 1_000_003 + step)
        chosen = torch.randint(len(self._latents), (self._config.batch,), generator=generator)
        text = self._base.encode_prompt([self._prompts[i] for i in chosen.tolist()])
        batch = noised_batch(self._base, self._latents[chosen], text, self._config.min_snr, generator)
        return float(lora.step([batch], self._config.batch).mean())


def _learn(
    lora: TrainableLora, pictures: _Pictures, steps: int, stage: str, on_step: OnStep, course: Course
) -> None:
    course.take_up(lora)
    for step in range(course.done, steps):
        loss = pictures.learn_from(lora, step)
        course.step(lora, loss, partial(on_step, step + 1, steps, stage, loss))
    course.keep(lora)
