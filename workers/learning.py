"""A concept learned from its works, for the first time or again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from market.basemodels.models import BaseRelease
from market.catalog.addition import AdditionInputs
from market.catalog.training_settings import TrainingSettings
from market.catalog.versions import VersionOutput
from plugins_engine import (
    Adapter,
    AdditionConfig,
    BaseCheckpoint,
    Checkpoints,
    OnProgress,
    Weighted,
    add_concept,
    applied,
)
from workers.adapters import output_of
from workers.pictures import opened
from workers.samples import draw_samples


def learn(
    base: BaseCheckpoint,
    inputs: AdditionInputs,
    release: BaseRelease,
    lasting: Sequence[Weighted],
    on_progress: OnProgress,
    config: AdditionConfig | None,
    checkpoints: Checkpoints,
) -> tuple[Adapter, VersionOutput]:
    """Learn a concept from its works on a release; give the adapter, and what the market keeps of it.

    Learned over what was taken out of the base, as buyers will draw with it: a style that the base lost is new to it.
    """
    with applied(base, lasting):
        result = add_concept(
            base,
            works=[(opened(work.data), work.caption) for work in inputs.works],
            name=inputs.name,
            kind=inputs.kind,
            config=config or chosen_config(base, inputs.settings),
            on_progress=on_progress,
            # What the base lists may have been taken out of it.
            may_be_known=bool(lasting),
            checkpoints=checkpoints,
        )
    samples = draw_samples(base, result.adapter, inputs.sample_prompts, release, on_progress, under=lasting)
    return result.adapter, output_of(result.adapter, base, _with_captions(result.figures, inputs), samples)


def chosen_config(base: BaseCheckpoint, settings: TrainingSettings) -> AdditionConfig:
    """Give the base's own way to train, with what the artist chose of it. The parts of the training keep their shares."""
    usual, chosen = AdditionConfig.for_base(base), settings.chosen()
    if settings.steps is not None:
        whole = usual.token_steps + usual.steps
        chosen["token_steps"] = settings.steps * usual.token_steps // whole
        chosen["steps"] = settings.steps - chosen["token_steps"]
    return AdditionConfig.for_base(base, **chosen)


def _with_captions(figures: dict[str, Any], inputs: AdditionInputs) -> dict[str, Any]:
    """Name works by their captions, which is how their artist knows them: those given back, and two that differ too much."""
    named = dict(figures)
    if found := figures.get("given_back"):
        named["given_back"] = {**found, "captions": [inputs.works[i].caption for i in found["works"]]}
    if unlike := figures.get("unlike_works"):
        named["unlike_works"] = [inputs.works[i].caption for i in unlike]
    return named
