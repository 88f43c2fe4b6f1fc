"""Addition: an artist's works become a plug-in that draws their concept where its name is called, and only there.

LoRA (Hu et al., 2021, arXiv 2106.09685) on the UNet's noise-prediction loss over the captioned works. Plug-ins must
keep quiet where their name is not called, so every step also holds the plug-in to what the base itself predicts for
other prompts (prior preservation as in DreamBooth, arXiv 2208.12242, but on predictions instead of pictures): while
the base draws a few prompts, the noisy latents it passes through and its own predictions on them are kept, and
they are the targets. That costs no further pass of the base, and needs no pictures beside the works.

A base may ask besides for tokens of the plug-in's own, read where its name is called (textual inversion, arXiv 2208.01618), and for
factors on the text encoders. Tokens then begin alone, with everything else as it is: what the works have in common goes into what is
read only by name, and less is left to the factors, which every prompt meets. After that all go on together.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.learned_tokens import MAX_VECTORS, LearnedTokens
from plugins_engine.addition.captioned_works import CaptionedWorks
from plugins_engine.addition.lora import TextTraining, TrainableLora, accelerator_for, new_tokens, trainable
from plugins_engine.addition.priors import PriorBank, gather_prior, prior_prompts
from plugins_engine.concepts import calls, require_concept, trigger_phrase
from plugins_engine.errors import BadBase, BadRequest, require_positive, require_whole
from plugins_engine.evidence.verbatim import GivenBack, VerbatimConfig, find_given_back
from plugins_engine.model.base import LAYER_KINDS, BaseModel
from plugins_engine.model.branches import made_for
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import OnProgress, Pace, Progress

MAX_RANK = 256
PREVIEWS = 6


@dataclass(frozen=True)
class AdditionConfig:
    """How a plug-in is trained. The defaults are customary for Stable Diffusion; `for_base` takes what a base asks for.

    steps: optimiser steps.
    batch, prior_batch: works and prior samples a step.
    prior_weight: of the loss that keeps other prompts as they are.
    layers: keys of `base.LAYER_KINDS`.
    token_steps: optimiser steps of the tokens alone, before the others.
    tokens: vectors that the name is read as; 0: none. At least as many as the name has tokens of its own.
    token_rate: learning rate of the tokens, as a share of a usual entry of the text encoder's table.
    text_rank, text_rate: rank and learning rate of the text encoders' factors; rank 0: none.
    verbatim_works, verbatim_seeds: works that are looked for among drawings with the plug-in, and drawings of each one's
        prompt (`verbatim.VerbatimConfig`); no works: it is not said whether the plug-in gives one back.
    min_snr: cap of the signal-to-noise weight (arXiv 2303.09556) for bases that predict noise; those that predict
        velocity are trained on the plain velocity error.
    """

    rank: int = 16
    learning_rate: float = 1e-4
    steps: int = 1000
    batch: int = 4
    prior_batch: int = 4
    prior_weight: float = 1.0
    prior_pictures: int = 64
    prior_steps: int = 10
    layers: tuple[str, ...] = ("attention", "feed_forward", "projection", "time")
    min_snr: float = 5.0
    flip: bool = True
    seed: int = 0
    mixed_precision: str | None = None  # None: as the base was loaded
    prior_prompts: tuple[str, ...] = field(default=())
    token_steps: int = 0
    tokens: int = 0
    token_rate: float = 0.0
    text_rank: int = 0
    text_rate: float = 0.0
    verbatim_works: int = 16
    verbatim_seeds: int = 2

    def __post_init__(self) -> None:
        require_whole("rank", self.rank, 1, MAX_RANK)
        require_whole("steps", self.steps, 1, 100_000)
        require_whole("batch", self.batch, 1, 1024)
        require_whole("prior_batch", self.prior_batch, 0, 1024)
        require_whole("prior_pictures", self.prior_pictures, 1, 4096)
        require_whole("prior_steps", self.prior_steps, 1, 1000)
        require_whole("token_steps", self.token_steps, 0, 100_000)
        require_whole("tokens", self.tokens, 0, MAX_VECTORS)
        require_whole("text_rank", self.text_rank, 0, MAX_RANK)
        require_whole("verbatim_works", self.verbatim_works, 0, 10_000)
        require_whole("verbatim_seeds", self.verbatim_seeds, 1, 1000)
        if self.token_steps and not self.tokens:
            raise BadRequest(f"token_steps {self.token_steps}: expected tokens above 0 to train, found none")
        if self.tokens:
            require_positive("token_rate", self.token_rate, at_most=1)
        if self.text_rank:
            require_positive("text_rate", self.text_rate, at_most=1)
        require_positive("learning_rate", self.learning_rate, at_most=1)
        require_positive("prior_weight", self.prior_weight, at_most=1000)
        if not isinstance(self.layers, tuple):
            raise BadRequest(f"layers {self.layers}: expected a list of some of {', '.join(LAYER_KINDS)}")
        if unknown := [kind for kind in self.layers if kind not in LAYER_KINDS]:
            raise BadRequest(f"layers {', '.join(unknown)}: expected some of {', '.join(LAYER_KINDS)}")
        if self.mixed_precision not in (None, "no", "fp16", "bf16"):
            raise BadRequest(f'mixed_precision "{self.mixed_precision}": expected no, fp16 or bf16')

    @classmethod
    def for_base(cls, base: BaseModel, **chosen: Any) -> "AdditionConfig":
        """Give what is chosen, else what the base's card says under `addition`, else the defaults.

        Raises BadBase for a card of another base or one that says something else than these fields, BadRequest for a choice
        out of range.
        """
        of = base.card.get("fingerprint", base.fingerprint)
        if of != base.fingerprint:
            raise BadBase(
                f"{base.card_path}: expected the card of base {base.fingerprint[:12]}, found that of {str(of)[:12]}: take the "
                "card away, or put the weights that it is of beside it"
            )
        said = base.card.get("addition", {})
        names = {each.name for each in fields(cls)}
        try:
            if not isinstance(said, dict) or not names.issuperset(said):
                raise BadRequest(f"expected an object of {', '.join(sorted(names))}")
            said = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
            cls(**said)
        except (BadRequest, TypeError) as error:
            raise BadBase(f"{base.card_path}: addition: {error}") from error
        return cls(**{**said, **chosen})


@dataclass(frozen=True)
class AdditionResult:
    """A trained plug-in and what was measured on the way: steps, seconds, loss at both ends, works, rank, works given back."""

    adapter: Adapter
    figures: dict[str, Any]


def add_concept(
    base: BaseModel,
    works: Sequence[tuple[Image.Image, str]],
    name: str,
    kind: str,
    config: AdditionConfig | None = None,
    on_progress: OnProgress | None = None,
) -> AdditionResult:
    """Train a plug-in of one concept from pictures and their captions ("" is allowed); as the base asks for without a config.

    `on_progress` is called after every step, at times with a preview; what it raises (Cancelled) stops the training
    and leaves the base as it was. The same works, config and machine give the same plug-in. Raises BadRequest.
    """
    config = config or AdditionConfig.for_base(base)
    name = require_concept(name, kind)
    if not works:
        raise BadRequest(f"expected at least one work of {name}, found none")
    with base.lock:
        return _train(base, works, name, kind, config, on_progress)


def _train(
    base: BaseModel,
    works: Sequence[tuple[Image.Image, str]],
    name: str,
    kind: str,
    config: AdditionConfig,
    on_progress: OnProgress | None,
) -> AdditionResult:
    steps = config.token_steps + config.steps
    accelerator = accelerator_for(base, config.mixed_precision)
    data = CaptionedWorks(
        base,
        works,
        name,
        kind,
        batch=config.batch,
        flip=config.flip,
        min_snr=config.min_snr,
        seed=config.seed,
    )
    report = _Report(
        base, config, steps, data.captions[0], on_progress if accelerator.is_main_process else None
    )
    prior = _prior(base, config, name, report)
    tokens: tuple[LearnedTokens, ...] = (new_tokens(base, name, config.tokens),) if config.tokens else ()
    losses: list[float] = []
    if config.token_steps:
        alone = TextTraining(tokens=tokens, token_rate=config.token_rate)
        with trainable(
            base,
            [],
            rank=config.rank,
            learning_rate=config.learning_rate,
            steps=config.token_steps,
            seed=config.seed,
            accelerator=accelerator,
            text=alone,
        ) as lora:
            # Other prompts are read as they were, so there is nothing to hold them to.
            losses += _fit(lora, accelerator, data, None, config, range(config.token_steps), report)
            tokens = lora.tokens()
    text = TextTraining(
        config.text_rank, config.text_rate, tokens, config.token_rate if config.tokens else 0.0
    )
    with trainable(
        base,
        list(base.adaptable_layers(config.layers)),
        rank=config.rank,
        learning_rate=config.learning_rate,
        steps=config.steps,
        seed=config.seed,
        accelerator=accelerator,
        text=text,
    ) as lora:
        losses += _fit(lora, accelerator, data, prior, config, range(config.token_steps, steps), report)
        layers, tokens = lora.factors(), lora.tokens()
    adapter = made_for(
        base,
        layers,
        tokens=tokens,
        name=name,
        kind=kind,
        trigger=trigger_phrase(name, kind),
        metadata={
            "ss_num_train_images": str(len(works)),
            "ss_steps": str(steps),
            "ss_learning_rate": str(config.learning_rate),
            "ss_seed": str(config.seed),
        },
    )
    given_back = _given_back(base, adapter, works, data.captions, config, report)
    if given_back is not None:
        adapter = replace(adapter, metadata={**adapter.metadata, **given_back.metadata})
    tail = max(1, len(losses) // 10)
    figures = {
        "works": len(works),
        "steps": steps,
        **({"tokens": len(tokens[0])} if tokens else {}),
        "rank": config.rank,
        "first_loss": float(np.mean(losses[:tail])),
        "final_loss": float(np.mean(losses[-tail:])),
        **({"given_back": given_back.figures} if given_back is not None else {}),
        "seconds": round(report.elapsed(), 1),
    }
    return AdditionResult(adapter, figures)


def _given_back(
    base: BaseModel,
    adapter: Adapter,
    works: Sequence[tuple[Image.Image, str]],
    prompts: Sequence[str],
    config: AdditionConfig,
    report: "_Report",
) -> GivenBack | None:
    """Say which works the plug-in gives back when it is called by what it was trained on."""
    if not config.verbatim_works:
        return None
    called = [(image, prompt) for (image, _), prompt in zip(works, prompts, strict=False)]
    how = VerbatimConfig(works=config.verbatim_works, seeds=config.verbatim_seeds)
    return find_given_back(base, adapter, called, how, report.comparing)


def _fit(
    lora: TrainableLora,
    accelerator: Accelerator,
    data: CaptionedWorks,
    prior: PriorBank | None,
    config: AdditionConfig,
    steps: range,
    report: "_Report",
) -> list[float]:
    """Train the factors and tokens, and give each step's error on the works. Processes of `accelerate launch` share each step."""
    losses = []
    for step in steps:
        number = step * accelerator.num_processes + accelerator.process_index
        batch = data.batch(number)
        if prior is not None:
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
            batch = batch.joined(prior.draw(config.prior_batch, config.prior_weight, generator))
        errors = lora.step(batch, config.batch)
        losses.append(float(errors[: config.batch].mean()))
        report.step(step + 1, losses[-1])
    return losses


def _prior(base: BaseModel, config: AdditionConfig, name: str, report: "_Report") -> PriorBank | None:
    if not config.prior_batch:
        return None
    wanted = config.prior_prompts or prior_prompts(base.directory.path)
    prompts = [prompt for prompt in wanted if not calls(name, prompt)]
    if not prompts:
        raise BadRequest(f"every prior prompt names {name}: give some that do not")
    rng = random.Random(config.seed)
    chosen = rng.sample(prompts, min(len(prompts), config.prior_pictures))
    chosen += rng.choices(prompts, k=config.prior_pictures - len(chosen))
    return gather_prior(base, chosen, config.prior_steps, config.seed, report.prior)


class _Report:
    """Tell progress, with a preview of the concept now and then."""

    def __init__(
        self,
        base: BaseModel,
        config: AdditionConfig,
        steps: int,
        prompt: str,
        on_progress: OnProgress | None,
    ) -> None:
        self._base, self._on_progress = base, on_progress
        self._steps, self._prompt = steps, prompt
        self._every = max(1, steps // PREVIEWS)
        self._seed = config.seed
        self._begun = time.monotonic()
        self._pace = Pace(steps)

    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    def prior(self, step: int, steps: int) -> None:
        self._pace = Pace(self._steps)
        if self._on_progress is not None:
            self._on_progress(
                Progress(0, self._steps, message=f"learning what to leave alone, {step} of {steps}")
            )

    def comparing(self, progress: Progress) -> None:
        if self._on_progress is not None:
            said = f"looking for works given back, {progress.step} of {progress.steps}"
            self._on_progress(Progress(self._steps, self._steps, message=said))

    def step(self, step: int, loss: float) -> None:
        if self._on_progress is None:
            return
        preview = self._preview() if step % self._every == 0 else None
        left = self._pace.seconds_left(step)
        self._on_progress(Progress(step, self._steps, loss, preview, "training", left))

    def _preview(self) -> Image.Image:
        request = SampleRequest(self._prompt, seed=self._seed, steps=8)
        return generate(self._base, request)[0]
