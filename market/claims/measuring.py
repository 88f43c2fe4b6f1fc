"""The evidence of a claim: the job that measures it, and its report, signed with the market's key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugInVersion
from market.claims import mails
from market.claims.deadlines import answer_within
from market.claims.models import (
    Claim,
    ClaimPicture,
    ClaimState,
    EvidencePair,
    EvidenceReport,
    PictureSort,
)
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.jobs.room import require_room
from market.ledger.signing import signer
from market.refusals import Refused, gone_on
from market.stored_files import files_undone

KIND = "evidence"
MAX_WAITING = 3
"""The most unfinished evidence reports of one claimant."""
FORMAT = "plug-in market evidence 1"
# These bound the cost of one report: each prompt is drawn with SEEDS seeds, and each picture is measured at many noise levels.
SEEDS = 16
MAX_WORKS = 24
MIN_CONTROLS = 8  # as the engine has it: fewer do not show what is usual
MAX_CONTROLS = 32


@dataclass(frozen=True)
class Captioned:
    """An encoded picture, PNG or WebP, and what it shows."""

    data: bytes
    caption: str


@dataclass(frozen=True)
class EvidenceInputs:
    """All that a worker needs to know. For a plug-in, the base is measured with its version laid over it."""

    base: BaseModel
    base_fingerprint: str
    version: PlugInVersion | None
    prompts: list[str]
    works: list[Captioned]
    controls: list[Captioned]


@dataclass(frozen=True)
class Drawn:
    """The generated picture that came nearest to a picture of the claim."""

    distance: float
    prompt: str
    seed: int
    png: bytes


@dataclass(frozen=True)
class EvidenceOutput:
    """What a worker found: the engine's figures and sentences, its settings, and the nearest picture to each work and control."""

    figures: dict[str, Any]
    sentences: dict[str, str]
    settings: dict[str, Any]
    works: Sequence[Drawn]
    controls: Sequence[Drawn]


def begin_measuring(claim: Claim, by: User) -> Job:
    """Queue the job that makes the evidence of a submitted claim. Raises Refused."""
    works, controls = (_numbers(claim, sort) for sort in (PictureSort.WORK, PictureSort.CONTROL))
    if claim.state != ClaimState.SUBMITTED or claim.is_measuring:
        raise Refused("The evidence is being made, or the claim has gone on without it.")
    if len(controls) < MIN_CONTROLS:
        raise Refused(f"Add at least {MIN_CONTROLS} controls first; there are {len(controls)}.")
    version = claim.plugin.current_version if claim.plugin else None
    base = claim.base or (claim.plugin.base if claim.plugin else None)
    if base is None or (claim.plugin and version is None):
        raise Refused(f"{claim.target} has no version that could be measured.")
    require_room(claim.claimant, KIND, most=MAX_WAITING, named="evidence reports")
    job = Job.objects.enqueue(
        kind=KIND,
        owner=claim.claimant,
        parameters={
            "claim": claim.pk,
            "target": claim.target,
            "base": base.pk,
            "base_fingerprint": version.base_fingerprint if version else base.fingerprint,
            "version": version.pk if version else None,
            "works": works,
            "controls": controls,
        },
        work_units=len(claim.prompts) * SEEDS + len(works) + len(controls),
    )
    if not claim.measure(by, job, claim.job):
        raise gone_on("claim")
    return job


def stop_measuring(claim: Claim) -> None:
    """Cancel the job once the answer is kept: a worker that is just finishing locks the job first, then the claim."""
    if claim.job_id is not None:
        transaction.on_commit(partial(Job.objects.request_cancel, claim.job_id), robust=True)


def inputs(job: Job) -> EvidenceInputs:
    """Read what a worker needs for a job made by `begin_measuring`."""
    asked = job.parameters
    claim = Claim.objects.get(pk=asked["claim"])
    version = None
    if asked["version"] is not None:
        version = PlugInVersion.objects.select_related("plugin__concept").get(pk=asked["version"])
    return EvidenceInputs(
        base=BaseModel.objects.get(pk=asked["base"]),
        base_fingerprint=asked["base_fingerprint"],
        version=version,
        prompts=claim.prompts,
        works=[_read(picture) for picture in _pictures(asked["works"])],
        controls=[_read(picture) for picture in _pictures(asked["controls"])],
    )


def complete_evidence(*, job: Job | UUID, token: int, output: EvidenceOutput) -> EvidenceReport | None:
    """Sign and keep what a worker found, and end its job, in one transaction.

    If the claim was answered or withdrawn meanwhile, it returns None and keeps nothing. Raises jobs' LeaseLost if the attempt
    no longer holds the job.
    """
    job_id = job.pk if isinstance(job, Job) else job
    with files_undone() as stored, transaction.atomic():
        ended = Job.objects.succeed(job_id, token=token, result={})
        claim = (
            Claim.objects.select_for_update(of=("self",))
            .with_everything()
            .filter(pk=ended.parameters["claim"], state=ClaimState.SUBMITTED, job=ended)
            .first()
        )
        if claim is None:
            return None
        pairs = [
            *zip(_pictures(ended.parameters["works"]), output.works, strict=True),
            *zip(_pictures(ended.parameters["controls"]), output.controls, strict=True),
        ]
        report = _signed(claim, ended, output, pairs)
        for picture, drawn in pairs:
            pair = EvidencePair(
                report=report,
                picture=picture,
                distance=drawn.distance,
                prompt=drawn.prompt,
                seed=drawn.seed,
                drawing=ContentFile(drawn.png, name="drawing.png"),
                drawing_sha256=_sha256(drawn.png),
            )
            stored.append(pair.drawing)
            pair.save(force_insert=True)
        claim.add_evidence(ended, report, answer_within=answer_within())
        mails.evidence_ready(claim)
        return report


def signed_text(claim: Claim, sha256: str) -> str:
    """Give the text to sign: the signer, what it is, and the report's hash. It cannot be mistaken for a tree's checkpoint."""
    return f"{signer().name}\nevidence of claim {claim.pk}\n{sha256}\n"


def _signed(
    claim: Claim, job: Job, output: EvidenceOutput, pairs: Sequence[tuple[ClaimPicture, Drawn]]
) -> EvidenceReport:
    asked = job.parameters
    version = PlugInVersion.objects.filter(pk=asked["version"]).first()
    said = {
        "format": FORMAT,
        "claim": claim.pk,
        "concept": claim.concept.name,
        "artist": claim.claimant.display_name,
        "about": claim.target,
        "base_fingerprint": asked["base_fingerprint"],
        "plugin_tensors_sha256": version.tensors_sha256 if version else None,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "prompts": claim.prompts,
        "settings": output.settings,
        "figures": output.figures,
        "sentences": output.sentences,
        "pictures": [
            {
                "sort": picture.sort,
                "caption": picture.caption,
                "pixels_sha256": picture.pixels_sha256,
                "drawing_sha256": _sha256(drawn.png),
                "distance": drawn.distance,
            }
            for picture, drawn in pairs
        ],
    }
    content = json.dumps(said, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    digest = _sha256(content.encode())
    note = signer().signed_note(signed_text(claim, digest))
    return EvidenceReport.objects.create(job=job, content=content, sha256=digest, signed_note=note)


def _numbers(claim: Claim, sort: PictureSort) -> list[int]:
    return list(claim.pictures.filter(sort=sort).order_by("pk").values_list("pk", flat=True))


def _pictures(numbers: Sequence[int]) -> list[ClaimPicture]:
    return list(ClaimPicture.objects.filter(pk__in=numbers).order_by("pk"))


def _read(picture: ClaimPicture) -> Captioned:
    with picture.file.open("rb") as stored:
        return Captioned(stored.read(), picture.caption)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _claim_url(name: str, job: Job) -> str:
    return reverse(f"claims:{name}", args=[job.parameters["claim"]])


def _settle(job: Job) -> None:
    """Note on the claim that a job ended without evidence, and tell its artist."""
    claim = Claim.objects.with_everything().get(pk=job.parameters["claim"])
    if claim.note_failure(job):
        mails.evidence_failed(claim)


JOB = JobKind(
    name=KIND,
    label="Evidence",
    by_turns=True,
    settle=_settle,
    describe=lambda job: f"Evidence for the claim about {job.parameters['target']}",
    result_url=partial(_claim_url, "claim"),
    origin_url=partial(_claim_url, "claim"),
)
