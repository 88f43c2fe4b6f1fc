"""Verify the whole ledger, and keep what was found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from django.db import connection

from market.jobs.models import Job
from market.ledger.verification import verify
from market.reports.verifying import STEPS, complete_verification
from plugins_engine import Progress
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently


def run_verification(job: Job, engine: Engine, lease: Lease) -> None:
    steps = count()
    with ThreadPoolExecutor(max_workers=1) as reporter:

        def report(check: str) -> None:
            progress = Progress(step=next(steps), steps=STEPS, message=check)
            # This thread's connection reads one snapshot, in which nothing can be written.
            reporter.submit(_report, lease, progress).result()

        found = verify(report)
    patiently(lambda: complete_verification(job=job, token=lease.token, found=found))


def _report(lease: Lease, progress: Progress) -> None:
    try:
        lease.report(progress)
    finally:
        connection.close()
