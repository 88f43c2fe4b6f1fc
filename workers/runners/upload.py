"""Read an uploaded plug-in, see that it fits its base, and draw pictures that show what it does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from market.catalog import plugin_uploads as catalog
from market.catalog.models import PlugInVersion
from market.catalog.plugin_likeness import (
    NOTHING,
    Compared,
    Likeness,
    keep_sketch,
    require_own,
    without_sketch,
)
from market.catalog.trying import release_to_try
from market.catalog.versions import VersionOutput
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    Adapter,
    BadAdapter,
    BaseCheckpoint,
    Progress,
    completed,
    explained,
    require_fit,
)
from workers.adapters import named, output_of, sketch_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.samples import draw_samples

log = logging.getLogger(__name__)


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
        against = _against(job, engine, lease, base, output)
        likeness = _likeness(engine, lease, base, adapter, against)
        require_own(job, against, likeness)  # before pictures are drawn of it
        samples = draw_samples(base, adapter, inputs.sample_prompts, release, lease.report, under=lasting)
        output = replace(output, samples=samples)
        patiently(
            lambda: catalog.complete_upload(
                job=job, token=lease.token, output=output, against=against, likeness=likeness
            )
        )
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadAdapter(str(refusal)) from refusal


def _against(job: Job, engine: Engine, lease: Lease, base: BaseCheckpoint, output: VersionOutput) -> Compared:
    """Make the sketches that are missing, and choose what the file is compared with."""
    if not any(output.sketch):
        raise BadResult(NOTHING)
    missing = without_sketch(base.fingerprint)
    for number, version in enumerate(missing, start=1):
        lease.report(Progress(number, len(missing), message="getting to know other plug-ins"))
        if (adapter := _readable(engine, version)) is not None:
            keep_sketch(version, sketch_of(adapter, base))
    return catalog.compared(job, output)


def _likeness(
    engine: Engine, lease: Lease, base: BaseCheckpoint, adapter: Adapter, against: Compared
) -> Likeness:
    """Say how much of a plug-in its stated parts, and then those of others, explain beyond its owner's own."""

    def explain(some: Sequence[PlugInVersion], given: Sequence[Adapter]) -> tuple[float, dict[int, float]]:
        held = {each.pk: one for each in some if (one := _readable(engine, each)) is not None}
        if not held:
            return 0.0, {}
        found = explained(base, adapter, list(held.values()), given, _told(lease))
        return found.total, dict(zip(held, found.alone, strict=True))

    own = [found for each in against.own if (found := _readable(engine, each)) is not None]
    parts = [version for version, _ in against.stated]
    _, stated = explain(parts, own)
    named = [found for each in parts if (found := _readable(engine, each)) is not None]
    total, others = explain(against.others, [*own, *named])
    return Likeness(total, others, stated)


def _told(lease: Lease) -> Callable[[int, int], None]:
    return lambda done, count: lease.report(Progress(done, count, message="comparing it with other plug-ins"))


def _readable(engine: Engine, version: PlugInVersion) -> Adapter | None:
    """Give a version's weights; None where they cannot be read, which is not for a stranger to be stopped by, or told of."""
    try:
        return engine.adapter(version)
    except (BadAdapter, OSError):
        log.exception("%s cannot be compared with an upload", version)
        return None
