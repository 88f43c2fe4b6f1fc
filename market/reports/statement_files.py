"""Statements with their proofs as files, for months too long to be proved within a web request."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.jobs.kinds import JobKind
from market.jobs.models import Job
from market.ledger.sealing import BATCH, seal_some
from market.ledger.statements import Month, Statement, statement
from market.reports.models import StatementFile
from market.stored_files import files_undone, forget_file

KIND = "statement"
AT_ONCE = 2000
"""A statement with up to so many lines is proved within the web request that asks for it."""


def is_short(made: Statement) -> bool:
    """Whether it can be proved at once. It counts no further than needed."""
    return made.entries()[: AT_ONCE + 1].count() <= AT_ONCE


def request_file(made: Statement, by: User) -> Job:
    """Let a worker make the file of a statement. If one does already, give its job."""
    try:
        with transaction.atomic():
            job = Job.objects.enqueue(kind=KIND, owner=by, parameters={"month": str(made.month)})
            StatementFile.objects.create(job=job, account=made.account, month=str(made.month))
            return job
    except IntegrityError:
        if under_way := job_at_it(made):
            return under_way
        raise


def made_file(made: Statement) -> StatementFile | None:
    """Give the latest file of a statement. For a month that is not over, it has what was posted until it was made."""
    return _files(made).exclude(made_at=None).first()


def job_at_it(made: Statement) -> Job | None:
    under_way = _files(made).filter(made_at=None).select_related("job").first()
    return under_way.job if under_way else None


def statement_for(job: Job) -> Statement:
    """Give the statement that a job was made for."""
    asked = StatementFile.objects.select_related("account__owner").get(job=job)
    return statement(asked.account, Month.named(asked.month))


def seal_what_was_posted(between: Callable[[], None]) -> None:
    """Seal all that was posted, so that every line can be proved; `between` is called after every batch."""
    while seal_some() >= BATCH:
        between()


def complete_file(*, job: Job, token: int, content: bytes) -> StatementFile:
    """Keep the file that a worker made, in place of the one before. Raises LeaseLost, and then keeps nothing."""
    with files_undone() as stored, transaction.atomic():
        Job.objects.succeed(job.pk, token=token, result={"bytes": len(content)})
        asked = StatementFile.objects.get(job=job)
        earlier = StatementFile.objects.filter(account=asked.account_id, month=asked.month)
        for before in earlier.exclude(made_at=None):
            _forget(before)
        asked.file = ContentFile(content, name=f"{uuid.uuid4().hex}.json")
        asked.made_at = timezone.now()
        stored.append(asked.file)
        asked.save(update_fields=["file", "made_at"])
        return asked


def _files(made: Statement) -> QuerySet[StatementFile]:
    return StatementFile.objects.filter(account=made.account, month=str(made.month))


def _forget(before: StatementFile) -> None:
    file = before.file
    before.delete()
    transaction.on_commit(partial(forget_file, file), robust=True)


def _withdraw(job: Job) -> None:
    """Delete an order that failed. The job says why."""
    StatementFile.objects.filter(job=job, made_at=None).delete()


def _describe(job: Job) -> str:
    return f"Statement of {Month.named(job.parameters['month']).first:%B %Y} with proofs"


def _statement_url(job: Job) -> str:
    return reverse("reports:statement", args=[job.parameters["month"]])


JOB = JobKind(
    name=KIND,
    label="Statement with proofs",
    settle=_withdraw,
    describe=_describe,
    result_url=_statement_url,
    origin_url=_statement_url,
    result_template="reports/_statement_result.html",
)
