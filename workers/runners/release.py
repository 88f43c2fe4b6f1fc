"""Merge what was approved to be taken out of a base, test it as a whole, and every plug-in on sale with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PIL import Image

from market.basemodels.models import BaseRelease
from market.basemodels.samples import SAMPLE_SEED, Sample
from market.catalog.models import PlugInVersion
from market.extractions.building import (
    FIXED,
    BuildOutput,
    RetestOutput,
    complete_build,
    fixed_prompts,
    wanted_samples,
)
from market.extractions.merging import Merged, keep_merged, merged_for, weights_in
from market.extractions.models import Extraction, ReleaseBuild
from market.extractions.releases import Weights
from market.extractions.retesting import on_sale, samples_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    STAGES,
    BadRequest,
    BaseCheckpoint,
    Checkpoints,
    CombinedErasers,
    ErasedConcept,
    Erasure,
    Grid,
    Judge,
    OnProgress,
    Pace,
    Progress,
    ReleaseConfig,
    Weighted,
    check_release,
    combine_erasers,
    generate_each,
    judge_for,
    judge_of,
    moved,
)
from workers.adapters import to_store
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.pictures import grids_of, png
from workers.retests import draw_again, shares_seen
from workers.samples import draw_samples


def run_release(job: Job, engine: Engine, lease: Lease, *, config: ReleaseConfig | None = None) -> None:
    lease.say("loading the model")
    config = config or ReleaseConfig()
    build = ReleaseBuild.objects.select_related("base").get(job=job)
    base = engine.base_of(build.base, build.base_fingerprint)
    lease.check()
    extractions = [part.extraction for part in build.parts.select_related("extraction")]
    taken = [_taken_out(engine, each) for each in extractions]
    checkpoints = checkpoints_of(job)
    kept = merged_for(build) or _merge(build, base, extractions, taken, lease, config, checkpoints)
    merged = CombinedErasers(engine.stored(kept.eraser), tuple(engine.stored(each) for each in kept.plugins))
    judge = judge_of(base)
    known = all(judge_for(base, each.erasure) for each in taken)
    test = check_release(
        base, taken, merged, judge if known else None, config, lease.report, checkpoints=checkpoints
    )
    before = build.base.default_release()
    lasting: list[Weighted] = [(merged.eraser, 1.0)]
    plugins = {each.pk: plugin for each, plugin in zip(extractions, merged.plugins, strict=True)}
    samples: dict[int, list[Sample]] = {
        extraction: draw_samples(base, plugins[extraction], prompts, before, lease.report, under=lasting)
        for extraction, prompts in wanted_samples(build).items()
    }
    retests = []
    for version in on_sale(before):
        then = engine.laid_over(before, [(version, 1.0)])
        weights = weights_in(build, version)
        now = lasting if weights is None else [*lasting, (engine.stored(weights), 1.0)]
        retests.append(_retest(base, version, before, then, now, judge, lease.report, checkpoints))
    try:
        output = BuildOutput(
            figures=test.figures,
            grids=grids_of(test.grids | _fixed(build, base, lasting)),
            samples=samples,
            retests=retests,
        )
        patiently(lambda: complete_build(job=job, token=lease.token, output=output))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadRequest(str(refusal)) from refusal


def _taken_out(engine: Engine, extraction: Extraction) -> ErasedConcept:
    said = extraction.erasure
    erasure = Erasure(
        said["name"],
        said["kind"],
        said["anchor"],
        tuple(said["targets"]),
        tuple(said["anchors"]),
        tuple(said["retained"]),
    )
    eraser, plugin = (
        engine.stored(Weights(str(file.name), tensors, f"the {which} of {extraction}"))
        for file, tensors, which in (
            (extraction.eraser_file, extraction.eraser_tensors_sha256, "eraser"),
            (extraction.plugin_file, extraction.plugin_tensors_sha256, "plug-in"),
        )
    )
    return ErasedConcept(erasure, eraser, plugin)


def _merge(
    build: ReleaseBuild,
    base: BaseCheckpoint,
    extractions: Sequence[Extraction],
    taken: Sequence[ErasedConcept],
    lease: Lease,
    config: ReleaseConfig,
    checkpoints: Checkpoints,
) -> Merged:
    done = combine_erasers(base, taken, config, lease.report, checkpoints=checkpoints)
    plugins = dict(
        zip((each.pk for each in extractions), (to_store(each) for each in done.plugins), strict=True)
    )
    return keep_merged(build, token=lease.token, eraser=to_store(done.eraser), plugins=plugins)


def _fixed(build: ReleaseBuild, base: BaseCheckpoint, lasting: Sequence[Weighted]) -> dict[str, Grid]:
    """Draw what every release of a base draws, so that any two can be laid side by side."""
    prompts = fixed_prompts(build.base)
    drawn = [
        generate_each(
            base,
            prompts,
            seed=SAMPLE_SEED,
            steps=build.base.default_steps,
            guidance=build.base.default_guidance,
            plugins=plugins,
        )
        for plugins in ((), lasting)
    ]
    rows = [(prompt, [pictures[i] for pictures in drawn]) for i, prompt in enumerate(prompts)]
    return {FIXED: (STAGES[:2], rows)} if rows else {}


def _retest(
    base: BaseCheckpoint,
    version: PlugInVersion,
    before: BaseRelease,
    then: Sequence[Weighted],
    now: Sequence[Weighted],
    judge: Judge | None,
    on_progress: OnProgress,
    checkpoints: Checkpoints,
) -> RetestOutput:
    """Draw a version's samples, with their seeds, as they are drawn now and as they would be."""
    samples, concept = samples_of(version), version.plugin.concept
    pace = Pace(2 * len(samples))
    request = {
        "base": base.state,
        "samples": samples,
        "drawing": (before.base.default_steps, before.base.default_guidance),
        "plug-ins": [[(each.tensors_sha256, weight) for each, weight in some] for some in (then, now)],
    }
    checkpoint = checkpoints.of(f"retest of {version.pk}", request)
    drawn: dict[str, list[Image.Image]] = {"before": [], "after": []}
    for number, sample in enumerate(samples):
        for stage, plugins in (("before", then), ("after", now)):
            done, part = sum(map(len, drawn.values())), f"{number} {stage}"
            if (kept := checkpoint.pictures(part)) is not None:
                drawn[stage] += kept
                pace.skip(1)
                continue
            report = partial(_stepped, on_progress, done=done, pace=pace, called=concept.name)
            picture = draw_again(base, sample, before.base, plugins, report)
            checkpoint.keep_pictures(part, [picture])
            drawn[stage].append(picture)
    figures: dict[str, object] = {"moved": moved(drawn["before"], drawn["after"]), "pictures": len(samples)}
    if accuracy := shares_seen(judge, concept, drawn):
        figures["accuracy"] = accuracy
    stages = tuple(drawn)
    rows = [(prompt, [png(drawn[stage][i]) for stage in stages]) for i, (prompt, _) in enumerate(samples)]
    return RetestOutput(version.pk, before.pk, figures, {"samples": (stages, rows)})


def _stepped(on_progress: OnProgress, progress: Progress, done: int, pace: Pace, called: str) -> None:
    on_progress(
        replace(
            progress,
            step=done,
            steps=pace.steps,
            message=f"drawing {called} on both releases",
            seconds_left=pace.seconds_left(done),
        )
    )
