"""A retest: a version's samples drawn again, with their prompts and seeds, on a release that is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from market.basemodels.models import BaseModel
from market.catalog.models import Concept as Sold
from plugins_engine import BaseCheckpoint, Concept, Judge, OnProgress, SampleRequest, Weighted, generate, seen


def draw_again(
    base: BaseCheckpoint,
    sample: tuple[str, int],
    drawn_on: BaseModel,
    plugins: Sequence[Weighted],
    on_progress: OnProgress,
) -> Image.Image:
    """Draw one sample, given by its prompt and seed."""
    prompt, seed = sample
    request = SampleRequest(
        prompt=prompt,
        seed=seed,
        steps=drawn_on.default_steps,
        guidance=drawn_on.default_guidance,
        plugins=plugins,
    )
    (picture,) = generate(base, request, on_progress)
    return picture


def shares_seen(
    judge: Judge | None, sold: Sold, drawn: Mapping[str, Sequence[Image.Image]]
) -> dict[str, float] | None:
    """Give the share of pictures in which the judge sees the concept, at each stage; None where nobody can tell."""
    concept = Concept(sold.name, sold.kind)
    if judge is None or not judge.knows(concept):
        return None
    return {
        stage: seen(judge.verdicts(pictures), [[concept]] * len(pictures)).rate
        for stage, pictures in drawn.items()
    }
