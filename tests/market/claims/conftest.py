"""A base model somebody else owns, an artist's concept with works, and claims in every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.catalog.reading import ReadPicture
from market.claims import answering, drafting, measuring
from market.claims.models import Claim, EvidenceReport, Notice
from market.jobs.models import Job
from tests.market.catalog.conftest import clean_picture, files_of_its_own, make_concept, with_works
from tests.market.catalog.pictures import png
from tests.market.stage import make_base, make_plugin

__all__ = ["files_of_its_own"]

PROMPTS = ["a fox, Riverink style", "a boat"]
REASON = "It was trained on public domain pictures only."
PAPER: dict[str, Any] = {
    "signature": "Ada Artist",
    "address": "1 Some Street\nSome Town",
    "telephone": "+1 555 0100",
    "email": "ada.artist@example.org",
    "material": "Tiny, the base model",
}


def notice(**fields: Any) -> Notice:
    return Notice(**PAPER | {
        "works": "All of Riverink", "in_good_faith": True, "accurate_under_perjury": True, "statements": "I state it.",
    } | fields)  # fmt: skip


def files(count: int, *, first: int = 0) -> list[SimpleUploadedFile]:
    """Pictures that differ, named by what they show."""
    return [SimpleUploadedFile(f"a-{'x' * (i + 1)}.png", png(first + i), "image/png") for i in range(count)]


def with_controls(claim: Claim, count: int = 8) -> Claim:
    """Give a claim control pictures as its claimant, read once for all tests."""
    read = [ReadPicture(f"a-{'x' * (seed + 1)}.png", clean_picture(seed)) for seed in range(count)]
    assert drafting.keep_controls(claim, claim.claimant, read) == (count, [])
    return claim


@pytest.fixture
def base(model_owner: User) -> BaseModel:
    return make_base(model_owner)


@pytest.fixture
def concept(artist: User) -> Concept:
    return with_works(make_concept(artist, "Riverink"), 3)


@pytest.fixture
def plugin(second_artist: User, base: BaseModel) -> PlugIn:
    """Somebody else's plug-in, which may contain the concept."""
    return make_plugin(second_artist, base, name="Copied")


MakeDraft = Callable[..., Claim]


@pytest.fixture
def make_draft(concept: Concept, base: BaseModel) -> MakeDraft:
    """Return a function that makes a draft that lacks nothing but its notice."""

    def make(about: BaseModel | PlugIn = base, *, works: int = 2, controls: int = 8, **fields: Any) -> Claim:
        said = drafting.Draft(**{"prompts": PROMPTS, "rights": "I drew them in 2019."} | fields)
        claim = drafting.draft_claim(concept=concept, about=about, by=concept.artist, draft=said)
        drafting.choose_works(claim, concept.artist, list(concept.works.all()[:works]))
        return with_controls(claim, controls)

    return make


@pytest.fixture
def draft(make_draft: MakeDraft) -> Claim:
    return make_draft()


@pytest.fixture
def submitted(draft: Claim, artist: User) -> Claim:
    return drafting.submit_claim(draft, artist, notice())


@pytest.fixture
def ready(submitted: Claim) -> Claim:
    measured(submitted)
    return submitted


@pytest.fixture
def rejected(ready: Claim, model_owner: User) -> Claim:
    answering.reject_claim(ready, model_owner, REASON)
    return ready


@pytest.fixture
def appealed(rejected: Claim, artist: User) -> Claim:
    answering.appeal_claim(rejected, artist, "The card names my book.")
    return rejected


def drawn(count: int) -> list[measuring.Drawn]:
    return [measuring.Drawn(0.1 * (i % 9) + 0.05, PROMPTS[i % 2], i, png(500 + i)) for i in range(count)]


def output(works: int = 2, controls: int = 8) -> measuring.EvidenceOutput:
    """What a worker would find, in the engine's own form."""
    rate = {"right": 1, "total": 2, "interval": [0.1, 0.9]}
    return measuring.EvidenceOutput(
        figures={
            "reproduction": {
                "within": 0.1,
                "works": [],
                "controls": [],
                "reproduced": {"works": rate, "controls": rate | {"right": 0, "total": 8}},
                "agreement": [{"prompt": prompt, "clique": 2, "seeds": 16} for prompt in PROMPTS],
            },
            "membership": {
                "works": [1.0] * works,
                "controls": [0.0] * controls,
                "medians": {"works": 1.0, "controls": 0.0},
                "area": 0.8125,
                "interval": [0.5, 1.0],
                "curve": [[0.0, 0.0], [1.0, 1.0]],
                "found_at_false_positives": {"0.01": 0.5, "0.1": 0.5},
            },
        },
        sentences={part: f"About {part}." for part in ("proves", "reproduced", "agreement", "predicted")},
        settings={"seeds": 16, "steps": 25},
        works=drawn(works),
        controls=drawn(controls),
    )


def claimed(claim: Claim) -> Job:
    (job,) = Job.objects.claim(kinds=[measuring.KIND], worker="test")
    assert job.pk == claim.job_id
    return job


def measured(claim: Claim, *, works: int = 2) -> EvidenceReport:
    """Let a worker hand in what it found."""
    job = claimed(claim)
    report = measuring.complete_evidence(job=job, token=job.fencing_token, output=output(works))
    claim.refresh_from_db()
    assert report is not None
    return report
