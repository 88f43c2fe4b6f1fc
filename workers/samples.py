"""Pictures that show what a base, or a plug-in on it, does."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from market.basemodels.samples import Sample
from plugins_engine import Adapter, BaseCheckpoint, OnProgress, Progress, SampleRequest, generate

SAMPLE_SEED = 1


def draw_each(
    base: BaseCheckpoint,
    prompts: Sequence[str],
    *,
    steps: int,
    guidance: float,
    plugins: Sequence[tuple[Adapter, float]] = (),
    on_progress: OnProgress,
) -> list[Sample]:
    """Draw one picture for each prompt; progress counts over all of them."""
    samples = []
    for index, prompt in enumerate(prompts):

        def report(progress: Progress, index: int = index) -> None:
            on_progress(
                replace(
                    progress,
                    step=index * progress.steps + progress.step,
                    steps=len(prompts) * progress.steps,
                    message="drawing samples",
                    seconds_left=None,
                )
            )

        request = SampleRequest(
            prompt=prompt, seed=SAMPLE_SEED + index, steps=steps, guidance=guidance, plugins=plugins
        )
        (picture,) = generate(base, request, report)
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        samples.append(Sample(prompt=prompt, seed=request.seed, png=buffer.getvalue()))
    return samples
