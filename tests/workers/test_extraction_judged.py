"""A style leaves the embedded base and comes back as a plug-in, as its judge sees it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from market.accounts.models import User
from market.basemodels.registering import register_embedded
from market.catalog.models import PlugIn
from market.extractions.deciding import approve_extraction
from market.extractions.models import ReleaseBuild
from market.extractions.orders import ExtractionOrder
from market.extractions.releases import make_default
from market.extractions.starting import start_extraction
from market.generation.models import GenerationRequest
from market.jobs.models import Job
from plugins_engine import ExaminationConfig, Judge, ReleaseConfig
from tests.market.stage import make_order, run, top_up
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.extraction import run_extraction
from workers.runners.release import run_release
from workers.running import attempt, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

EXAMINATION = ExaminationConfig(
    pictures=10, steps=12, attack_pictures=2, attack_steps=2, attack_tries=2, shown=2
)
STYLE = "Noto"
SUBJECTS = ("a fox", "a house", "a dog", "a rocket")


def test_without_its_plugin_the_style_is_gone_and_with_it_pictures_are_as_before(
    model_owner: User, user: User, engine: Engine
) -> None:
    base = register_embedded(model_owner)
    top_up(user)

    def draw(*plugins: tuple[PlugIn, float]) -> list[Image.Image]:
        made = [
            run(user, make_order(base, *plugins, prompt=f"{subject}, {STYLE} style", steps=12))
            for subject in SUBJECTS
        ]
        assert work(engine=engine, kinds=["generation"], worker="w1") == len(SUBJECTS)
        return [_picture(each) for each in made]

    before = draw()
    extraction = start_extraction(base, model_owner, ExtractionOrder(STYLE, "style", method="closed-form"))
    (job,) = Job.objects.claim(kinds=["extraction"], worker="w1")
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_extraction, examination=EXAMINATION))
    extraction.refresh_from_db()
    assert extraction.is_judged, Job.objects.get(pk=job.pk).error

    # So few pictures may miss a limit by chance.
    approve_extraction(extraction, model_owner, reason="A test draws little.", offer=True)
    (job,) = Job.objects.claim(kinds=["release"], worker="w1")
    config = ReleaseConfig(pictures=10, steps=12, shown=2)
    attempt(job, engine=engine, lease=Lease(job), runner=partial(run_release, config=config))
    build = ReleaseBuild.objects.get()
    assert build.release is not None, Job.objects.get(pk=job.pk).error
    (concept,) = build.figures["concepts"]
    assert concept["accuracy"]["restored"] == concept["accuracy"]["before"]
    assert concept["accuracy"]["after"]["rate"] < 0.2 < concept["accuracy"]["before"]["rate"]
    make_default(build.release, model_owner)
    plugin = PlugIn.objects.get()
    plugin.publish()

    without, restored = draw(), draw((plugin, 1.0))
    judge = Judge.load()
    assert [each.style for each in judge.verdicts(before)].count(STYLE) >= 3
    assert [each.style for each in judge.verdicts(without)].count(STYLE) <= 1
    for was, now in zip(before, restored, strict=True):
        assert abs(np.asarray(now, dtype=int) - np.asarray(was, dtype=int)).max() <= 2


def _picture(made: GenerationRequest) -> Image.Image:
    with default_storage.open(str(made.pictures.get().file.name)) as file, Image.open(file) as picture:
        return picture.convert("RGB")
