"""Carry a plug-in over to the next generation of its base, and draw its samples on both."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from market.basemodels.models import BaseRelease
from market.carrying.finishing import CarriedOutput, complete_carrying
from market.carrying.models import CarryOver
from market.carrying.starting import calling_prompts
from market.catalog.versions import sample_prompts
from market.extractions.grids import Grids
from market.extractions.retesting import samples_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    BadRequest,
    BaseCheckpoint,
    CarryingConfig,
    OnProgress,
    Progress,
    Weighted,
    applied,
    carry,
)
from workers.adapters import output_of
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.pictures import png
from workers.retests import draw_again
from workers.samples import draw_samples


def run_carrying(job: Job, engine: Engine, lease: Lease, *, config: CarryingConfig | None = None) -> None:
    lease.say("loading both models")
    begun = CarryOver.objects.with_everything().get(job=job)
    old, new = (each.default_release() for each in (begun.upgrade.source, begun.upgrade.target))
    source, target = engine.base(old), engine.base(new)
    under_old, under_new = engine.laid_over(old), engine.laid_over(new)
    adapter = engine.adapter(begun.version)
    lease.check()
    # Over what was taken out of either, as buyers draw.
    with applied(source, under_old), applied(target, under_new):
        carried = carry(
            source,
            target,
            adapter,
            calling_prompts(begun.version),
            config,
            lease.report,
            checkpoints=checkpoints_of(job),
        )
    figures = carried.figures
    made = None
    if carried.is_good_enough:
        concept = begun.version.plugin.concept
        prompts = sample_prompts(concept, begun.upgrade.target)
        samples = draw_samples(target, carried.adapter, prompts, new, lease.report, under=under_new)
        made = output_of(carried.adapter, target, figures, samples)
    grids = _beside(
        begun,
        (source, old, [*under_old, (adapter, 1.0)]),
        (target, new, [*under_new, (carried.adapter, 1.0)]),
        lease.report,
    )
    try:
        output = CarriedOutput(made, figures, grids)
        patiently(lambda: complete_carrying(job=job, token=lease.token, output=output))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadRequest(str(refusal)) from refusal


Drawing = tuple[BaseCheckpoint, BaseRelease, list[Weighted]]


def _beside(begun: CarryOver, before: Drawing, after: Drawing, on_progress: OnProgress) -> Grids:
    """Draw the plug-in's samples on the old base and on the new one."""
    report = partial(_say, on_progress)
    rows = []
    for sample in samples_of(begun.version):
        drawn = [
            draw_again(base, sample, release.base, plugins, report)
            for base, release, plugins in (before, after)
        ]
        rows.append((sample[0], [png(each) for each in drawn]))
    return {"samples": ((begun.upgrade.source.name, begun.upgrade.target.name), rows)}


def _say(on_progress: OnProgress, progress: Progress) -> None:
    on_progress(replace(progress, message="drawing its samples on both"))
