"""Read an uploaded plug-in again, and compare it with the version that was made of it."""

from __future__ import annotations

from market.catalog.rereading import Reread, complete_rereading, version_of
from market.catalog.trying import release_to_try
from market.jobs.models import Job
from plugins_engine import Adapter, BadAdapter, BaseMismatch, completed, difference, require_fit
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently


def run_rereading(job: Job, engine: Engine, lease: Lease) -> None:
    lease.say("reading the file")
    version = version_of(job)
    base = engine.base(release_to_try(version.plugin_id, version.base_fingerprint))
    with version.original.file.open("rb") as kept:
        content = kept.read()
    lease.check()
    try:
        adapter = Adapter.load(content, base.layers)
        require_fit(base, adapter)
        found = Reread(differs=difference(base, completed(base, adapter), engine.adapter(version)))
    except (BadAdapter, BaseMismatch) as refusal:
        found = Reread(refusal=str(refusal))
    patiently(lambda: complete_rereading(job=job, token=lease.token, found=found))
