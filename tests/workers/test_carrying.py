"""A worker carries a plug-in over to the next generation of its base; once accepted, pictures are drawn with it there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.carrying.answering import accept
from market.carrying.models import CarryOver, CarryOverState
from market.carrying.starting import start_carrying
from market.catalog.models import PlugIn
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import BaseCheckpoint, CarryingConfig, load_base
from tests.market.stage import make_base, make_order, run, top_up
from tests.plugins_engine import tiny_pipelines
from tests.plugins_engine.carrying.generations import next_generation
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.carrying import run_carrying
from workers.running import attempt, work

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = CarryingConfig(pictures=4, drawing_steps=2, steps=2)


def make_next(owner: User, loaded: BaseCheckpoint, folder: Path, moved: float) -> BaseModel:
    generation = next_generation(loaded, folder, moved=moved)
    return make_base(
        owner,
        slug="tiny-2",
        source=str(folder),
        fingerprint=generation.fingerprint,
        architecture=generation.architecture,
        resolution=generation.resolution,
    )


def carried(base: BaseModel, next_base: BaseModel, engine: Engine) -> tuple[CarryOver, Job]:
    (begun,) = start_carrying(base, next_base, base.owner)
    (job,) = Job.objects.claim(kinds=["carrying"], worker="w1")
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_carrying, config=QUICK))
    begun.refresh_from_db()
    job.refresh_from_db()
    return begun, job


def test_what_is_carried_over_is_compared_accepted_and_drawn_with(
    base: BaseModel,
    plugin: PlugIn,
    loaded: BaseCheckpoint,
    engine: Engine,
    tmp_path: Path,
    user: User,
    artist: User,
) -> None:
    next_base = make_next(base.owner, loaded, tmp_path / "next", 0.01)

    begun, job = carried(base, next_base, engine)

    assert (begun.state, job.state, job.error) == (CarryOverState.OFFERED, JobState.SUCCEEDED, "")
    assert begun.carried is not None
    assert begun.carried.base_fingerprint == next_base.fingerprint
    assert begun.figures["missed"] <= QUICK.good_enough
    stages = {each.stage for each in begun.grid.all()}
    assert stages == {base.name, next_base.name}
    new = accept(begun, artist)
    top_up(user)
    asked = run(user, make_order(next_base, (new, 1.0)))
    assert work(engine=engine, kinds=["generation"], worker="w1") == 1
    made = GenerationRequest.objects.get(pk=asked.pk)
    drawn = Job.objects.get(pk=made.pk)
    assert (drawn.error, drawn.state) == ("", JobState.SUCCEEDED)


def test_what_misses_too_much_is_not_offered_but_shown(
    base: BaseModel, plugin: PlugIn, loaded: BaseCheckpoint, engine: Engine, tmp_path: Path
) -> None:
    next_base = make_next(base.owner, loaded, tmp_path / "next", 3.0)

    begun, job = carried(base, next_base, engine)

    assert (begun.state, begun.carried, job.state) == (CarryOverState.UNFIT, None, JobState.SUCCEEDED)
    assert begun.figures["missed"] > QUICK.good_enough
    assert begun.grid.count() > 0


def test_a_base_with_another_autoencoder_fails_with_the_reason(
    base: BaseModel, plugin: PlugIn, engine: Engine, tmp_path: Path
) -> None:
    folder = tiny_pipelines.sd1(tmp_path / "other", seed=5)
    other = load_base(folder)
    next_base = make_base(
        base.owner, slug="tiny-2", source=str(folder), fingerprint=other.fingerprint, architecture=other.architecture,
        resolution=other.resolution,
    )  # fmt: skip

    begun, job = carried(base, next_base, engine)

    assert (begun.state, job.state) == (CarryOverState.FAILED, JobState.FAILED)
    assert "other autoencoders" in job.error
