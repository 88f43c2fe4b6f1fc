"""A combination by the worker: the real engine on a tiny base, from the wish to pictures drawn with what came of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import partial

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import ConceptKind, PlugIn, PlugInVersion
from market.combinations.models import Combination
from market.combinations.orders import CombinationOrder
from market.combinations.requesting import KIND, request
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from plugins_engine import Adapter, BaseCheckpoint, CombinationConfig
from tests.market.stage import Weights, earnings, make_order, make_plugin, run, top_up, wallet
from tests.plugins_engine import tiny_pipelines
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.combination import ShowConfig, run_combination
from workers.running import attempt, work

pytestmark = pytest.mark.django_db(transaction=True)

RUNNER = partial(
    run_combination,
    config=CombinationConfig("tuned", pictures=2, steps=1, tuning_steps=2),
    show=ShowConfig(pictures=2, shown=2),
)


@pytest.fixture
def base(base: BaseModel) -> BaseModel:
    base.example_subjects, base.example_styles = ["a fox", "a boat"], ["Clay", "Wool"]
    base.save(update_fields=["example_subjects", "example_styles"])
    return base


@pytest.fixture
def ink(artist: User, make_real_plugin: Callable[..., PlugIn]) -> PlugIn:
    return make_real_plugin(artist, name="Ink", seed=1)


@pytest.fixture
def pip(second_artist: User, base: BaseModel, loaded: BaseCheckpoint) -> PlugIn:
    adapter = tiny_pipelines.random_adapter(loaded, seed=2, name="Pip")
    weights = Weights(adapter.to_bytes(), adapter.tensors_sha256, adapter.rank)
    return make_plugin(
        second_artist, base, name="Pip", kind=ConceptKind.CHARACTER, weights=weights, price=20_000
    )


@pytest.fixture
def asked(user: User, ink: PlugIn, pip: PlugIn) -> Combination:
    """Ink (€0.05) and Pip (€0.02), as a user with €1 asked for."""
    top_up(user)
    return request(user, CombinationOrder([ink, pip]), key=uuid.uuid4())


def done(engine: Engine, **lease: object) -> Job:
    """Let a worker end, in whatever way, the combination that waits."""
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    attempt(job, engine=engine, lease=Lease(job, **lease), runner=RUNNER)  # type: ignore[arg-type]  # as a test needs it
    return Job.objects.get(pk=job.pk)


def test_two_plugins_become_one_that_its_person_draws_with_and_both_artists_are_paid(
    asked: Combination, engine: Engine, base: BaseModel, artist: User, second_artist: User
) -> None:
    job = done(engine)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    version = PlugInVersion.objects.get(job=job)
    with version.file.open("rb") as stored:
        kept = Adapter.load(stored.read())
    assert (kept.name, kept.kind, kept.base_fingerprint) == ("Ink & Pip", "combination", base.fingerprint)
    assert kept.tensors_sha256 == version.tensors_sha256
    listed = json.loads(kept.metadata["plugin.merged_from"])
    assert [(each["name"], each["share_bps"]) for each in listed] == [("Ink", 7143), ("Pip", 2857)]
    assert [each["tensors_sha256"] for each in listed] == [
        each.version.tensors_sha256 for each in asked.parts.select_related("version")
    ]

    run(asked.person, make_order(base, (version.plugin, 1.0), prompt="Pip, Ink style"))
    assert work(engine=engine, kinds=["generation"], worker="w") == 1
    paid = (earnings(artist), earnings(second_artist))
    assert sum(paid) == pytest.approx(0.9 * 70_000, abs=10)
    assert paid[0] == pytest.approx(2.5 * paid[1], rel=0.001)


def test_it_is_shown_beside_each_part_and_the_plain_sum(asked: Combination, engine: Engine) -> None:
    job = done(engine)
    drawn = {(each.title, each.stage) for each in asked.grid.all()}
    assert drawn == {
        (title, stage)
        for title, first in (("Ink", "by itself"), ("Pip", "by itself"), ("Pip with Ink", "side by side"))
        for stage in (first, "combined", "all added up")
    }
    samples = PlugInVersion.objects.get(job=job).samples.order_by("position")
    assert [each.prompt for each in samples][:3] == ["a fox, Ink style", "Pip, Clay style", "Pip, Ink style"]
    asked.refresh_from_db()
    assert 0 <= asked.figures["relative_error"] < 1


def test_a_worker_that_stops_hands_it_to_the_next(asked: Combination, engine: Engine) -> None:
    assert done(engine, stopping=lambda: True).state == JobState.QUEUED
    assert done(engine).state == JobState.SUCCEEDED
    assert ledger.balance(wallet(asked.person)) == ledger.Balance(posted=500_000, held=0)


def test_a_part_that_was_withdrawn_fails_it_with_the_reason_and_charges_nothing(
    asked: Combination, engine: Engine, ink: PlugIn
) -> None:
    ink.withdraw()
    job = done(engine)
    assert job.state == JobState.FAILED
    assert "“Ink” by Ada Artist is not on the market" in job.error
    assert ledger.balance(wallet(asked.person)) == ledger.Balance(posted=1_000_000, held=0)


def test_a_cancelled_one_keeps_nothing(asked: Combination, engine: Engine) -> None:
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    Job.objects.request_cancel(job.pk)
    attempt(job, engine=engine, lease=Lease(job, report_every=0), runner=RUNNER)
    assert Job.objects.get(pk=job.pk).state == JobState.CANCELLED
    assert not PlugInVersion.objects.filter(plugin=asked.plugin).exists()
    assert ledger.balance(wallet(asked.person)).held == 0


def test_a_combination_is_combined_further(
    asked: Combination, engine: Engine, artist: User, make_real_plugin: Callable[..., PlugIn]
) -> None:
    assert done(engine).state == JobState.SUCCEEDED
    wool = make_real_plugin(artist, name="Felt", seed=3)
    trio = request(asked.person, CombinationOrder([asked.plugin, wool], "Trio"), key=uuid.uuid4())
    job = done(engine)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert {each.title for each in trio.grid.all()} == {"Ink & Pip", "Felt", "Ink & Pip with Felt"}
