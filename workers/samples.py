"""Pictures that show what a base, or a plug-in on it, does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from market.basemodels.models import BaseRelease
from market.basemodels.samples import SAMPLE_SEED, Sample
from plugins_engine import Adapter, BaseCheckpoint, OnProgress, Progress, SampleRequest, Weighted, generate
from workers.pictures import png


def draw_each(
    base: BaseCheckpoint,
    prompts: Sequence[str],
    *,
    steps: int,
    guidance: float,
    plugins: Sequence[Weighted] = (),
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
        samples.append(Sample(prompt=prompt, seed=request.seed, png=png(picture)))
    return samples


def draw_samples(
    base: BaseCheckpoint,
    adapter: Adapter,
    prompts: Sequence[str],
    release: BaseRelease,
    on_progress: OnProgress,
    *,
    under: Sequence[Weighted],
) -> list[Sample]:
    """Draw two pictures for each prompt, over what lies `under` them: with the new plug-in, and without it."""

    def draw(plugins: Sequence[Weighted], before: int) -> list[Sample]:
        def report(progress: Progress) -> None:
            step = before * progress.steps + progress.step
            on_progress(replace(progress, step=step, steps=2 * progress.steps))

        return draw_each(
            base,
            prompts,
            steps=release.base.default_steps,
            guidance=release.base.default_guidance,
            plugins=plugins,
            on_progress=report,
        )

    drawn = zip(draw([*under, (adapter, 1.0)], 0), draw(under, 1), strict=True)
    return [replace(sample, plain=plain.png) for sample, plain in drawn]
