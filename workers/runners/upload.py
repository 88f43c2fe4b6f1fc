"""Read an uploaded plug-in, see that it fits its base, and draw pictures that show what it does."""

from __future__ import annotations

from market.catalog import plugin_uploads as catalog
from market.catalog.trying import release_to_try
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import Adapter, BadAdapter, completed, require_fit
from workers.adapters import named, output_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.samples import draw_samples


def run_upload(job: Job, engine: Engine, lease: Lease) -> None:
    lease.say("reading the file")
    try:
        inputs = catalog.inputs(job)
        release = release_to_try(inputs.plugin_id, inputs.base_fingerprint)
        base = engine.base(release)
        lasting = engine.laid_over(release)
        lease.check()
        adapter = Adapter.load(inputs.data, base.layers)
        require_fit(base, adapter)
        catalog.require_layers(adapter.name, len(adapter.layers))
        adapter = named(completed(base, adapter), base, name=inputs.name, kind=inputs.kind)
        samples = draw_samples(base, adapter, inputs.sample_prompts, release, lease.report, under=lasting)
        output = output_of(adapter, base, {}, samples)
        patiently(lambda: catalog.complete_upload(job=job, token=lease.token, output=output))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadAdapter(str(refusal)) from refusal
