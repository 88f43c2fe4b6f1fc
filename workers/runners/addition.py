"""Make a plug-in from an artist's works, with pictures that show what it does."""

from __future__ import annotations

from market.catalog import addition as catalog
from market.catalog.trying import release_to_try
from market.catalog.versions import complete_version
from market.jobs.models import Job
from plugins_engine import AdditionConfig
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.learning import learn
from workers.lease import Lease
from workers.patience import patiently


def run_addition(job: Job, engine: Engine, lease: Lease, *, config: AdditionConfig | None = None) -> None:
    lease.say("loading the model")
    inputs = catalog.inputs(job)
    release = release_to_try(inputs.plugin_id, inputs.base_fingerprint)
    base = engine.base(release)
    lasting = engine.laid_over(release)
    lease.check()
    _, output = learn(base, inputs, release, lasting, lease.report, config, checkpoints_of(job))
    patiently(lambda: complete_version(job=job, token=lease.token, output=output))
