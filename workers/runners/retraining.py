"""Train a plug-in again for a release that it dropped on, and draw its retest's samples with what comes of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PIL import Image

from market.catalog import addition as catalog
from market.extractions.grids import Grids
from market.extractions.models import Retest, RetestPicture, Retraining
from market.extractions.retesting import samples_of
from market.extractions.retraining import TRAINED_AGAIN, RetrainingOutput, complete_retraining, release_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    AdditionConfig,
    BadRequest,
    BaseCheckpoint,
    OnProgress,
    Progress,
    Weighted,
    judge_of,
    moved,
)
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.learning import learn
from workers.lease import Lease
from workers.patience import patiently
from workers.pictures import png
from workers.retests import draw_again, shares_seen


def run_retraining(job: Job, engine: Engine, lease: Lease, *, config: AdditionConfig | None = None) -> None:
    lease.say("loading the model")
    begun = Retraining.objects.select_related(
        "retest__build__release__base", "retest__version__plugin__concept", "retest__version__plugin__base"
    ).get(job=job)
    inputs, release = catalog.inputs(job), release_of(begun.retest)
    base = engine.base(release)
    lasting = engine.laid_over(release)
    lease.check()
    adapter, made = learn(base, inputs, release, lasting, lease.report, config, checkpoints_of(job))
    figures, grids = _drawn_again(base, begun.retest, [*lasting, (adapter, 1.0)], lease.report)
    try:
        output = RetrainingOutput(made, figures, grids)
        patiently(lambda: complete_retraining(job=job, token=lease.token, output=output))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadRequest(str(refusal)) from refusal


def _drawn_again(
    base: BaseCheckpoint, retest: Retest, plugins: list[Weighted], on_progress: OnProgress
) -> tuple[dict[str, object], Grids]:
    """Draw a retest's samples once more, and measure them against those of the release in use before it."""
    concept, registered = retest.version.plugin.concept, retest.version.plugin.base
    samples = samples_of(retest.version)
    report = partial(_say, on_progress)
    drawn = [draw_again(base, sample, registered, plugins, report) for sample in samples]
    before = [_opened(each) for each in retest.grid.filter(stage="before").order_by("row")]
    figures: dict[str, object] = {"moved": moved(before, drawn), "pictures": len(drawn)}
    known = retest.figures.get("accuracy")
    if known and (after := shares_seen(judge_of(base), concept, {"after": drawn})):
        figures["accuracy"] = {"before": known["before"], **after}
    rows = [(prompt, [png(picture)]) for (prompt, _), picture in zip(samples, drawn, strict=True)]
    return figures, {"samples": ((TRAINED_AGAIN,), rows)}


def _say(on_progress: OnProgress, progress: Progress) -> None:
    on_progress(replace(progress, message="drawing its samples on the release"))


def _opened(kept: RetestPicture) -> Image.Image:
    with kept.file.open("rb") as stored, Image.open(stored) as picture:
        return picture.convert("RGB")
