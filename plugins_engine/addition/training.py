"""Train a plug-in of one concept from an artist's works."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image

from pictures.still import on_white
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.addition.begun import Begun, begun_from
from plugins_engine.addition.captioned_works import CaptionedWorks, training_prompt
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.course import Course
from plugins_engine.addition.learnable import (
    require_different,
    require_new_name,
    require_readable,
    require_text_layers,
)
from plugins_engine.addition.lora import TextTraining, TrainableLora, accelerator_for, new_tokens, trainable
from plugins_engine.addition.on_the_way import OnTheWay
from plugins_engine.addition.one_style import UnlikeWorks, unlike_works
from plugins_engine.addition.priors import PriorBank, gather_prior, kept_bank
from plugins_engine.checkpoints import Checkpoint, Checkpoints, checkpoint_of, pictures_digest
from plugins_engine.concepts import calls, require_concept, trigger_phrase
from plugins_engine.errors import BadRequest
from plugins_engine.evidence.verbatim import GivenBack, VerbatimConfig, find_given_back
from plugins_engine.known import known_concepts, known_prompts
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import OnProgress, Pace, Progress

log = logging.getLogger(__name__)

PREVIEWS = 6


@dataclass(frozen=True)
class AdditionResult:
    """A trained plug-in and what was measured on the way.

    Args:
        adapter: The plug-in. Its file says how it was trained, and which works it gives back.
        figures: For JSON: `works`, `steps`, `rank`, `tokens` where there are any, `first_loss` and `final_loss` (means over a
            tenth of the steps), `given_back` (`GivenBack.figures`), `unlike_works` (indices of the two that differ most) where a
            style's works look like those of more than one, `seconds`.
    """

    adapter: Adapter
    figures: dict[str, Any]


def add_concept(
    base: BaseCheckpoint,
    works: Sequence[tuple[Image.Image, str]],
    name: str,
    kind: str,
    config: AdditionConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    may_be_known: bool = False,
    checkpoints: Checkpoints | None = None,
    begin: Adapter | None = None,
    on_the_way: OnTheWay | None = None,
) -> AdditionResult:
    """Train a plug-in of one concept from pictures and their captions.

    The same works, config and machine give the same plug-in, whether or not it was interrupted. Raises BadRequest.

    Args:
        base: What the plug-in is for. It is as it was afterwards, whatever was raised.
        works: Pictures of any size with their captions, at least one. A caption may be empty, and need not name the concept.
        name: What calls the concept in a prompt.
        kind: "style" or "character".
        config: How it is trained; None: as the base's card asks (`AdditionConfig.for_base`).
        on_progress: Called after every step, at times with a preview. What it raises (Cancelled) stops the training.
        may_be_known: Whether the name may be one that the base lists among what it draws. It is refused otherwise. For a
            concept that an eraser erases, or one to be strengthened.
        checkpoints: Where the training is kept now and then, and when `on_progress` stops it, so that the same call goes on from
            there; None: nowhere. Several processes of `accelerate launch` keep nothing.
        begin: A plug-in to begin from, of this base and at most the config's ranks; None: from nothing. The result's file names it.
        on_the_way: Given the plug-in as it is after every so many steps; None: nothing is.
    """
    config = config or AdditionConfig.for_base(base)
    name = require_concept(name, kind)
    if not works:
        raise BadRequest(f"expected at least one work of {name}, found none")
    if not may_be_known:
        require_new_name(name, kind, known_concepts(base.directory.path))
    require_text_layers(base, config.text_rank)
    require_different([picture for picture, _ in works])
    captions = [training_prompt(caption, name, kind) for _, caption in works]
    require_readable(base, captions, name, config.tokens)
    with base.lock:
        begun = Begun() if begin is None else begun_from(base, begin, name, config)
        return _train(base, works, name, kind, config, on_progress, checkpoints, begun, on_the_way)


def _train(
    base: BaseCheckpoint,
    works: Sequence[tuple[Image.Image, str]],
    name: str,
    kind: str,
    config: AdditionConfig,
    on_progress: OnProgress | None,
    checkpoints: Checkpoints | None,
    begun: Begun,
    on_the_way: OnTheWay | None,
) -> AdditionResult:
    steps = config.token_steps + config.steps
    accelerator = accelerator_for(base, config.mixed_precision)
    others = _prior_prompts(base, config, name)
    if checkpoints is not None and accelerator.num_processes > 1:
        log.warning("%d processes train together: no checkpoint is kept", accelerator.num_processes)
        checkpoints = None
    checkpoint = checkpoint_of(
        checkpoints, "addition", lambda: _request(base, works, name, kind, config, others, begun)
    )
    data = CaptionedWorks(
        base,
        works,
        name,
        kind,
        batch=config.batch,
        flip=config.flip,
        buckets=config.buckets,
        min_snr=config.min_snr,
        seed=config.seed,
    )
    report = _Report(
        base, config, steps, data.captions[0], on_progress if accelerator.is_main_process else None
    )
    unlike = unlike_works(base, [picture for picture, _ in works], kind)
    if unlike is not None:
        report.unlike(unlike, data.captions)
    course = Course(checkpoint, lambda: {"order": data.order, "seconds": report.elapsed()})
    prior = _prior(base, config, others, checkpoint, report)
    if course.kept is not None:
        data.order = course.kept["order"]
        report.go_on(course.done, course.losses[-1], course.kept["seconds"])
    tokens: tuple[LearnedTokens, ...] = begun.tokens
    if config.tokens and not tokens:
        tokens = (new_tokens(base, name, config.tokens),)
    if course.done <= config.token_steps > 0:
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
            _fit(lora, accelerator, data, None, config, config.token_steps, course, report)
            tokens = lora.tokens()

    def made(lora: TrainableLora, done: int) -> Adapter:
        return made_for(
            base,
            lora.factors(),
            tokens=lora.tokens(),
            name=name,
            kind=kind,
            trigger=trigger_phrase(name, kind),
            metadata={
                "ss_num_train_images": str(len(works)),
                "ss_steps": str(done),
                "ss_learning_rate": str(config.learning_rate),
                "ss_seed": str(config.seed),
                **begun.metadata,
            },
        )

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
        lora.set_factors(begun.layers)

        def after(done: int) -> None:
            if on_the_way is not None and done < steps:
                on_the_way.offer(done, lambda: made(lora, done))

        _fit(lora, accelerator, data, prior, config, steps, course, report, after)
        adapter = made(lora, steps)
    given_back = _given_back(base, adapter, works, data.captions, config, report)
    if given_back is not None:
        adapter = replace(adapter, metadata={**adapter.metadata, **given_back.metadata})
    losses = course.losses
    tail = max(1, len(losses) // 10)
    figures = {
        "works": len(works),
        "steps": steps,
        **({"tokens": len(adapter.tokens[0])} if adapter.tokens else {}),
        "rank": config.rank,
        "first_loss": float(np.mean(losses[:tail])),
        "final_loss": float(np.mean(losses[-tail:])),
        **({"given_back": given_back.figures} if given_back is not None else {}),
        **({"unlike_works": list(unlike.furthest)} if unlike is not None else {}),
        "seconds": round(report.elapsed(), 1),
    }
    return AdditionResult(adapter, figures)


def _given_back(
    base: BaseCheckpoint,
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
    until: int,
    course: Course,
    report: "_Report",
    after: Callable[[int], None] = lambda _: None,
) -> None:
    """Train the factors and tokens until so many steps are done. Processes of `accelerate launch` share each step."""
    course.take_up(lora)
    for step in range(course.done, until):
        number = step * accelerator.num_processes + accelerator.process_index
        batch = data.batch(number)
        batches = [batch]
        if prior is not None:
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
            held = prior.draw(config.prior_batch, config.prior_weight, generator)
            same = held.noisy.shape[1:] == batch.noisy.shape[1:]
            batches = [batch.joined(held)] if same else [batch, held]
        errors = lora.step(batches, config.batch)
        loss = float(errors[: config.batch].mean())
        course.step(lora, loss, partial(report.step, step + 1, loss))
        after(step + 1)
    course.keep(lora)


def _request(
    base: BaseCheckpoint,
    works: Sequence[tuple[Image.Image, str]],
    name: str,
    kind: str,
    config: AdditionConfig,
    others: Sequence[str],
    begun: Begun,
) -> dict[str, Any]:
    """Give all that the plug-in follows from."""
    return {
        "base": base.state,
        "works": pictures_digest([on_white(image) for image, _ in works]),
        "captions": [caption for _, caption in works],
        "name": name,
        "kind": kind,
        "config": config,
        "others": others,
        "begun": begun.metadata,
    }


def _prior_prompts(base: BaseCheckpoint, config: AdditionConfig, name: str) -> list[str]:
    """Choose the prompts that the plug-in is held to."""
    if not config.prior_batch:
        return []
    wanted = config.prior_prompts or known_prompts(base.directory.path)
    prompts = [prompt for prompt in wanted if not calls(name, prompt)]
    if not prompts:
        raise BadRequest(f"every prior prompt names {name}: give some that do not")
    rng = random.Random(config.seed)
    chosen = rng.sample(prompts, min(len(prompts), config.prior_pictures))
    return chosen + rng.choices(prompts, k=config.prior_pictures - len(chosen))


def _prior(
    base: BaseCheckpoint,
    config: AdditionConfig,
    prompts: Sequence[str],
    checkpoint: Checkpoint,
    report: "_Report",
) -> PriorBank | None:
    if not prompts:
        return None
    return kept_bank(
        base,
        checkpoint,
        "prior",
        lambda: gather_prior(base, prompts, config.prior_steps, config.seed, report.prior),
    )


class _Report:
    """Tell progress, with a preview of the concept now and then."""

    def __init__(
        self,
        base: BaseCheckpoint,
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

    def go_on(self, step: int, loss: float, seconds: float) -> None:
        """Tell that an earlier attempt, which took so long, is gone on from."""
        self._begun -= seconds
        self._pace = Pace(self._steps, step)
        if self._on_progress is not None:
            self._on_progress(Progress(step, self._steps, loss, message="going on from where it stopped"))

    def unlike(self, found: UnlikeWorks, captions: Sequence[str]) -> None:
        if self._on_progress is not None:
            first, second = (f'"{captions[i]}"' for i in found.furthest)
            said = f"the works look like more than one style; {first} and {second} differ most"
            self._on_progress(Progress(0, self._steps, message=said))

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
