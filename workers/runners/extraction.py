"""Take a concept out of a base, and measure what that did."""

from __future__ import annotations

from dataclasses import asdict

from market.extractions.finishing import ExtractionOutput, complete_extraction
from market.extractions.models import Extraction
from market.jobs.models import Job
from plugins_engine import (
    ExaminationConfig,
    ExtractionConfig,
    ExtractionMethod,
    examine,
    extract_concept,
    judge_for,
    known_prompts,
    plan_erasure,
)
from workers.adapters import to_store
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.pictures import grids_of


def run_extraction(
    job: Job,
    engine: Engine,
    lease: Lease,
    *,
    config: ExtractionConfig | None = None,
    examination: ExaminationConfig | None = None,
) -> None:
    lease.say("loading the model")
    extraction = Extraction.objects.select_related("base").get(job=job)
    base = engine.base_of(extraction.base, extraction.base_fingerprint)
    lease.check()
    retained = extraction.retained or known_prompts(base.directory.path, without=extraction.aliases)
    erasure = plan_erasure(base, extraction.name, extraction.kind, extraction.anchor, retained)
    method: ExtractionMethod = extraction.method  # type: ignore[assignment]  # a constraint keeps it among the engine's
    checkpoints = checkpoints_of(job)
    result = extract_concept(base, erasure, method, config, lease.report, checkpoints=checkpoints)
    measured = examine(
        base,
        result,
        judge_for(base, erasure),
        examination or ExaminationConfig(pictures=extraction.pictures),
        lease.report,
        checkpoints=checkpoints,
    )
    output = ExtractionOutput(
        eraser=to_store(result.eraser),
        plugin=to_store(result.plugin),
        rank=result.rank,
        erasure=asdict(erasure),
        figures=measured.figures | {"groups": list(measured.groups)},
        grids=grids_of(measured.grids),
    )
    patiently(lambda: complete_extraction(job=job, token=lease.token, output=output))
