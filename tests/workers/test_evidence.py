"""The evidence of a claim, measured with the real engine: on a tiny base, with a plug-in laid over it, and on the embedded one."""

from __future__ import annotations

import json
from functools import partial

import pytest
from django.core.files.storage import default_storage
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.basemodels.registering import register_embedded
from market.catalog.models import PlugIn
from market.claims import drafting, measuring
from market.claims.models import Claim, ClaimState
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import EvidenceConfig
from plugins_engine.evidence.config import MIN_CONTROLS
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.claims.conftest import notice, with_controls
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.evidence import run_evidence
from workers.running import attempt

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = EvidenceConfig(seeds=2, steps=2, levels=2)
quickly = partial(run_evidence, config=QUICK)


def submit(artist: User, about: BaseModel | PlugIn) -> tuple[Claim, Job]:
    """A claim of two works beside eight controls, whose evidence a worker has claimed."""
    concept = with_works(make_concept(artist, "Riverink"), 2)
    draft = drafting.Draft(prompts=["a fox", "a boat"], rights="I drew them.")
    claim = drafting.draft_claim(concept=concept, about=about, by=artist, draft=draft)
    drafting.choose_works(claim, artist, list(concept.works.all()))
    with_controls(claim)
    drafting.submit_claim(claim, artist, notice())
    (job,) = Job.objects.claim(kinds=[measuring.KIND], worker="w1")
    return claim, job


def check(claim: Claim, job: Job, size: int) -> dict[str, object]:
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    claim.refresh_from_db()
    assert claim.state == ClaimState.EVIDENCE_READY
    assert claim.evidence is not None
    pairs = list(claim.evidence.pairs.all())
    assert len(pairs) == 10
    assert all(0 <= pair.distance <= 1 and pair.prompt in claim.prompts and pair.seed < 2 for pair in pairs)
    with default_storage.open(str(pairs[0].drawing.name)) as stored, Image.open(stored) as drawing:
        assert drawing.size == (size, size)
    said: dict[str, object] = json.loads(claim.evidence.content)
    figures = said["figures"]
    assert isinstance(figures, dict)
    assert 0 <= figures["membership"]["area"] <= 1
    assert figures["reproduction"]["reproduced"]["controls"]["total"] == 8
    assert [each["prompt"] for each in figures["reproduction"]["agreement"]] == ["a fox", "a boat"]
    return said


def test_a_base_is_measured(base: BaseModel, artist: User, engine: Engine) -> None:
    claim, job = submit(artist, base)
    attempt(job, engine=engine, lease=Lease(job, report_every=0), runner=quickly)
    said = check(claim, job, 32)
    assert said["base_fingerprint"] == base.fingerprint
    assert said["plugin_tensors_sha256"] is None
    job.refresh_from_db()
    assert (job.progress["step"], job.progress["steps"], job.progress["message"]) == (4, 4, "drawing")


def test_a_base_with_several_releases_of_the_same_weights_is_measured(
    base: BaseModel, artist: User, engine: Engine
) -> None:
    BaseRelease.objects.create(base=base, number=2, fingerprint=base.fingerprint)
    claim, job = submit(artist, base)
    attempt(job, engine=engine, lease=Lease(job), runner=quickly)
    check(claim, job, 32)


def test_a_plugin_is_measured_laid_over_its_base_which_stays_as_it_was(
    plugin: PlugIn, base: BaseModel, second_artist: User, engine: Engine
) -> None:
    claim, job = submit(second_artist, plugin)
    attempt(job, engine=engine, lease=Lease(job), runner=quickly)
    version = plugin.current_version
    assert version is not None
    with_plugin = check(claim, job, 32)
    assert with_plugin["plugin_tensors_sha256"] == version.tensors_sha256

    concept = claim.concept
    draft = drafting.Draft(prompts=claim.prompts, rights="I drew them.")
    plain = drafting.draft_claim(concept=concept, about=base, by=second_artist, draft=draft)
    drafting.choose_works(plain, second_artist, list(concept.works.all()))
    with_controls(plain)
    drafting.submit_claim(plain, second_artist, notice())
    (job,) = Job.objects.claim(kinds=[measuring.KIND], worker="w1")
    attempt(job, engine=engine, lease=Lease(job), runner=quickly)
    without = check(plain, job, 32)
    assert without["pictures"] != with_plugin["pictures"], "the plug-in was measured, not the base alone"
    assert all(
        "forward" not in module.__dict__ for module in engine.base(base.default_release()).denoiser.modules()
    )


def test_the_embedded_base_is_measured(artist: User, model_owner: User, engine: Engine) -> None:
    claim, job = submit(artist, register_embedded(model_owner))
    attempt(job, engine=engine, lease=Lease(job), runner=quickly)
    check(claim, job, 128)


def test_cancelling_it_leaves_the_claim_without_evidence(
    base: BaseModel, artist: User, engine: Engine
) -> None:
    claim, job = submit(artist, base)
    Job.objects.request_cancel(job.pk)
    attempt(job, engine=engine, lease=Lease(job, report_every=0), runner=quickly)
    job.refresh_from_db()
    claim.refresh_from_db()
    assert (job.state, claim.state, claim.evidence) == (JobState.CANCELLED, ClaimState.SUBMITTED, None)


def test_the_market_asks_for_as_many_controls_as_the_engine_does() -> None:
    assert measuring.MIN_CONTROLS == MIN_CONTROLS
    assert EvidenceConfig(seeds=measuring.SEEDS).seeds == measuring.SEEDS
