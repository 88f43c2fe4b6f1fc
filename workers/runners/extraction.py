"""Take a concept out of a base, and measure what that did."""

from __future__ import annotations

import io
from dataclasses import asdict

from PIL import Image

from market.extractions.finishing import ExtractionOutput, StoredAdapter, complete_extraction
from market.extractions.grids import Grids
from market.extractions.models import Extraction
from market.jobs.models import Job
from plugins_engine import (
    Adapter,
    ExaminationConfig,
    ExtractionConfig,
    ExtractionMethod,
    Grid,
    calls,
    examine,
    extract_concept,
    judge_for,
    known_prompts,
    plan_erasure,
)
from workers.engine import Engine
from workers.lease import Lease


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
    retained = extraction.retained or [
        prompt
        for prompt in known_prompts(base.directory.path)
        if not any(calls(alias, prompt) for alias in extraction.aliases)
    ]
    erasure = plan_erasure(base, extraction.name, extraction.kind, extraction.anchor, retained)
    method: ExtractionMethod = extraction.method  # type: ignore[assignment]  # a constraint keeps it among the engine's
    result = extract_concept(base, erasure, method, config, lease.report)
    measured = examine(
        base,
        result,
        judge_for(base, erasure),
        examination or ExaminationConfig(pictures=extraction.pictures),
        lease.report,
    )
    complete_extraction(
        job=job,
        token=lease.token,
        output=ExtractionOutput(
            eraser=to_store(result.eraser),
            plugin=to_store(result.plugin),
            rank=result.rank,
            erasure=asdict(erasure),
            figures=measured.figures | {"groups": list(measured.groups)},
            grids=as_png(measured.grids),
        ),
    )


def to_store(adapter: Adapter) -> StoredAdapter:
    """Write an adapter as the bytes of a file, with the hashes that reading it gives."""
    content = adapter.to_bytes()
    stored = Adapter.load(content)
    return StoredAdapter(content, stored.file_sha256, stored.tensors_sha256)


def as_png(grids: dict[str, Grid]) -> Grids:
    return {
        title: (columns, [(prompt, [png(each) for each in pictures]) for prompt, pictures in rows])
        for title, (columns, rows) in grids.items()
    }


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
