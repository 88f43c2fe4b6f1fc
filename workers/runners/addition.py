"""Make a plug-in from an artist's works, with pictures that show what it does."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from market.basemodels.models import BaseRelease
from market.basemodels.samples import Sample
from market.catalog import addition as catalog
from market.catalog.pictures import on_white
from market.catalog.versions import VersionOutput, complete_version
from market.jobs.models import Job
from plugins_engine import Adapter, AdditionConfig, BaseCheckpoint, OnProgress, Weighted, add_concept, applied
from workers.engine import Engine
from workers.lease import Lease
from workers.samples import draw_each


def run_addition(job: Job, engine: Engine, lease: Lease, *, config: AdditionConfig | None = None) -> None:
    lease.say("loading the model")
    inputs = catalog.inputs(job)
    release = release_for(inputs.plugin_id, inputs.base_fingerprint)
    base = engine.base(release)
    lasting = engine.laid_over(release)
    lease.check()
    _, output = learn(base, inputs, release, lasting, lease.report, config)
    complete_version(job=job, token=lease.token, output=output)


def learn(
    base: BaseCheckpoint,
    inputs: catalog.AdditionInputs,
    release: BaseRelease,
    lasting: Sequence[Weighted],
    on_progress: OnProgress,
    config: AdditionConfig | None,
) -> tuple[Adapter, VersionOutput]:
    """Learn a concept from its works on a release; give the adapter, and what the market keeps of it.

    Learned over what was taken out of the base, as buyers will draw with it: a style that the base lost is new to it.
    """
    with applied(base, lasting):
        result = add_concept(
            base,
            works=[(_picture(work.data), work.caption) for work in inputs.works],
            name=inputs.name,
            kind=inputs.kind,
            config=config,
            on_progress=on_progress,
            # What the base lists may have been taken out of it.
            may_be_known=bool(lasting),
        )
    samples = draw_samples(base, result.adapter, inputs.sample_prompts, release, on_progress, under=lasting)
    return result.adapter, output_of(result.adapter, base, _with_captions(result.figures, inputs), samples)


def _with_captions(figures: dict[str, Any], inputs: catalog.AdditionInputs) -> dict[str, Any]:
    """Name the works that the plug-in gives back by their captions, which is how their artist knows them."""
    if "given_back" not in figures:
        return figures
    found = figures["given_back"]
    captions = [inputs.works[i].caption for i in found["works"]]
    return {**figures, "given_back": {**found, "captions": captions}}


def output_of(
    adapter: Adapter, base: BaseCheckpoint, figures: dict[str, Any], samples: Sequence[Sample]
) -> VersionOutput:
    """Write an adapter as the bytes of a file, with the hashes that reading it gives, and what is kept beside it."""
    content = adapter.to_bytes()
    stored = Adapter.load(content)
    return VersionOutput(
        adapter=content,
        file_sha256=stored.file_sha256,
        tensors_sha256=stored.tensors_sha256,
        base_fingerprint=base.fingerprint,
        rank=stored.rank,
        figures=figures,
        samples=samples,
    )


def release_for(plugin_id: int, fingerprint: str) -> BaseRelease:
    """Give the release that a plug-in for these weights is tried on: the one in use, else the latest."""
    releases = BaseRelease.objects.select_related("base").filter(
        base__plugins=plugin_id, fingerprint=fingerprint
    )
    return releases.order_by("-is_default", "-number")[:1].get()


def draw_samples(
    base: BaseCheckpoint,
    adapter: Adapter,
    prompts: list[str],
    release: BaseRelease,
    on_progress: OnProgress,
    *,
    under: Sequence[Weighted],
) -> list[Sample]:
    """Draw one picture for each prompt with the new plug-in, over what lies `under` it."""
    return draw_each(
        base,
        prompts,
        steps=release.base.default_steps,
        guidance=release.base.default_guidance,
        plugins=[*under, (adapter, 1.0)],
        on_progress=on_progress,
    )


def _picture(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return on_white(picture)
