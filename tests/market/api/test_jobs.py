"""Jobs by the API: looked at, waited for, cancelled."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.jobs.models import Job
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.stage import make_order, run, top_up


@pytest.fixture
def job(user: User, base: BaseModel) -> Job:
    top_up(user)
    return run(user, make_order(base)).job


def test_a_job_says_where_it_stands(user: User, job: Job, program_of: ProgramOf) -> None:
    said = program_of(user).get(f"jobs/{job.pk}").json()

    assert (said["state"], said["ended"], said["ahead"], said["kind"]) == ("queued", False, 0, "generation")
    assert [each["id"] for each in program_of(user).get("jobs").json()["results"]] == [str(job.pk)]


def test_a_job_is_cancelled_once(user: User, job: Job, program_of: ProgramOf) -> None:
    program = program_of(user)

    assert program.post(f"jobs/{job.pk}/cancel").json()["state"] == "cancelled"

    said = problem(program.post(f"jobs/{job.pk}/cancel"), 409, "not-possible")
    assert "already ended" in said["detail"]


def test_a_stranger_finds_no_job_and_an_admin_cancels_on_the_record(
    user: User, job: Job, stranger: User, admin: User, program_of: ProgramOf
) -> None:
    problem(program_of(stranger).get(f"jobs/{job.pk}"), 404, "not-found")
    problem(program_of(stranger).post(f"jobs/{job.pk}/cancel"), 404, "not-found")

    assert program_of(admin).post(f"jobs/{job.pk}/cancel").status_code == 200

    assert AuditLine.objects.get(action="job.cancelled").person == admin


def test_a_job_that_has_ended_is_not_waited_for(user: User, job: Job, program_of: ProgramOf) -> None:
    Job.objects.request_cancel(job.pk)
    started = time.monotonic()

    said = program_of(user).get(f"jobs/{job.pk}", Prefer="wait=20").json()

    assert said["ended"] is True
    assert time.monotonic() - started < 15


def _cancel(job: Job) -> bool:
    """Cancel a job from elsewhere: the thread of the test is the one that waits."""
    try:
        return Job.objects.request_cancel(job.pk)
    finally:
        connection.close()


def _wait(program: Program, job: Job, seconds: int) -> Any:
    headers = {"Authorization": f"Bearer {program.words}", "Prefer": f"respond-async, wait={seconds}"}
    return AsyncClient().get(f"/api/v1/jobs/{job.pk}", headers=headers)


@pytest.mark.django_db(transaction=True)
async def test_waiting_ends_when_the_job_does(user: User, job: Job, program_of: ProgramOf) -> None:
    program = await sync_to_async(program_of)(user)
    waiting = asyncio.create_task(_wait(program, job, 20))
    await asyncio.sleep(1)
    assert not waiting.done()

    assert await asyncio.to_thread(_cancel, job)
    answer = await waiting

    assert answer.json()["state"] == "cancelled"
    assert answer["Preference-Applied"] == "wait=20"


@pytest.mark.django_db(transaction=True)
async def test_waiting_ends_with_the_time_that_was_asked_for(
    user: User, job: Job, program_of: ProgramOf
) -> None:
    program = await sync_to_async(program_of)(user)

    answer = await _wait(program, job, 1)

    assert answer.json()["state"] == "queued"
    assert answer["Preference-Applied"] == "wait=1"
