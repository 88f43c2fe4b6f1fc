"""How a job changes state, and what a late, repeated or lost attempt can do: nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from market.accounts.models import User
from market.jobs.kinds import UnknownKind
from market.jobs.lifecycle import LeaseLost, wait_after
from market.jobs.models import Job
from market.jobs.states import JobState
from market.jobs.sweeping import sweep
from tests.market.jobs.conftest import CHORE

pytestmark = pytest.mark.django_db


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_a_claimed_job_carries_a_lease_a_token_and_its_worker(enqueue: Callable[..., Job]) -> None:
    made = enqueue(parameters={"n": 1})

    (job,) = Job.objects.claim(kinds=[CHORE], worker="w1")

    assert job.pk == made.pk
    assert (job.state, job.attempt, job.fencing_token, job.worker) == (JobState.RUNNING, 1, 1, "w1")
    assert job.lease_expires_at is not None
    assert job.started_at is not None
    assert job.parameters == {"n": 1}


def test_a_job_is_claimed_once(enqueue: Callable[..., Job]) -> None:
    enqueue()
    assert len(Job.objects.claim(kinds=[CHORE], worker="w1")) == 1
    assert Job.objects.claim(kinds=[CHORE], worker="w2") == []


def test_the_urgent_kind_is_claimed_first_and_otherwise_the_oldest(enqueue: Callable[..., Job]) -> None:
    first, second, urgent = enqueue(), enqueue(), enqueue(kind="urgent-chore")

    claimed = [Job.objects.claim(kinds=[CHORE, "urgent-chore"], worker="w")[0].pk for _ in range(3)]

    assert claimed == [urgent.pk, first.pk, second.pk]


def test_a_worker_claims_only_the_kinds_it_serves(enqueue: Callable[..., Job]) -> None:
    enqueue()
    assert Job.objects.claim(kinds=["urgent-chore"], worker="w") == []


def test_a_batch_takes_only_jobs_with_the_same_key(enqueue: Callable[..., Job]) -> None:
    one, _other, two = enqueue(batch_key="a"), enqueue(batch_key="b"), enqueue(batch_key="a")

    jobs = Job.objects.claim(kinds=[CHORE], worker="w", limit=5)

    assert [job.pk for job in jobs] == [one.pk, two.pk]


def test_jobs_without_a_batch_key_are_claimed_alone(enqueue: Callable[..., Job]) -> None:
    enqueue()
    enqueue()
    assert len(Job.objects.claim(kinds=[CHORE], worker="w", limit=5)) == 1


def test_an_unknown_kind_is_refused_when_it_is_enqueued(user: User) -> None:
    with pytest.raises(UnknownKind, match="no job kind named 'nonsense'"):
        Job.objects.enqueue(kind="nonsense", owner=user, parameters={})


def test_a_heartbeat_prolongs_the_lease_and_keeps_the_progress(running: Job) -> None:
    Job.objects.filter(pk=running.pk).update(lease_expires_at=Now() + timedelta(seconds=1))

    assert Job.objects.heartbeat(running.pk, token=1, progress={"step": 3, "steps": 10})

    running.refresh_from_db()
    assert running.percent == 30
    assert running.lease_expires_at is not None
    assert running.heartbeat_at is not None
    assert running.lease_expires_at - running.heartbeat_at > timedelta(seconds=5)


def test_success_ends_the_job_with_its_result(running: Job, chores: list[tuple[UUID, str]]) -> None:
    job = Job.objects.succeed(running.pk, token=1, result={"made": 3})

    assert (job.state, job.result, job.lease_expires_at) == (JobState.SUCCEEDED, {"made": 3}, None)
    assert job.finished_at is not None
    assert chores == []


def test_success_is_reported_once(running: Job) -> None:
    Job.objects.succeed(running.pk, token=1, result={"made": 3})

    with pytest.raises(LeaseLost):
        Job.objects.succeed(running.pk, token=1, result={"made": 4})

    running.refresh_from_db()
    assert running.result == {"made": 3}


def test_failure_settles_in_the_same_transaction(running: Job, chores: list[tuple[UUID, str]]) -> None:
    assert Job.objects.fail(running.pk, token=1, error="the works are all white")

    running.refresh_from_db()
    assert (running.state, running.error) == (JobState.FAILED, "the works are all white")
    assert chores == [(running.pk, "failed")]


def test_a_job_that_cannot_be_settled_does_not_end(enqueue: Callable[..., Job]) -> None:
    enqueue(parameters={"refuses_to_settle": True})
    (job,) = Job.objects.claim(kinds=[CHORE], worker="w")

    with pytest.raises(RuntimeError, match="cannot settle"):
        Job.objects.fail(job.pk, token=1, error="broken")

    job.refresh_from_db()
    assert job.state == JobState.RUNNING


def test_a_passing_failure_is_tried_three_times_then_fails(
    enqueue: Callable[..., Job], chores: list[tuple[UUID, str]], settings: Any
) -> None:
    settings.JOBS = replace(settings.JOBS, retry_seconds=0)
    made = enqueue()
    for attempt in (1, 2, 3):
        (job,) = Job.objects.claim(kinds=[CHORE], worker="w")
        assert (job.attempt, job.fencing_token) == (attempt, attempt)
        Job.objects.fail(job.pk, token=job.fencing_token, error="out of memory", retry=True)

    made.refresh_from_db()
    assert (made.state, made.error, made.attempt) == (JobState.FAILED, "out of memory", 3)
    assert chores == [(made.pk, "failed")]
    assert Job.objects.claim(kinds=[CHORE], worker="w") == []


def test_after_a_failure_a_job_waits_longer_each_time_and_not_alike(
    enqueue: Callable[..., Job], running: Job, settings: Any
) -> None:
    settings.JOBS = replace(settings.JOBS, retry_seconds=10)
    for attempt in range(1, 8):
        longest = min(10 * 2 ** (attempt - 1), 300)
        waits = {wait_after(attempt).total_seconds() for _ in range(20)}
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(waits) > 1, "what failed together is not tried again together"

    Job.objects.fail(running.pk, token=1, error="out of memory", retry=True)

    running.refresh_from_db()
    assert running.waits_to_retry
    assert Job.objects.claim(kinds=[CHORE], worker="w") == []
    assert sweep().woken == 0, "nobody is woken before it is time"
    other = enqueue()
    assert Job.objects.claim(kinds=[CHORE], worker="w") == [other], "others do not wait for it"

    Job.objects.filter(pk=running.pk).update(ready_at=Now())
    assert sweep().woken == 1
    (again,) = Job.objects.claim(kinds=[CHORE], worker="w")
    assert (again.pk, again.attempt) == (running.pk, 2)


def test_a_job_handed_back_keeps_its_attempts(running: Job) -> None:
    assert Job.objects.release(running.pk, token=1)

    running.refresh_from_db()
    assert (running.state, running.attempt, running.worker) == (JobState.QUEUED, 0, "")
    (again,) = Job.objects.claim(kinds=[CHORE], worker="second")
    assert (again.attempt, again.fencing_token) == (1, 2)


def test_a_waiting_job_is_cancelled_at_once(
    enqueue: Callable[..., Job], chores: list[tuple[UUID, str]]
) -> None:
    job = enqueue()

    assert Job.objects.request_cancel(job.pk)

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert chores == [(job.pk, "cancelled")]
    assert Job.objects.claim(kinds=[CHORE], worker="w") == []


def test_a_running_job_is_asked_to_stop_and_cannot_succeed_any_more(
    running: Job, chores: list[tuple[UUID, str]]
) -> None:
    assert Job.objects.request_cancel(running.pk)
    running.refresh_from_db()
    assert running.is_cancelling

    assert not Job.objects.heartbeat(running.pk, token=1, progress={"step": 1})
    with pytest.raises(LeaseLost):
        Job.objects.succeed(running.pk, token=1, result={})

    assert Job.objects.cancel(running.pk, token=1)
    running.refresh_from_db()
    assert running.state == JobState.CANCELLED
    assert chores == [(running.pk, "cancelled")]


@pytest.mark.parametrize("how", ["fail", "retry", "release"])
def test_a_job_asked_to_stop_ends_as_cancelled_however_its_worker_leaves_it(running: Job, how: str) -> None:
    Job.objects.request_cancel(running.pk)

    if how == "release":
        Job.objects.release(running.pk, token=1)
    else:
        Job.objects.fail(running.pk, token=1, error="broken", retry=how == "retry")

    running.refresh_from_db()
    assert running.state == JobState.CANCELLED


def test_cancelling_twice_changes_nothing_more(running: Job, chores: list[tuple[UUID, str]]) -> None:
    Job.objects.request_cancel(running.pk)
    assert Job.objects.request_cancel(running.pk)
    Job.objects.cancel(running.pk, token=1)

    assert not Job.objects.request_cancel(running.pk)
    assert len(chores) == 1


def test_a_worker_cannot_cancel_what_nobody_asked_to_cancel(running: Job) -> None:
    assert not Job.objects.cancel(running.pk, token=1)
    running.refresh_from_db()
    assert running.state == JobState.RUNNING


def test_an_expired_lease_lets_the_next_worker_try(running: Job) -> None:
    expire(running)

    assert Job.objects.reap() == 1

    (again,) = Job.objects.claim(kinds=[CHORE], worker="second")
    assert (again.pk, again.attempt, again.fencing_token, again.worker) == (running.pk, 2, 2, "second")


def test_a_lease_that_has_not_run_out_is_left_alone(running: Job) -> None:
    assert Job.objects.reap() == 0


def test_after_three_lost_leases_the_job_fails_and_says_so(
    enqueue: Callable[..., Job], chores: list[tuple[UUID, str]]
) -> None:
    made = enqueue()
    for _ in range(3):
        (job,) = Job.objects.claim(kinds=[CHORE], worker="w")
        expire(job)
        Job.objects.reap()

    made.refresh_from_db()
    assert made.state == JobState.FAILED
    assert "3 times in a row" in made.error
    assert chores == [(made.pk, "failed")]


def test_an_expired_lease_of_a_job_asked_to_stop_ends_it(running: Job) -> None:
    Job.objects.request_cancel(running.pk)
    expire(running)

    Job.objects.reap()

    running.refresh_from_db()
    assert running.state == JobState.CANCELLED


def test_a_zombie_attempt_changes_nothing(running: Job, chores: list[tuple[UUID, str]]) -> None:
    """The first worker comes back after its lease went to a second one."""
    expire(running)
    Job.objects.reap()
    (second,) = Job.objects.claim(kinds=[CHORE], worker="second")
    before = Job.objects.filter(pk=running.pk).values().get()

    assert not Job.objects.heartbeat(running.pk, token=1, progress={"step": 99})
    with pytest.raises(LeaseLost):
        Job.objects.succeed(running.pk, token=1, result={"from": "zombie"})
    assert not Job.objects.fail(running.pk, token=1, error="zombie")
    assert not Job.objects.release(running.pk, token=1)
    assert not Job.objects.cancel(running.pk, token=1)

    assert Job.objects.filter(pk=running.pk).values().get() == before
    assert chores == []
    Job.objects.succeed(second.pk, token=2, result={"from": "second"})


def test_a_failed_job_can_be_abandoned_only_while_it_lives(enqueue: Callable[..., Job]) -> None:
    job = enqueue()
    assert Job.objects.abandon(job.pk, error="too late")
    assert not Job.objects.abandon(job.pk, error="too late")


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": "resting"}, "job_state_is_known"),
        ({"lease_expires_at": Now()}, "job_holds_a_lease_only_while_running"),
        ({"state": "running", "attempt": 1, "fencing_token": 1}, "job_holds_a_lease_only_while_running"),
        ({"finished_at": Now()}, "job_has_an_end_time_when_ended"),
        ({"state": "cancelled"}, "job_has_an_end_time_when_ended"),
        ({"attempt": 4, "fencing_token": 4}, "job_attempts_within_limit"),
        ({"attempt": 1}, "job_token_grows_with_attempts"),
        ({"state": "succeeded", "finished_at": Now()}, "job_attempted_before_it_runs_or_succeeds"),
        ({"state": "failed", "finished_at": Now()}, "job_says_why_it_failed"),
        ({"work_units": 0}, "job_work_is_positive"),
    ],
)
def test_the_database_refuses_a_job_in_no_proper_state(
    enqueue: Callable[..., Job], changes: dict[str, object], constraint: str
) -> None:
    job = enqueue()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**changes)
