"""Long jobs are taken up by turns between their owners, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from market.accounts.models import User
from market.jobs import kinds
from market.jobs.models import Job
from market.wiring import JOB_KINDS

pytestmark = pytest.mark.django_db

LONG = "long-chore"
Ask = Callable[[User, int], Job]


@pytest.fixture(autouse=True)
def known() -> None:
    kinds.register(kinds.JobKind(name=LONG, label="Long chore", by_turns=True))


@pytest.fixture
def ask() -> Ask:
    """Ask for a long job at a minute of a day that has gone by."""
    began = timezone.now() - timedelta(days=1)

    def make(owner: User, minute: int) -> Job:
        job = Job.objects.enqueue(kind=LONG, owner=owner, parameters={})
        Job.objects.filter(pk=job.pk).update(created_at=began + timedelta(minutes=minute))
        return job

    return make


def take() -> Job:
    (job,) = Job.objects.claim(kinds=[LONG, "chore", "urgent-chore"], worker="w")
    return job


def done() -> Iterator[User]:
    """One worker does all that waits; give whose each was."""
    while taken := Job.objects.claim(kinds=[LONG], worker="w"):
        (job,) = taken
        yield job.owner
        Job.objects.succeed(job.pk, token=job.fencing_token, result={})


def test_one_worker_goes_round_the_owners(ask: Ask, user: User, artist: User, stranger: User) -> None:
    for minute in range(3):
        ask(user, minute)
    ask(artist, 4)
    ask(artist, 5)
    ask(stranger, 6)

    assert list(done()) == [user, artist, stranger, user, artist, user]


def test_an_owner_with_one_running_waits_behind_those_with_none(ask: Ask, user: User, artist: User) -> None:
    ask(user, 0)
    ask(user, 1)
    first = take()
    Job.objects.filter(pk=first.pk).update(started_at=timezone.now() - timedelta(days=1, minutes=1))
    ask(artist, 60)

    assert [first.owner, take().owner, take().owner] == [user, artist, user]


def test_owners_who_ask_later_do_not_keep_a_job_waiting_for_ever(ask: Ask, user: User, artist: User) -> None:
    ask(user, 0)
    waiting = ask(user, 1)
    first = take()
    Job.objects.succeed(first.pk, token=first.fencing_token, result={})
    Job.objects.enqueue(kind=LONG, owner=artist, parameters={})

    assert take().pk == waiting.pk


def test_other_kinds_go_by_age_and_urgency_as_ever(ask: Ask, user: User, artist: User) -> None:
    ask(user, 1)
    old = Job.objects.enqueue(kind="chore", owner=user, parameters={})
    Job.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    urgent = Job.objects.enqueue(kind="urgent-chore", owner=artist, parameters={})

    assert [take().pk, take().pk, take().kind] == [urgent.pk, old.pk, LONG]


def test_what_takes_long_and_anybody_may_ask_for_takes_turns() -> None:
    assert {kind.name for kind in JOB_KINDS if kind.by_turns} == {
        "addition",
        "carrying",
        "combination",
        "evidence",
    }
