"""Extractions and releases by the worker: the real engine on a tiny base that says what it knows."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel, BaseRelease
from market.catalog.addition import start_addition
from market.catalog.models import PlugIn, PlugInVersion
from market.extractions.deciding import approve_extraction, take_back_extraction
from market.extractions.models import (
    BuildState,
    Extraction,
    ExtractionState,
    ReleaseBuild,
    Retest,
    RetrainingState,
)
from market.extractions.orders import ExtractionOrder
from market.extractions.releases import make_default
from market.extractions.retraining import accept_retraining, start_retraining
from market.extractions.starting import start_extraction
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from market.jobs.states import JobState
from plugins_engine import (
    AdditionConfig,
    BaseCheckpoint,
    ClosedFormConfig,
    CombinationConfig,
    ExaminationConfig,
    Progress,
    ReleaseConfig,
    load_base,
)
from tests.market.catalog.conftest import make_concept, with_works
from tests.plugins_engine import tiny_pipelines
from tests.workers.conftest import Ask
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.addition import run_addition
from workers.runners.extraction import run_extraction
from workers.runners.release import run_release
from workers.runners.retraining import run_retraining
from workers.running import attempt, work

pytestmark = pytest.mark.django_db(transaction=True)

EXAMINATION = ExaminationConfig(
    pictures=2, steps=2, attack_pictures=1, attack_steps=1, attack_tries=1, shown=2
)
RELEASE = ReleaseConfig(
    combination=CombinationConfig(method="closed-form", pictures=2, retained_pictures=2, steps=1),
    restoring_steps=2,
    pictures=2,
    steps=2,
    shown=2,
)
ADDITION = AdditionConfig(
    rank=2, steps=3, batch=2, prior_batch=2, prior_pictures=2, prior_steps=2, verbatim_works=0
)
REASON = "Tiny bases have no judge."


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny_pipelines.sd1(tmp_path_factory.mktemp("knowing") / "sd1")
    known = {"subjects": ["a fox", "a boat", "a cat"], "styles": ["Ink", "Clay", "Wool"]}
    (made / "prompts.json").write_text(json.dumps(known))
    return made


@pytest.fixture(scope="session")
def loaded(pipeline: Path) -> BaseCheckpoint:
    return load_base(pipeline)


@pytest.fixture
def base(base: BaseModel) -> BaseModel:
    base.example_subjects, base.example_styles = ["a fox", "a boat"], ["Clay"]
    base.save(update_fields=["example_subjects", "example_styles"])
    return base


def take_out(base: BaseModel, engine: Engine, name: str = "Ink", kind: str = "style") -> Extraction:
    """Start an extraction and let a worker end it, in whatever way."""
    wish = ExtractionOrder(name, kind, method="closed-form")
    extraction = start_extraction(base, base.owner, wish)
    (job,) = Job.objects.claim(kinds=["extraction"], worker="w1")
    runner = partial(run_extraction, config=ClosedFormConfig(rank=4), examination=EXAMINATION)
    attempt(job, engine=engine, lease=Lease(job), runner=runner)
    extraction.refresh_from_db()
    return extraction


def release(base: BaseModel, engine: Engine, *extractions: Extraction) -> BaseRelease:
    """Approve extractions one after the other, and build and use a release after each; give the last."""
    for each in extractions:
        build = approve_extraction(each, base.owner, reason=REASON, offer=True)
        (job,) = Job.objects.claim(kinds=["release"], worker="w1")
        attempt(job, engine=engine, lease=Lease(job), runner=partial(run_release, config=RELEASE))
        build.refresh_from_db()
        assert build.release is not None, Job.objects.get(pk=job.pk).error
        make_default(build.release, base.owner)
    return base.default_release()


def pixels(made: GenerationRequest) -> np.ndarray:
    with default_storage.open(str(made.pictures.get().file.name)) as file, Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"), dtype=int)


def test_a_concept_is_taken_out_and_measured(base: BaseModel, engine: Engine) -> None:
    made = take_out(base, engine)

    assert (made.state, Job.objects.get(pk=made.job_id).error) == (ExtractionState.READY, "")
    assert all("Ink style" in each for each in made.erasure["targets"])
    assert made.figures["groups"] == ["target", "neighbours", "unrelated"]
    assert made.figures["target"]["moved"]["restored"] < 0.01
    assert made.figures["target"]["moved"]["after"] > made.figures["target"]["moved"]["restored"]
    assert {each.title for each in made.grid.all()} == {
        "target",
        "neighbours",
        "unrelated",
        "recovery attack",
    }


def test_a_concept_that_the_base_does_not_know_is_refused_clearly(base: BaseModel, engine: Engine) -> None:
    made = take_out(base, engine, "Gouache")
    job = Job.objects.get(pk=made.job_id)
    assert (made.state, job.state) == (ExtractionState.FAILED, JobState.FAILED)
    assert 'does not know the style "Gouache"; among those it knows are Ink, Clay, Wool' in job.error


def test_prompts_with_another_name_of_the_concept_are_not_held(base: BaseModel, engine: Engine) -> None:
    wish = ExtractionOrder("Ink", "style", aliases=["Wool"], anchor="Clay", method="closed-form")
    extraction = start_extraction(base, base.owner, wish)
    (job,) = Job.objects.claim(kinds=["extraction"], worker="w1")
    runner = partial(run_extraction, config=ClosedFormConfig(rank=4), examination=EXAMINATION)
    attempt(job, engine=engine, lease=Lease(job), runner=runner)

    extraction.refresh_from_db()
    assert extraction.erasure["anchor"] == "Clay"
    assert extraction.erasure["retained"]
    assert not any("Wool" in each or "Ink" in each for each in extraction.erasure["retained"])


def test_pictures_of_the_new_release_lack_the_concept_and_its_plugin_brings_them_back(
    base: BaseModel, engine: Engine, ask: Ask
) -> None:
    prompt = "a fox, Ink style"
    before = ask(prompt=prompt)
    assert work(engine=engine, kinds=["generation"], worker="w1") == 1
    release(base, engine, take_out(base, engine))
    plugin = PlugIn.objects.select_related("current_version").get()
    assert [each.prompt for each in plugin.current_version.samples.all()]  # type: ignore[union-attr]  # it was made
    plugin.publish()

    without, restored = ask(prompt=prompt), ask((plugin, 1.0), prompt=prompt)
    assert work(engine=engine, kinds=["generation"], worker="w1") == 2
    assert without.release.number == restored.release.number == 2
    assert abs(pixels(restored) - pixels(before)).max() <= 1
    assert (pixels(without) != pixels(before)).any()

    make_default(base.releases.get(number=1), base.owner)
    back, twice = ask(prompt=prompt), ask((plugin, 1.0), prompt=prompt)
    assert work(engine=engine, kinds=["generation"], worker="w1") == 2
    assert (pixels(back) == pixels(before)).all()
    assert (pixels(twice) == pixels(before)).all(), "nothing was lost there that it could restore"


def test_a_later_release_lacks_both_and_has_plugins_that_fit_it(base: BaseModel, engine: Engine) -> None:
    first, second = take_out(base, engine), take_out(base, engine, "a fox", "character")
    made = release(base, engine, first, second)

    build = ReleaseBuild.objects.get(release=made)
    assert made.number == 3
    assert [each["name"] for each in build.figures["concepts"]] == ["Ink", "fox"]
    fitted = {part.plugin_tensors_sha256 for part in build.parts.all()}
    assert len(fitted) == 2
    assert not fitted & {first.plugin_tensors_sha256, second.plugin_tensors_sha256}
    assert build.eraser_tensors_sha256 not in {first.eraser_tensors_sha256, second.eraser_tensors_sha256}
    assert {each.title for each in build.grid.all()} == {"Ink", "fox", "all else", "fixed prompts"}


def test_every_plugin_on_sale_is_drawn_again_on_the_new_release(
    base: BaseModel, engine: Engine, plugin: PlugIn
) -> None:
    release(base, engine, take_out(base, engine))

    retest = Retest.objects.get()
    assert (retest.version, retest.before.number) == (plugin.current_version, 1)
    assert 0 <= retest.figures["moved"] <= 1
    prompts = ["a fox, Fxemoji style", "a boat, Fxemoji style"]
    assert [(each.prompt, each.stage) for each in retest.grid.all()] == [
        (prompt, stage) for prompt in prompts for stage in ("before", "after")
    ]


def test_an_addition_learns_over_the_release_in_use(base: BaseModel, engine: Engine, artist: User) -> None:
    concept = with_works(make_concept(artist, "Riverink"))

    def learned() -> PlugInVersion:
        start_addition(concept, base, artist)
        (job,) = Job.objects.claim(kinds=["addition"], worker="w1")
        attempt(job, engine=engine, lease=Lease(job), runner=partial(run_addition, config=ADDITION))
        return PlugInVersion.objects.get(job=job)

    plain, again = learned(), learned()
    assert plain.tensors_sha256 == again.tensors_sha256
    release(base, engine, take_out(base, engine))
    assert learned().tensors_sha256 != plain.tensors_sha256


def test_a_plugin_is_trained_again_over_the_release_that_it_dropped_on_and_its_samples_drawn_again(
    base: BaseModel, engine: Engine, artist: User, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    concept = with_works(make_concept(artist, "Riverink"))
    start_addition(concept, base, artist)
    (job,) = Job.objects.claim(kinds=["addition"], worker="w1")
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_addition, config=ADDITION))
    plugin = PlugIn.objects.get()
    plugin.publish()
    monkeypatch.setattr("market.extractions.building.has_dropped", lambda figures: True)
    release(base, engine, take_out(base, engine))

    retest = Retest.objects.get()
    begun = start_retraining(retest, artist)
    (job,) = Job.objects.claim(kinds=["retraining"], worker="w1")
    # Three steps at the usual rate may change no pixel.
    hasty = replace(ADDITION, learning_rate=0.05)
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_retraining, config=hasty))
    begun.refresh_from_db()
    assert (begun.state, Job.objects.get(pk=job.pk).error) == (RetrainingState.OFFERED, "")
    assert begun.version is not None
    assert begun.version.tensors_sha256 != retest.version.tensors_sha256, "the base has lost something since"
    assert begun.figures["pictures"] == len(retest.version.samples.all())
    before = [(each.row, each.prompt) for each in retest.grid.filter(stage="before")]
    assert [(each.row, each.prompt) for each in begun.grid.all()] == before

    prompt = "a fox, Riverink style"
    old = ask((plugin, 1.0), prompt=prompt)
    accept_retraining(begun, artist)
    new = ask((plugin, 1.0), prompt=prompt)
    assert work(engine=engine, kinds=["generation"], worker="w1") == 2
    assert [each.plugins.get().version for each in (old, new)] == [retest.version, begun.version]
    assert (pixels(old) != pixels(new)).any()


def test_a_release_that_gets_a_concept_back_draws_its_plugin_again_with_nothing_to_restore(
    base: BaseModel, engine: Engine
) -> None:
    first, second = take_out(base, engine), take_out(base, engine, "a fox", "character")
    release(base, engine, first, second)
    plugin = PlugIn.objects.get(concept__name="Ink")
    plugin.publish()
    build = take_back_extraction(first, base.owner, because="It was claimed by mistake.")
    assert build is not None
    (job,) = Job.objects.claim(kinds=["release"], worker="w1")
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_release, config=RELEASE))

    build.refresh_from_db()
    assert [each["name"] for each in build.figures["concepts"]] == ["fox"]
    retest = build.retests.get()
    assert retest.version == plugin.current_version
    make_default(base.releases.get(build=build), base.owner)
    assert [adapter for adapter, _ in engine.laid_over(base.default_release(), [(retest.version, 1.0)])] == [
        adapter for adapter, _ in engine.laid_over(base.default_release())
    ]


def test_a_worker_that_dies_in_the_middle_of_a_build_leaves_one_release_to_the_next(
    base: BaseModel, engine: Engine
) -> None:
    release(base, engine, take_out(base, engine))
    build = approve_extraction(take_out(base, engine, "a fox", "character"), base.owner, reason=REASON)
    (job,) = Job.objects.claim(kinds=["release"], worker="w1")

    class Died(BaseException):
        pass

    def dies_once_it_has_merged() -> bool:
        if ReleaseBuild.objects.get(pk=build.pk).eraser_tensors_sha256:
            raise Died
        return False

    with pytest.raises(Died):
        run_release(job, engine, Lease(job, stopping=dies_once_it_has_merged), config=RELEASE)
    assert BaseRelease.objects.count() == 2
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
    assert Job.objects.reap() == 1

    (again,) = Job.objects.claim(kinds=["release"], worker="w2")
    said: list[str] = []

    class Listening(Lease):
        def report(self, progress: Progress) -> None:
            said.append(progress.message)
            super().report(progress)

    lease = Listening(again)
    attempt(again, engine=engine, lease=lease, runner=partial(run_release, config=RELEASE))
    assert Job.objects.get(pk=job.pk).state == JobState.SUCCEEDED
    assert ReleaseBuild.objects.get(pk=build.pk).state == BuildState.READY
    assert BaseRelease.objects.count() == 3
    assert any(each.startswith("drawing") for each in said)
    assert "combining" not in said, "it was merged by the one that died"


def test_a_stored_eraser_that_was_changed_stops_the_pictures(
    base: BaseModel, engine: Engine, ask: Ask
) -> None:
    made = release(base, engine, take_out(base, engine))
    name = str(made.build.eraser_file.name)
    other = Extraction.objects.get().plugin_file.name
    shutil.copy(default_storage.path(str(other)), default_storage.path(name))

    asked = ask(prompt="a fox")
    assert work(engine=Engine("cpu"), kinds=["generation"], worker="w1") == 1
    assert "the stored file of the eraser of" in Job.objects.get(pk=asked.pk).error
