"""Combining a plug-in that restores what a release lacks: the real engine, on a base that says what it knows."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn, PlugInVersion
from market.combinations.choosing import draw_quote
from market.combinations.orders import CombinationOrder
from market.combinations.requesting import KIND, request
from market.extractions.releases import make_default
from market.generation.orders import QuoteOrder
from market.generation.requesting import settle_terms
from market.jobs.models import Job
from market.jobs.states import JobState
from market.refusals import Refused
from tests.market.stage import top_up
from tests.workers.test_combination import RUNNER
from tests.workers.test_extraction import base, loaded, pipeline, release, take_out
from workers.engine import Engine
from workers.lease import Lease
from workers.running import attempt

__all__ = ["base", "loaded", "pipeline"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_is_for_the_release_it_was_combined_on(
    base: BaseModel, model_owner: User, artist: User, engine: Engine, make_real_plugin: Callable[..., PlugIn]
) -> None:
    first = base.default_release()
    without = release(base, engine, take_out(base, engine))
    restoring = PlugIn.objects.get(owner=model_owner)
    felt = make_real_plugin(artist, name="Felt", seed=3)
    top_up(model_owner)

    assert draw_quote(model_owner, CombinationOrder([restoring, felt])).only_release
    asked = request(model_owner, CombinationOrder([restoring, felt], "Both"), key=uuid.uuid4())
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    attempt(job, engine=engine, lease=Lease(job), runner=RUNNER)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    version = PlugInVersion.objects.get(job=job)
    assert version.only_release == without
    order = QuoteOrder(base=base, plugins=((asked.plugin_id, 1.0),))
    assert settle_terms(order, model_owner).release == without

    make_default(first, model_owner)
    with pytest.raises(Refused, match="was combined for release 2 of Tiny"):
        settle_terms(order, model_owner)
    with pytest.raises(Refused, match="restores what Tiny, release 1 never lost"):
        draw_quote(model_owner, CombinationOrder([restoring, felt]))
    with pytest.raises(Refused, match="was combined for release 2 of Tiny"):
        draw_quote(model_owner, CombinationOrder([PlugIn.objects.get(pk=asked.plugin_id), felt]))
