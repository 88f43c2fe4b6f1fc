"""A worker verifies the ledger and makes the files of long statements, and shows on the way how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from market.accounts.models import Role, User
from market.catalog.models import PlugIn
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger import operations as ledger
from market.ledger.models import Entry
from market.ledger.signing import signer
from market.ledger.statements import Month, statement
from market.ledger.verify_statement import verify
from market.reports import statement_files, verifying
from market.reports.models import StatementFile, VerificationRun
from plugins_engine import Progress
from tests.market.conftest import make_person
from tests.workers.conftest import Ask
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.verification import run_verification
from workers.running import attempt, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(ask: Ask, plugin: PlugIn) -> None:
    for _ in range(3):
        request = ask((plugin, 1.0))
        assert request.hold is not None
        ledger.capture(hold=request.hold, key=f"{request.reference}:capture")


@pytest.fixture
def boss(db: None) -> User:
    return make_person("Adele Admin", Role.ADMIN)


def test_a_verification_ends_with_what_was_found(paid: None, boss: User, engine: Engine) -> None:
    run = verifying.request_verification(boss)

    assert work(engine=engine, kinds=[verifying.KIND], worker="w") == 1

    run.refresh_from_db()
    job = Job.objects.get(pk=run.job_id)
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert run.right
    assert run.counts["entry"] == Entry.objects.count()


class Listening(Lease):
    """A lease that remembers what was reported, and may be told to stop."""

    heard: list[Progress]

    def report(self, progress: Progress) -> None:
        self.heard.append(progress)
        super().report(progress)


def test_it_says_how_far_it_is_from_within_its_snapshot(paid: None, boss: User, engine: Engine) -> None:
    run = verifying.request_verification(boss)
    (job,) = Job.objects.claim(kinds=[verifying.KIND], worker="w")
    lease = Listening(job, report_every=0.0)
    lease.heard = []

    attempt(job, engine=engine, lease=lease)

    run.refresh_from_db()
    assert run.right
    assert [each.step for each in lease.heard] == list(range(verifying.STEPS))
    assert Job.objects.get(pk=job.pk).progress["step"] == verifying.STEPS - 1


def test_it_stops_where_its_admin_cancels_it(paid: None, boss: User, engine: Engine) -> None:
    run = verifying.request_verification(boss)
    (job,) = Job.objects.claim(kinds=[verifying.KIND], worker="w")
    Job.objects.request_cancel(job.pk)

    attempt(job, engine=engine, lease=Lease(job, report_every=0.0), runner=run_verification)

    run.refresh_from_db()
    assert (run.error, run.checks) == (verifying.CANCELLED, [])
    assert Job.objects.get(pk=job.pk).state == JobState.CANCELLED


def test_what_was_just_posted_is_sealed_and_proved(
    paid: None,
    artist: User,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    client_for: Callable[[User], Client],
) -> None:
    monkeypatch.setattr(statement_files, "AT_ONCE", 2)
    first = Entry.objects.filter(account__owner=artist).earliest("pk")
    made = statement(ledger.account("earnings", artist), Month.of(first.created_at.date()))
    job = statement_files.request_file(made, artist)

    assert work(engine=engine, kinds=[statement_files.KIND], worker="w") == 1

    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    with StatementFile.objects.get().file.open("rb") as file:
        found = verify(file.read(), signer().verifier_key)
    assert len(found.said["lines"]) == 3
    answer: Any = client_for(artist).get(f"/earnings/statements/{made.month}.json")
    assert len(verify(b"".join(answer.streaming_content)).said["lines"]) == 3


def test_the_verification_is_the_last_thing_a_worker_takes_up(paid: None, boss: User, ask: Ask) -> None:
    verifying.request_verification(boss)
    ask()
    (job,) = Job.objects.claim(kinds=[verifying.KIND, "generation"], worker="w")
    assert job.kind == "generation"
    assert not VerificationRun.objects.exclude(ended_at=None).exists()
