"""Measure what a base model, or a base with a plug-in laid over it, reproduces and predicts of a claim's works."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from PIL import Image

from market.claims import measuring as claims
from market.jobs.models import Job
from plugins_engine import (
    EvidenceConfig,
    Nearest,
    StageReport,
    applied,
    evidence_content,
    evidence_sentences,
    find_membership,
    find_reproductions,
)
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.pictures import opened, png


def run_evidence(job: Job, engine: Engine, lease: Lease, *, config: EvidenceConfig | None = None) -> None:
    config = config or EvidenceConfig(seeds=claims.SEEDS)
    lease.say("loading the model")
    inputs = claims.inputs(job)
    base = engine.base_of(inputs.base, inputs.base_fingerprint)
    lease.check()
    works = [_captioned(each) for each in inputs.works]
    controls = [_captioned(each) for each in inputs.controls]
    report, checkpoints = StageReport(lease.report), checkpoints_of(job)
    with ExitStack() as stack:
        if inputs.version is not None:
            stack.enter_context(applied(base, [(engine.adapter(inputs.version), 1.0)]))
        membership = find_membership(base, works, controls, config, report, checkpoints=checkpoints)
        reproduction = find_reproductions(
            base, works, controls, inputs.prompts, config, report, checkpoints=checkpoints
        )
    output = claims.EvidenceOutput(
        figures=evidence_content(membership, reproduction),
        sentences=evidence_sentences(reproduction),
        settings=vars(config),
        works=_drawn(reproduction.works),
        controls=_drawn(reproduction.controls),
    )
    patiently(lambda: claims.complete_evidence(job=job, token=lease.token, output=output))


def _captioned(picture: claims.Captioned) -> tuple[Image.Image, str]:
    return opened(picture.data), picture.caption


def _drawn(found: Sequence[Nearest]) -> list[claims.Drawn]:
    return [claims.Drawn(each.distance, each.prompt, each.seed, png(each.picture)) for each in found]
