"""Read an uploaded plug-in, see that it fits its base, and draw pictures that show what it does."""

from __future__ import annotations

from dataclasses import replace

from market.catalog import plugin_uploads as catalog
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import Adapter, BadAdapter, completed, require_fit
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.addition import draw_samples, output_of, release_for


def run_upload(job: Job, engine: Engine, lease: Lease) -> None:
    lease.say("reading the file")
    try:
        inputs = catalog.inputs(job)
        release = release_for(inputs.plugin_id, inputs.base_fingerprint)
        base = engine.base(release)
        lasting = engine.laid_over(release)
        lease.check()
        adapter = Adapter.load(inputs.data, base.layers)
        require_fit(base, adapter)
        if not adapter.layers:
            raise BadAdapter(
                f"{adapter.name}: expected a LoRA, alone or with learned tokens, found learned tokens alone"
            )
        adapter = completed(base, adapter)
        # As the market calls it, and for the base that it was found to fit.
        adapter = replace(
            adapter,
            name=inputs.name,
            kind=inputs.kind,
            base_fingerprint=base.fingerprint,
            architecture=base.architecture,
        )
        samples = draw_samples(base, adapter, inputs.sample_prompts, release, lease.report, under=lasting)
        catalog.complete_upload(job=job, token=lease.token, output=output_of(adapter, base, {}, samples))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadAdapter(str(refusal)) from refusal
