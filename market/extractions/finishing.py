"""The end of an extraction: its files, figures and pictures are kept together with its job's success, or nothing is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from market.extractions.grids import Grids, rows_of
from market.extractions.models import Extraction, ExtractionPicture, ExtractionState, key_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from market.stored_files import files_undone


@dataclass(frozen=True)
class StoredAdapter:
    """The bytes of an adapter file, and the hash of its tensors."""

    content: bytes
    file_sha256: str
    tensors_sha256: str

    def check(self, called: str) -> None:
        found = hashlib.sha256(self.content).hexdigest()
        if found != self.file_sha256:
            raise BadResult(f"The {called} has the SHA-256 {found}, but {self.file_sha256} was reported.")


@dataclass(frozen=True)
class ExtractionOutput:
    """What a worker made and measured. `erasure` has the prompts that it was made with."""

    eraser: StoredAdapter
    plugin: StoredAdapter
    rank: int
    erasure: Mapping[str, Any]
    figures: Mapping[str, Any]
    grids: Grids


def complete_extraction(*, job: Job, token: int, output: ExtractionOutput) -> Extraction:
    """Keep what a worker made, for the owner's decision.

    Raises BadResult, and jobs' LeaseLost if the attempt no longer holds the job. Then nothing is kept.
    """
    output.eraser.check("eraser")
    output.plugin.check("plug-in")
    with files_undone() as written, transaction.atomic():
        Job.objects.succeed(job.pk, token=token, result={})
        extraction = Extraction.objects.select_for_update().get(job=job, state=ExtractionState.MAKING)
        extraction.eraser_file = ContentFile(output.eraser.content, name="eraser")
        extraction.plugin_file = ContentFile(output.plugin.content, name="plugin")
        extraction.eraser_file_sha256 = output.eraser.file_sha256
        extraction.eraser_tensors_sha256 = output.eraser.tensors_sha256
        extraction.plugin_file_sha256 = output.plugin.file_sha256
        extraction.plugin_tensors_sha256 = output.plugin.tensors_sha256
        extraction.rank = output.rank
        extraction.erasure = dict(output.erasure)
        if key_of(output.erasure["name"]) == extraction.key:
            extraction.name = output.erasure["name"]  # as the base knows it, whatever was typed
        extraction.figures = dict(output.figures)
        extraction.state = ExtractionState.READY
        written += [extraction.eraser_file, extraction.plugin_file]
        extraction.save()
        pictures = rows_of(ExtractionPicture, output.grids, of=extraction)
        written += [each.file for each in pictures]
        ExtractionPicture.objects.bulk_create(pictures)
        Job.objects.filter(pk=job.pk).update(result={"extraction": extraction.pk})
        return extraction
