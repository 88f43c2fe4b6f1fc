"""Read an uploaded plug-in, see that it fits its base, and draw pictures that show what it does."""

from __future__ import annotations

from dataclasses import replace

from market.catalog import plugin_uploads as catalog
from market.catalog.plugin_likeness import keep_sketch, require_own, without_sketch
from market.catalog.trying import release_to_try
from market.catalog.versions import VersionOutput
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    Adapter,
    BadAdapter,
    BaseCheckpoint,
    completed,
    known_beside,
    require_fit,
    shares_within,
)
from workers.adapters import named, output_of, sketch_of
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
        output = output_of(adapter, base, {}, [])
        lease.say("comparing it with other plug-ins")
        shares = _shares(job, engine, lease, base, adapter, output)
        require_own(job, shares)  # before pictures are drawn of it
        samples = draw_samples(base, adapter, inputs.sample_prompts, release, lease.report, under=lasting)
        output = replace(output, samples=samples)
        patiently(lambda: catalog.complete_upload(job=job, token=lease.token, output=output, shares=shares))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadAdapter(str(refusal)) from refusal


def _shares(
    job: Job, engine: Engine, lease: Lease, base: BaseCheckpoint, adapter: Adapter, output: VersionOutput
) -> dict[int, float]:
    """Say how much of a plug-in each of others' explains, by version."""
    for version in without_sketch(base.fingerprint):
        lease.check()
        keep_sketch(version, sketch_of(engine.adapter(version), base))
    compared = catalog.compared(job, output)
    lease.check()
    given, others = (
        [known_beside(base, engine.adapter(version)) for version in some]
        for some in (compared.given, compared.others)
    )
    found = shares_within(known_beside(base, adapter), others, given)
    return {version.pk: share for version, share in zip(compared.others, found, strict=True)}
