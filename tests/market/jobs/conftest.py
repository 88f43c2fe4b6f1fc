"""A kind of job that only these tests know, which writes down what it settles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from market.accounts.models import User
from market.jobs import kinds
from market.jobs.models import Job

CHORE = "chore"
settled: list[tuple[UUID, str]] = []


def _settle(job: Job) -> None:
    settled.append((job.pk, job.state))
    if job.parameters.get("refuses_to_settle"):
        raise RuntimeError("cannot settle")


@pytest.fixture(autouse=True)
def chores() -> list[tuple[UUID, str]]:
    """Register the kind; returns what was settled in this test."""
    kinds.register(kinds.JobKind(name=CHORE, label="Chore", settle=_settle))
    kinds.register(kinds.JobKind(name="urgent-chore", label="Urgent chore", priority=5))
    settled.clear()
    return settled


@pytest.fixture
def enqueue(user: User) -> Callable[..., Job]:
    def make(**changes: Any) -> Job:
        terms: dict[str, Any] = {"kind": CHORE, "owner": user, "parameters": {}}
        return Job.objects.enqueue(**terms | changes)

    return make


@pytest.fixture
def running(enqueue: Callable[..., Job]) -> Job:
    """A job in its first attempt."""
    enqueue()
    (job,) = Job.objects.claim(kinds=[CHORE], worker="first")
    return job
