"""What a worker does with jobs, with a real engine, on real tables, in this process."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.functions import Now
from PIL import Image

from market.accounts.models import User
from market.basemodels.drawing import SAMPLERS
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import GenerationRequest, Picture
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.provenance import extract
from plugins_engine.model.samplers import SAMPLERS as OF_ENGINE
from tests.market.stage import EURO, earnings, wallet
from tests.workers.conftest import Ask
from workers.engine import Engine
from workers.lease import Lease, never
from workers.running import attempt, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ledger_verifies")]


def do_all(engine: Engine, stopping: Callable[[], bool] = never) -> int:
    return work(engine=engine, kinds=["generation"], worker="w1", stopping=stopping)


def job_of(made: GenerationRequest) -> Job:
    return Job.objects.get(pk=made.pk)


def pixels_of(made: GenerationRequest) -> list[bytes]:
    found = []
    for picture in made.pictures.order_by("index"):
        with picture.file.open() as file, Image.open(BytesIO(file.read())) as opened:
            found.append(opened.tobytes())
    return found


def assert_nothing_charged(person: User) -> None:
    balance = ledger.balance(wallet(person))
    assert (balance.posted, balance.held) == (EURO, 0)
    assert not Picture.objects.exists()


@contextmanager
def in_background(call: Callable[[], object]) -> Iterator[None]:
    """Run a worker in a thread while the body of the test acts on its job; wait for it at the end."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as problem:  # noqa: BLE001  # shown to the test
            problems.append(problem)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(timeout=120)
    assert not thread.is_alive()
    assert problems == []


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def has_begun(made: GenerationRequest) -> bool:
    return bool(job_of(made).progress.get("steps"))


def test_a_request_becomes_pictures_and_royalties(
    ask: Ask, plugin: PlugIn, engine: Engine, user: User, artist: User, model_owner: User
) -> None:
    made = ask((plugin, 0.8), count=2)

    assert do_all(engine) == 1

    job = job_of(made)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert (earnings(artist), earnings(model_owner)) == (90_000, 18_000)
    assert ledger.balance(wallet(user)).posted == EURO - 120_000
    pictures = list(made.pictures.order_by("index"))
    assert [(each.width, each.height, each.seed) for each in pictures] == [(32, 32, 7), (32, 32, 8)]
    with pictures[1].file.open() as file:
        record = extract(file.read())
    assert record is not None
    assert (record.seed, record.plugins[0].weight, record.plugins[0].artist) == (8, 0.8, "Ada Artist")


def test_the_same_settings_give_the_same_picture_and_the_plugin_changes_it(
    ask: Ask, plugin: PlugIn, engine: Engine
) -> None:
    first, again, plain, weak = ask((plugin, 1.0)), ask((plugin, 1.0)), ask(), ask((plugin, 0.0))
    do_all(engine)
    assert pixels_of(first) == pixels_of(again)
    assert pixels_of(first) != pixels_of(plain)
    assert pixels_of(weak) == pixels_of(plain)


def test_a_picture_of_a_run_is_drawn_again_from_its_own_seed(ask: Ask, engine: Engine) -> None:
    run, alone = ask(count=2, seed=20), ask(count=1, seed=21)
    do_all(engine)
    second, single = pixels_of(run)[1], pixels_of(alone)[0]
    # Batches of different sizes may differ in the last digits of their arithmetic.
    assert max(abs(a - b) for a, b in zip(second, single, strict=True)) <= 2


def test_a_picture_has_the_size_and_the_sampler_that_were_asked_for(ask: Ask, engine: Engine) -> None:
    wide, plain = ask(size="40x24"), ask()
    others = [ask(sampler=name) for name in SAMPLERS if name != "lcm"]
    do_all(engine)

    picture = wide.pictures.get()
    with Image.open(picture.file) as drawn:
        assert drawn.size == (picture.width, picture.height) == (40, 24)
    drawn_by = {each.sampler: pixels_of(each) for each in (plain, *others)}
    assert len({pixels[0] for pixels in drawn_by.values()}) > 1
    assert all(job_of(each).state == JobState.SUCCEEDED for each in (wide, plain, *others))


def test_the_market_offers_the_samplers_that_the_engine_has() -> None:
    assert list(SAMPLERS) == list(OF_ENGINE)


def test_a_worker_goes_on_until_its_queue_is_empty(ask: Ask, engine: Engine) -> None:
    for _ in range(3):
        ask(steps=1)
    assert do_all(engine) == 3
    assert do_all(engine) == 0


def test_a_worker_leaves_other_kinds_alone(ask: Ask, engine: Engine) -> None:
    made = ask()
    assert work(engine=engine, kinds=["addition"], worker="w1") == 0
    assert job_of(made).state == JobState.QUEUED


def test_bases_and_plugins_stay_loaded_between_jobs(ask: Ask, plugin: PlugIn, engine: Engine) -> None:
    made = ask((plugin, 1.0), steps=1)
    do_all(engine)
    loaded = engine.base(made.release)
    assert plugin.current_version is not None
    adapter = engine.adapter(plugin.current_version)
    ask((plugin, 0.5), steps=1)
    do_all(engine)
    assert engine.base(made.release) is loaded
    assert engine.adapter(plugin.current_version) is adapter


def test_the_least_used_plugin_makes_room(
    artist: User, second_artist: User, make_real_plugin: Callable[..., PlugIn]
) -> None:
    engine = Engine("cpu", adapters=1)
    first, second = make_real_plugin(artist), make_real_plugin(second_artist, name="Blobby", seed=1)
    assert first.current_version is not None
    assert second.current_version is not None
    engine.adapter(first.current_version)
    engine.adapter(second.current_version)
    assert len(engine.adapters) == 1
    assert str(second.current_version.file.name) in engine.adapters


def test_progress_and_a_preview_reach_the_job(ask: Ask, engine: Engine, base: BaseModel) -> None:
    made = ask(steps=20)
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")
    seen: list[dict[str, object]] = []

    class Watched(Lease):
        def _beat(self, progress: object) -> None:
            super()._beat(progress)  # type: ignore[arg-type]  # passed through
            seen.append(job_of(made).progress | {"preview": job_of(made).preview.name})

    attempt(job, engine=engine, lease=Watched(job, report_every=0))

    assert seen[0] == {"step": 0, "steps": 0, "message": "loading the model", "preview": ""}
    assert [each["step"] for each in seen[1:]] == list(range(1, 21))
    assert all(each["steps"] == 20 for each in seen[1:])
    previews = [str(each["preview"]) for each in seen if each["preview"]]
    assert len(set(previews)) == 2  # after 5 and 10 steps, and none beyond 12
    with default_storage.open(previews[-1]) as file, Image.open(file) as preview:
        assert preview.format == "PNG"
    assert not default_storage.exists(previews[0])


def test_reports_are_written_about_once_a_second(ask: Ask, engine: Engine) -> None:
    made = ask(steps=30)
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")
    beats: list[float] = []

    class Counted(Lease):
        def _beat(self, progress: object) -> None:
            beats.append(time.monotonic())
            super()._beat(progress)  # type: ignore[arg-type]  # passed through

    attempt(job, engine=engine, lease=Counted(job))

    assert job_of(made).state == JobState.SUCCEEDED
    # The first step follows "loading" at once; the rest keep their distance.
    assert all(later - earlier >= 0.9 for earlier, later in itertools.pairwise(beats[1:]))


def test_cancelling_stops_the_drawing_and_costs_nothing(ask: Ask, engine: Engine, user: User) -> None:
    made = ask(steps=100, count=8)
    with in_background(lambda: do_all(engine)):
        until(lambda: has_begun(made))
        Job.objects.request_cancel(made.pk)
    assert job_of(made).state == JobState.CANCELLED
    assert_nothing_charged(user)


def test_a_base_is_usable_after_a_drawing_was_cancelled(ask: Ask, plugin: PlugIn, engine: Engine) -> None:
    before = ask()
    do_all(engine)
    cancelled = ask((plugin, 1.0), steps=100, count=8)
    with in_background(lambda: do_all(engine)):
        until(lambda: has_begun(cancelled))
        Job.objects.request_cancel(cancelled.pk)
    after = ask()
    do_all(engine)
    assert pixels_of(before) == pixels_of(after)


def test_an_attempt_whose_lease_went_to_another_worker_stops_and_changes_nothing(
    ask: Ask, engine: Engine, user: User
) -> None:
    made = ask(steps=100, count=8)
    with in_background(lambda: do_all(engine)):
        until(lambda: has_begun(made))
        Job.objects.filter(pk=made.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
        assert Job.objects.reap() in (0, 1)
        until(lambda: bool(Job.objects.claim(kinds=["generation"], worker="second")))
    job = job_of(made)
    assert (job.state, job.worker, job.fencing_token) == (JobState.RUNNING, "second", 2)
    assert ledger.balance(wallet(user)).held == made.total_micros


def test_a_stopping_worker_hands_its_job_back_without_using_up_an_attempt(
    ask: Ask, engine: Engine, user: User
) -> None:
    made = ask(steps=100, count=8)
    told = threading.Event()

    def stopping() -> bool:
        if has_begun(made):
            told.set()
        return told.is_set()

    do_all(engine, stopping=stopping)
    job = job_of(made)
    assert (job.state, job.attempt, job.fencing_token) == (JobState.QUEUED, 0, 1)
    assert ledger.balance(wallet(user)).held == made.total_micros


def test_a_process_that_is_told_to_exit_hands_its_job_back_first(ask: Ask, engine: Engine) -> None:
    made = ask()
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")

    def exit_now(*_: object) -> None:
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        attempt(job, engine=engine, lease=Lease(job), runner=exit_now)
    assert (job_of(made).state, job_of(made).attempt) == (JobState.QUEUED, 0)


def test_the_lease_is_kept_while_a_model_loads(ask: Ask, engine: Engine, settings: object) -> None:
    settings.JOBS = replace(settings.JOBS, lease_seconds=3)  # type: ignore[attr-defined]  # pytest-django's settings
    made = ask()
    (job,) = Job.objects.claim(kinds=["generation"], worker="w1")

    def load_slowly(*_: object) -> None:
        time.sleep(6)
        assert Job.objects.reap() == 0

    attempt(job, engine=engine, lease=Lease(job), runner=load_slowly)
    assert job_of(made).state == JobState.RUNNING
