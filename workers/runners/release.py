"""Merge what was approved to be taken out of a base, test it as a whole, and every plug-in on sale with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from PIL import Image

from market.basemodels.models import BaseRelease
from market.basemodels.samples import Sample
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.on_release import as_on, restores
from market.catalog.versions import sample_prompts
from market.extractions.building import (
    FIXED,
    BuildOutput,
    RetestOutput,
    complete_build,
    fixed_prompts,
    keep_merged,
)
from market.extractions.models import Extraction, ReleaseBuild
from market.extractions.releases import Weights
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    KINDS,
    STAGES,
    Adapter,
    BadRequest,
    BaseCheckpoint,
    CombinedErasers,
    ErasedConcept,
    Erasure,
    Grid,
    Judge,
    OnProgress,
    Pace,
    Progress,
    ReleaseConfig,
    SampleRequest,
    Weighted,
    check_release,
    combine_erasers,
    evenly,
    generate,
    generate_each,
    judge_for,
    judge_of,
    moved,
)
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.addition import draw_samples
from workers.runners.extraction import as_png, png, to_store
from workers.samples import SAMPLE_SEED

SAMPLES = 6


def run_release(job: Job, engine: Engine, lease: Lease, *, config: ReleaseConfig | None = None) -> None:
    lease.say("loading the model")
    config = config or ReleaseConfig()
    build = ReleaseBuild.objects.select_related("base").get(job=job)
    base = engine.base_of(build.base, build.base_fingerprint)
    lease.check()
    extractions = [
        part.extraction for part in build.parts.select_related("extraction", "extraction__concept")
    ]
    taken = [_taken_out(engine, each) for each in extractions]
    merged = _merged(build, base, extractions, taken, engine, lease, config)
    judge = judge_of(base)
    known = all(judge_for(base, each.erasure) for each in taken)
    test = check_release(base, taken, merged, judge if known else None, config, lease.report)
    before = build.base.default_release()
    lasting: list[Weighted] = [(merged.eraser, 1.0)]
    restoring = {each.version_id: plugin for each, plugin in zip(extractions, merged.plugins, strict=True)}
    samples: dict[int, list[Sample]] = {}
    for each, plugin in zip(extractions, merged.plugins, strict=True):
        if each.concept_id is not None and each.version_id is None:
            prompts = evenly(each.erasure["targets"], SAMPLES)
            samples[each.pk] = draw_samples(base, plugin, prompts, before, lease.report, under=lasting)
    retests = []
    for version in _on_sale(build, before):
        now = [*lasting, *_restored(engine, version, restoring)]
        then = engine.laid_over(before, [(version, 1.0)])
        retests.append(_retest(base, version, before, then, now, judge, lease.report))
    try:
        complete_build(
            job=job,
            token=lease.token,
            output=BuildOutput(
                figures=test.figures,
                grids=as_png(test.grids | _fixed(build, base, lasting)),
                samples=samples,
                retests=retests,
            ),
        )
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadRequest(str(refusal)) from refusal


def _restored(
    engine: Engine, version: PlugInVersion, restoring: Mapping[int | None, Adapter]
) -> list[Weighted]:
    """Give what a version is on the new release: nothing where it restores what that release never lost."""
    if version.pk in restoring:
        return [(restoring[version.pk], 1.0)]
    return [] if restores(version) else [(engine.adapter(version), 1.0)]


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


def _merged(
    build: ReleaseBuild,
    base: BaseCheckpoint,
    extractions: Sequence[Extraction],
    taken: Sequence[ErasedConcept],
    engine: Engine,
    lease: Lease,
    config: ReleaseConfig,
) -> CombinedErasers:
    """Merge, or take up what an earlier attempt merged."""
    if not build.eraser_tensors_sha256:
        done = combine_erasers(base, taken, config, lease.report)
        plugins = dict(
            zip((each.pk for each in extractions), (to_store(each) for each in done.plugins), strict=True)
        )
        keep_merged(build, token=lease.token, eraser=to_store(done.eraser), plugins=plugins)
    eraser = Weights(str(build.eraser_file.name), build.eraser_tensors_sha256, f"the eraser of {build}")
    parts = build.parts.order_by("position")
    return CombinedErasers(
        engine.stored(eraser),
        tuple(
            engine.stored(Weights(str(part.plugin_file.name), part.plugin_tensors_sha256, str(part)))
            for part in parts
        ),
    )


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


def _on_sale(build: ReleaseBuild, before: BaseRelease) -> list[PlugInVersion]:
    """List what buyers draw with on this base, where it fits the weights."""
    plugins = PlugIn.objects.published().filter(base=build.base).order_by("pk")
    found = plugins.select_related("current_version__plugin__concept", "current_version__plugin__base")
    versions = [plugin.current_version for plugin in as_on(before, found)]
    # A combination for one release is offered on no other, so there is nothing to look at.
    return [
        each
        for each in versions
        if each and each.base_fingerprint == before.fingerprint and each.only_release_id is None
    ]


def _retest(
    base: BaseCheckpoint,
    version: PlugInVersion,
    before: BaseRelease,
    then: Sequence[Weighted],
    now: Sequence[Weighted],
    judge: Judge | None,
    on_progress: OnProgress,
) -> RetestOutput:
    """Draw a version's samples, with their seeds, as they are drawn now and as they would be."""
    samples, concept = samples_of(version), version.plugin.concept
    pace = Pace(2 * len(samples))
    drawn: dict[str, list[Image.Image]] = {"before": [], "after": []}
    for prompt, seed in samples:
        for stage, plugins in (("before", then), ("after", now)):
            request = SampleRequest(
                prompt=prompt,
                seed=seed,
                steps=before.base.default_steps,
                guidance=before.base.default_guidance,
                plugins=plugins,
            )
            done = sum(map(len, drawn.values()))
            report = partial(_stepped, on_progress, done=done, pace=pace, called=concept.name)
            (picture,) = generate(base, request, report)
            drawn[stage].append(picture)
    figures: dict[str, object] = {"moved": moved(drawn["before"], drawn["after"]), "pictures": len(samples)}
    if judge is not None and (accuracy := seen(judge, concept.name, concept.kind, drawn)):
        figures["accuracy"] = accuracy
    stages = tuple(drawn)
    rows = [(prompt, [png(drawn[stage][i]) for stage in stages]) for i, (prompt, _) in enumerate(samples)]
    return RetestOutput(version.pk, before.pk, figures, {"samples": (stages, rows)})


def samples_of(version: PlugInVersion) -> list[tuple[str, int]]:
    """Give the prompts and seeds that a version is drawn again with."""
    samples: list[tuple[str, int]] = [(each.prompt, each.seed) for each in version.samples.all()]
    if samples:
        return samples
    prompts = sample_prompts(version.plugin.concept, version.plugin.base)
    return [(prompt, SAMPLE_SEED + i) for i, prompt in enumerate(prompts)]


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


def seen(judge: Judge, name: str, kind: str, drawn: dict[str, list[Image.Image]]) -> dict[str, float] | None:
    """Give the share of pictures in which the judge sees the concept, at each stage; None where it knows no such."""
    if kind not in KINDS:
        return None
    head = KINDS.index(kind)
    if name.lower() not in [each.lower() for each in (judge.styles, judge.subjects)[head]]:
        return None
    shares = {}
    for stage, pictures in drawn.items():
        named = [(each.style, each.subject)[head].lower() for each in judge.verdicts(pictures)]
        shares[stage] = named.count(name.lower()) / len(named)
    return shares
