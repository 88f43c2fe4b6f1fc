"""Extractions and builds without a worker: real rows, and files that hold nothing an engine could draw with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.models import Concept
from market.catalog.publishing import publish
from market.claims.models import Claim, ClaimState, Notice
from market.extractions import building, retraining, starting
from market.extractions.building import BuildOutput, RetestOutput, complete_build
from market.extractions.deciding import approve_extraction
from market.extractions.finishing import ExtractionOutput, StoredAdapter, complete_extraction
from market.extractions.merging import keep_merged
from market.extractions.models import Extraction, ReleaseBuild, Retest, Retraining
from market.extractions.orders import ExtractionOrder
from market.extractions.retraining import (
    TRAINED_AGAIN,
    RetrainingOutput,
    complete_retraining,
    start_retraining,
)
from market.extractions.starting import start_extraction
from market.jobs.models import Job
from tests.market.catalog.conftest import adapter_file, make_concept, make_version, with_works
from tests.market.catalog.conftest import output as addition_output
from tests.market.catalog.pictures import png

REASON = "Nobody else counted them either; the pictures show that it is gone."


def make_claim(
    claimant: User, base: BaseModel, *, name: str = "Noto", state: str = ClaimState.ACCEPTED
) -> Claim:
    """Make a claim about a base as it is once its owner answered it."""
    concept = Concept.objects.create(artist=claimant, name=name, kind="style")
    concept.affirm_rights(claimant)
    claim = Claim.objects.create(claimant=claimant, concept=concept, base=base)
    notice = Notice.objects.create(
        person=claimant,
        signature=str(claimant),
        address="A street",
        telephone="1",
        email=claimant.email,
        material="The base",
        statements="I state it.",
        works="Mine",
        in_good_faith=True,
        accurate_under_perjury=True,
    )
    Claim.objects.filter(pk=claim.pk).update(
        prompts=["a fox"],
        rights="All",
        notice=notice,
        submitted_at=claim.created_at,
        state=state,
        decided_at=claim.created_at,
        decided_by=base.owner,
        decision="So it is.",
    )
    claim.refresh_from_db()
    return claim


def rate(value: float) -> dict[str, float | int]:
    return {"rate": value, "low": value, "high": value, "pictures": 100}


def judged(
    *, target: float = 0.0, kept: float = 1.0, restored: float = 1.0, recovered: float = 0.1
) -> dict[str, Any]:
    """Give an examination's figures of a style that the base drew always, and all else, too."""
    both = ("accuracy", "other_accuracy")
    moved = {"after": 0.2, "restored": 0.0}
    seen = {"before": rate(1.0), "after": rate(target), "restored": rate(restored)}
    others = {"before": rate(1.0), "after": rate(kept), "restored": rate(1.0)}
    return {
        "kind": "style",
        "groups": ["target", "neighbours"],
        "target": {"moved": moved, **dict.fromkeys(both, seen)},
        "neighbours": {"moved": moved, **dict.fromkeys(both, others)},
        "h_o": 0.97,
        "recovery": {"learned_from": 10, "steps": 150, "before": rate(1.0), "after": rate(recovered)},
        "seconds": 12.5,
    }


def not_judged() -> dict[str, Any]:
    moved = {"after": 0.2, "restored": 0.0}
    return {"groups": ["target", "retained"], "target": {"moved": moved}, "retained": {"moved": moved}}


def stored(content: bytes) -> StoredAdapter:
    data = adapter_file(content)
    return StoredAdapter(data, hashlib.sha256(data).hexdigest(), hashlib.sha256(content).hexdigest())


def output(name: str, figures: Mapping[str, Any]) -> ExtractionOutput:
    return ExtractionOutput(
        eraser=stored(f"eraser of {name}".encode()),
        plugin=stored(f"plug-in of {name}".encode()),
        rank=4,
        erasure={
            "name": name,
            "kind": "style",
            "anchor": "Clay",
            "targets": [f"a fox, {name} style"],
            "anchors": ["a fox, Clay style"],
            "retained": ["a cat, Clay style"],
        },
        figures=figures,
        grids={
            "target": (
                ("before", "after", "restored"),
                [(f"a fox, {name} style", [png(1), png(2), png(1)])],
            )
        },
    )


def claim_job(kind: str) -> Job:
    (job,) = Job.objects.claim(kinds=[kind], worker="stage")
    return job


def begun(base: BaseModel, by: User, name: str = "Noto", claim: Claim | None = None) -> Extraction:
    return start_extraction(base, by, ExtractionOrder(name, "style"), claim=claim)


def make_extraction(
    base: BaseModel,
    by: User,
    name: str = "Noto",
    *,
    claim: Claim | None = None,
    figures: Mapping[str, Any] | None = None,
) -> Extraction:
    """Start an extraction and let a worker hand it back."""
    extraction = begun(base, by, name, claim)
    job = claim_job(starting.KIND)
    made = complete_extraction(
        job=job, token=job.fencing_token, output=output(name, judged() if figures is None else figures)
    )
    assert made.pk == extraction.pk
    return made


def merged(build: ReleaseBuild, token: int) -> None:
    keep_merged(
        build,
        token=token,
        eraser=stored(f"merged {build.pk}".encode()),
        plugins={
            part.extraction_id: stored(f"fitted {build.pk} {part.extraction_id}".encode())
            for part in build.parts.all()
        },
    )


def build_output(
    build: ReleaseBuild, *retests: RetestOutput, kept: float | None = 1.0, moved_by: float | None = None
) -> BuildOutput:
    """Give the test of a release that keeps so much of the styles and subjects of all else; None: nobody counted.

    moved_by: how far its pictures moved, with an interval, which older tests did not measure.
    """
    concepts = [part.extraction.name for part in build.parts.select_related("extraction")]
    moved = {"after": 0.1, "restored": 0.0}
    seen = {"before": rate(1.0), "after": rate(0.0), "restored": rate(1.0)}
    retained: dict[str, Any] = {"moved": {"after": 0.01}}
    if moved_by is not None:
        retained |= {
            "moved": {"after": moved_by},
            "moved_interval": {"after": [moved_by - 0.01, moved_by + 0.01]},
        }
    if kept is not None:
        counted = {"before": rate(1.0), "after": rate(kept)}
        retained |= {"style": counted, "character": counted}
    return BuildOutput(
        figures={
            "concepts": [
                {"name": each, "kind": "style", "moved": moved, "accuracy": seen} for each in concepts
            ],
            "retained": retained,
        },
        grids={
            "fixed prompts": (("before", "after"), [("a cat, Clay style", [png(3), png(4)])]),
            "all else": (("before", "after"), [("a cat", [png(3), png(4)])]),
        },
        samples={},
        retests=retests,
    )


def finish_build(
    build: ReleaseBuild, *retests: RetestOutput, kept: float | None = 1.0, moved_by: float | None = None
) -> BaseRelease:
    """Let a worker build the release; of its test see `build_output`."""
    job = claim_job(building.KIND)
    assert job.pk == build.job_id
    merged(build, job.fencing_token)
    return complete_build(
        job=job, token=job.fencing_token, output=build_output(build, *retests, kept=kept, moved_by=moved_by)
    )


def make_dropped(artist: User, base: BaseModel, *, works: int = 3, name: str = "Riverink") -> Retest:
    """Build a release on which a plug-in, published and made of works, dropped; give its retest."""
    version = make_version(with_works(make_concept(artist, name), works), base)
    publish(version.plugin, artist)
    build = approve_extraction(make_extraction(base, base.owner), base.owner)
    grids = {
        "samples": (
            ("before", "after"),
            [(f"sample {row}", [png(10 + row), png(20 + row)]) for row in range(2)],
        )
    }
    finish_build(build, RetestOutput(version.pk, base.default_release().pk, {"moved": 0.4}, grids))
    return Retest.objects.get(version=version)


def retraining_output(content: bytes = b"trained again", **changes: Any) -> RetrainingOutput:
    rows = [(f"sample {row}", [png(30 + row)]) for row in range(2)]
    made = addition_output(content, **changes)
    return RetrainingOutput(made, {"moved": 0.03, "pictures": 2}, {"samples": ((TRAINED_AGAIN,), rows)})


def retrain(retest: Retest) -> Retraining:
    """Let the artist have it trained again, and a worker hand it back."""
    start_retraining(retest, retest.version.plugin.owner)
    job = claim_job(retraining.KIND)
    return complete_retraining(job=job, token=job.fencing_token, output=retraining_output())
