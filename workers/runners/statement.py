"""Make the file of a long statement: its lines, each with the proof that it is in the tree."""

from __future__ import annotations

from market.jobs.models import Job
from market.ledger.statements import proved
from market.reports.statement_files import complete_file, seal_what_was_posted, statement_for
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently


def run_statement(job: Job, engine: Engine, lease: Lease) -> None:
    lease.say("sealing what was posted last")
    seal_what_was_posted(lease.check)
    lease.say("proving line by line")
    content = proved(statement_for(job))
    lease.check()
    patiently(lambda: complete_file(job=job, token=lease.token, content=content))
