"""An addition, from an artist's works to a plug-in version, with the real trainer on a tiny base."""

from __future__ import annotations

from functools import partial

import pytest
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.addition import start_addition
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.training_settings import TrainingSettings
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import AdditionConfig, BaseCheckpoint, load_base
from tests.market.catalog.conftest import make_concept, with_works
from tests.workers.conftest import Ask
from workers.engine import Engine
from workers.learning import chosen_config
from workers.lease import Lease
from workers.runners.addition import run_addition
from workers.running import attempt, work

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = AdditionConfig(
    rank=2,
    steps=3,
    batch=2,
    prior_batch=2,
    prior_pictures=2,
    prior_steps=2,
    verbatim_works=2,
    verbatim_seeds=1,
)


@pytest.fixture(scope="module")
def embedded() -> BaseCheckpoint:
    return load_base()


@pytest.fixture
def job(artist: User, base: BaseModel) -> Job:
    """An addition of three works, claimed by a worker."""
    BaseModel.objects.filter(pk=base.pk).update(example_subjects=["a fox", "a house"])
    base.refresh_from_db()
    start_addition(with_works(make_concept(artist, "Riverink")), base, artist)
    (job,) = Job.objects.claim(kinds=["addition"], worker="w1")
    return job


def test_works_become_a_plugin_with_samples_that_others_can_draw_with(
    job: Job, engine: Engine, base: BaseModel, ask: Ask
) -> None:
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_addition, config=QUICK))

    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    version = PlugInVersion.objects.get()
    assert (version.number, version.rank, version.base_fingerprint) == (1, 2, base.fingerprint)
    assert version.figures["steps"] == 3
    assert version.figures["given_back"]["looked_at"] == 2
    assert [sample.prompt for sample in version.samples.all()] == [
        "a fox, Riverink style",
        "a house, Riverink style",
    ]
    assert {(sample.width, sample.height) for sample in version.samples.all()} == {(32, 32)}
    for sample in version.samples.all():
        with Image.open(sample.file) as drawn, Image.open(sample.plain) as plain:
            assert plain.size == drawn.size
            assert plain.tobytes() != drawn.tobytes()

    plugin = PlugIn.objects.get()
    plugin.publish()
    made = ask((plugin, 1.0))
    assert work(engine=engine, kinds=["generation"], worker="w1") == 1
    assert made.pictures.count() == 1


def test_the_parts_of_a_training_keep_their_shares_of_chosen_steps(
    embedded: BaseCheckpoint,
) -> None:
    usual = AdditionConfig.for_base(embedded)
    whole = usual.token_steps + usual.steps

    assert chosen_config(embedded, TrainingSettings()) == usual
    half = chosen_config(embedded, TrainingSettings(steps=whole // 2, rank=3, learning_rate=0.01))
    assert half.token_steps + half.steps == whole // 2
    assert abs(half.token_steps - usual.token_steps / 2) <= 1
    assert (half.rank, half.learning_rate, half.batch) == (3, 0.01, usual.batch)


def test_an_addition_that_is_cancelled_makes_no_version(job: Job, engine: Engine) -> None:
    Job.objects.request_cancel(job.pk)
    attempt(job, engine=engine, lease=Lease(job, report_every=0), runner=partial(run_addition, config=QUICK))
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert not PlugInVersion.objects.exists()


def test_an_addition_whose_worker_stops_is_done_by_the_next(job: Job, engine: Engine) -> None:
    stopping = Lease(job, stopping=lambda: True)
    attempt(job, engine=engine, lease=stopping, runner=partial(run_addition, config=QUICK))
    assert Job.objects.get(pk=job.pk).state == JobState.QUEUED

    (again,) = Job.objects.claim(kinds=["addition"], worker="w2")
    attempt(again, engine=engine, lease=Lease(again), runner=partial(run_addition, config=QUICK))
    assert Job.objects.get(pk=job.pk).state == JobState.SUCCEEDED
    assert PlugInVersion.objects.count() == 1
