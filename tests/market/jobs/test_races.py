"""Two workers, or a worker and a person, at the same moment; on real connections, in real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from django.db import connection, transaction

from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from tests.market.jobs.conftest import CHORE

pytestmark = pytest.mark.django_db(transaction=True)

Result = TypeVar("Result")


def at_once(*calls: Callable[[], Result]) -> list[Result | Exception]:
    """Run each call in a thread of its own, released together; an exception counts as its result."""
    results: list[Result | Exception | None] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(index: int, call: Callable[[], Result]) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=20)
            results[index] = call()
        except Exception as error:  # noqa: BLE001  # whatever was raised is what the test looks at
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return [result for result in results if result is not None]


def test_two_claimers_never_get_one_job(enqueue: Callable[..., Job]) -> None:
    jobs = {enqueue().pk for _ in range(12)}

    def claim_all(worker: str) -> list[object]:
        mine: list[object] = []
        while claimed := Job.objects.claim(kinds=[CHORE], worker=worker):
            mine += [job.pk for job in claimed]
        return mine

    results = at_once(*(lambda name=f"w{n}": claim_all(name) for n in range(4)))

    taken = [pk for result in results if isinstance(result, list) for pk in result]
    assert len(taken) == len(jobs)
    assert set(taken) == jobs
    assert set(Job.objects.values_list("fencing_token", flat=True)) == {1}


def test_a_claimer_does_not_wait_for_another_ones_row(enqueue: Callable[..., Job]) -> None:
    first, second = enqueue(), enqueue()
    with transaction.atomic():
        Job.objects.select_for_update().get(pk=first.pk)
        (claimed,) = at_once(lambda: Job.objects.claim(kinds=[CHORE], worker="w"))
    assert isinstance(claimed, list)
    assert [job.pk for job in claimed] == [second.pk]


def test_success_and_cancel_at_once_have_one_winner(enqueue: Callable[..., Job]) -> None:
    for _ in range(5):
        pk = enqueue().pk
        Job.objects.claim(kinds=[CHORE], worker="w")

        calls: list[Callable[[], object]] = [
            partial(Job.objects.succeed, pk, token=1, result={"made": 1}),
            partial(Job.objects.request_cancel, pk),
        ]
        finished, cancelled = at_once(*calls)

        job = Job.objects.get(pk=pk)
        if isinstance(finished, LeaseLost):
            assert cancelled is True
            assert job.is_cancelling
            assert Job.objects.cancel(pk, token=1)
        else:
            assert isinstance(finished, Job)
            assert cancelled is False
            assert job.state == JobState.SUCCEEDED


def test_two_sweepers_reap_a_job_once(enqueue: Callable[..., Job], settings: object) -> None:
    pk = enqueue().pk
    Job.objects.claim(kinds=[CHORE], worker="w")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_job SET lease_expires_at = now() - interval '1 second'")

    reaped = at_once(Job.objects.reap, Job.objects.reap)

    assert sorted(reaped, key=str) == [0, 1]
    job = Job.objects.get(pk=pk)
    assert (job.state, job.attempt, job.fencing_token) == (JobState.QUEUED, 1, 1)
