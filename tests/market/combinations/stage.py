"""Set the scene for combining: plug-ins with weights of their own, and a worker's hand that ends a combination."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.samples import Sample
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.versions import VersionOutput
from market.combinations import finishing
from market.combinations.models import Combination
from market.combinations.orders import CombinationOrder
from market.combinations.requesting import KIND, request
from market.jobs.models import Job
from tests.market.catalog.pictures import png
from tests.market.stage import merged_adapter


def ask(
    person: User,
    *plugins: PlugIn,
    key: uuid.UUID | None = None,
    agreed: str | None = None,
    **said: Any,
) -> Combination:
    return request(person, CombinationOrder(plugins, **said), key=key or uuid.uuid4(), agreed=agreed)


def claimed(combination: Combination) -> Job:
    (job,) = Job.objects.claim(kinds=[KIND], worker="stage")
    assert job.pk == combination.job_id
    return job


def output(base: BaseModel, name: str = "Duet") -> VersionOutput:
    content = merged_adapter((name, hashlib.sha256(name.encode()).hexdigest(), 10_000))
    return VersionOutput(
        adapter=content,
        file_sha256=hashlib.sha256(content).hexdigest(),
        tensors_sha256=hashlib.sha256(f"combined {name}".encode()).hexdigest(),
        base_fingerprint=base.fingerprint,
        rank=2,
        figures={
            "relative_error": 0.1,
            "seen": [
                {"title": "Ink", "pictures": 8, "by itself": 1.0, "combined": 0.875, "all added up": 0.5}
            ],
        },
        samples=[Sample("a fox, Ink style", 1, png(1))],
    )


def finish(combination: Combination, name: str = "Duet") -> PlugInVersion:
    """Do what a worker does when it is done."""
    job = claimed(combination)
    grids = {"Ink": (("by itself", "combined"), [("a fox, Ink style", [png(2), png(3)])])}
    return finishing.complete(
        job=job, token=job.fencing_token, output=output(combination.release.base, name), grids=grids
    )


def copied(row: Any, **changes: Any) -> Any:
    """Give an unsaved row like another."""
    (values,) = type(row).objects.filter(pk=row.pk).values()
    return type(row)(**values | changes)


def combined(person: User, *plugins: PlugIn, **wish: Any) -> PlugIn:
    """Combine plug-ins to the end; give the plug-in, private to the person."""
    asked = ask(person, *plugins, **wish)
    finish(asked, str(asked.pk))
    return PlugIn.objects.with_everything().get(pk=asked.plugin_id)
