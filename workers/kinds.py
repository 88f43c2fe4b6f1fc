"""The kinds of job that a worker can do, and where the function for each is.

By name, so that a worker which only draws does not load what only training needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from market.jobs.models import Job
    from workers.engine import Engine
    from workers.lease import Lease

Runner = Callable[["Job", "Engine", "Lease"], None]

RUNNERS: dict[str, str] = {
    "generation": "workers.runners.generation.run_generation",
    "addition": "workers.runners.addition.run_addition",
    "upload": "workers.runners.upload.run_upload",
    "rereading": "workers.runners.rereading.run_rereading",
    "base_check": "workers.runners.base_check.run_check",
    "evidence": "workers.runners.evidence.run_evidence",
    "statement": "workers.runners.statement.run_statement",
    "verification": "workers.runners.verification.run_verification",
    "combination": "workers.runners.combination.run_combination",
    "extraction": "workers.runners.extraction.run_extraction",
    "release": "workers.runners.release.run_release",
    "retraining": "workers.runners.retraining.run_retraining",
    "carrying": "workers.runners.carrying.run_carrying",
}
KINDS = tuple(RUNNERS)


def runner_of(kind: str) -> Runner:
    return cast("Runner", import_string(RUNNERS[kind]))
