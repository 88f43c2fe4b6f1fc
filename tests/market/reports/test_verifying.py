"""The ledger is verified by a job: asked for by an admin or every night, one at a time, and what it found is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.audit.models import AuditLine
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.jobs.states import JobState
from market.ledger.models import Entry
from market.ledger.sealing import seal_some
from market.ledger.verification import verify
from market.refusals import Refused
from market.reports import verifying
from market.reports.models import VerificationRun
from market.reports.verifying import (
    KIND,
    complete_verification,
    last_verification,
    request_verification,
    verification_since,
    verify_nightly,
)
from tests.market.ledger.conftest import triggers_off
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def work() -> VerificationRun:
    """Do what a worker does with the verification that waits."""
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    return complete_verification(job=job, token=job.fencing_token, found=verify())


class TestAsking:
    def test_the_page_leads_to_a_job_and_later_shows_what_it_found(
        self, client_for: ClientFor, admin: User, market: Market
    ) -> None:
        seal_some()
        client = client_for(admin)
        assert "Not verified yet" in client.get("/reports/").content.decode()

        job = client.post("/reports/verify/")["Location"]
        assert "Verification" in client.get(job).content.decode()
        page = client.get("/reports/").content.decode()
        assert "A verification is under way" in page
        assert f'href="{job}"' in page
        work()

        for shown in (client.get("/reports/").content.decode(), client.get(job).content.decode()):
            assert "The ledger verifies" in shown
            assert f"{Entry.objects.count()} entries" in shown
            assert f"{admin} asked for it" in shown
            assert "under way" not in shown

    def test_tampering_shows_on_the_page(self, client_for: ClientFor, admin: User, market: Market) -> None:
        seal_some()
        with triggers_off(), connection.cursor() as cursor:
            cursor.execute("UPDATE ledger_payerbalance SET posted = posted + 1")
        client = client_for(admin)
        client.post("/reports/verify/")
        run = work()

        page = client.get("/reports/").content.decode()

        assert not run.right
        assert "The ledger does not verify" in page
        assert "every kept balance is the sum of its entries" in page
        assert run.findings[0]["broken"] == 1

    def test_no_page_verifies_the_ledger_itself(
        self, client_for: ClientFor, admin: User, market: Market, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request_verification(admin)
        run = work()

        with connection.execute_wrapper(_refuse_ledger_wide_reading):
            client_for(admin).get("/reports/")
            client_for(admin).post("/reports/verify/")

        assert last_verification() == run

    def test_a_second_admin_is_led_to_the_one_under_way(self, admin: User) -> None:
        first = request_verification(admin)
        assert request_verification(admin) == first
        assert Job.objects.filter(kind=KIND).count() == 1
        assert AuditLine.objects.filter(action="ledger.verification_asked").count() == 1
        work()
        assert request_verification(admin) != first

    @pytest.mark.parametrize("who", ["user", "artist", "model_owner", "stranger"])
    def test_it_is_an_admins(self, client_for: ClientFor, who: str, request: pytest.FixtureRequest) -> None:
        person = request.getfixturevalue(who)
        assert client_for(person).post("/reports/verify/").status_code == 404
        with pytest.raises(Refused, match="Only an admin"):
            request_verification(person)
        assert not VerificationRun.objects.exists()

    def test_it_is_posted(self, client_for: ClientFor, admin: User) -> None:
        assert client_for(admin).get("/reports/verify/").status_code == 405


def _refuse_ledger_wide_reading(execute: Any, sql: str, *rest: Any) -> Any:
    assert "ledger_holdresolution" not in sql
    assert "ledger_entry" not in sql
    return execute(sql, *rest)


class TestEnding:
    def test_what_was_found_is_in_the_audit_log(self, admin: User, market: Market) -> None:
        seal_some()
        request_verification(admin)
        work()

        line = AuditLine.objects.filter(action="ledger.verified").get()

        assert (line.person, line.details["right"], line.details["entry"]) == (
            admin,
            True,
            Entry.objects.count(),
        )

    def test_an_attempt_that_lost_its_lease_keeps_nothing(self, admin: User) -> None:
        run = request_verification(admin)
        (job,) = Job.objects.claim(kinds=[KIND], worker="w")

        with pytest.raises(LeaseLost):
            complete_verification(job=job, token=job.fencing_token - 1, found=verify())

        run.refresh_from_db()
        assert (run.ended_at, run.checks) == (None, [])
        assert not AuditLine.objects.filter(action="ledger.verified").exists()

    def test_one_that_failed_says_why_and_the_last_result_stays(
        self, admin: User, client_for: ClientFor
    ) -> None:
        request_verification(admin)
        kept = work()
        failed = request_verification(admin)
        (job,) = Job.objects.claim(kinds=[KIND], worker="w")
        Job.objects.fail(job.pk, token=job.fencing_token, error="the disk is full")

        assert last_verification() == kept
        assert verification_since(kept) == failed
        page = client_for(admin).get("/reports/").content.decode()
        assert "came to no result: the disk is full" in page
        assert "The ledger verifies" in page

    def test_one_that_was_cancelled_lets_the_next_begin(self, admin: User) -> None:
        run = request_verification(admin)
        assert Job.objects.request_cancel(run.job_id)

        run.refresh_from_db()
        assert run.error == verifying.CANCELLED
        assert request_verification(admin) != run


def at(hour: int, *, day: int = 0) -> datetime:
    return datetime.combine(timezone.now().date() + timedelta(days=day), time(hour), UTC)


@pytest.mark.dates
class TestEveryNight:
    def test_it_is_begun_once_a_night(self, admin: User, market: Market) -> None:
        assert verify_nightly(at(3)) == 1
        work()
        assert verify_nightly(at(3)) == 0
        assert verify_nightly(at(1, day=1)) == 0
        assert verify_nightly(at(2, day=1)) == 1

    def test_nobody_asked_for_it(self, admin: User, market: Market, client_for: ClientFor) -> None:
        seal_some()
        verify_nightly()
        run = work()

        assert (run.asked_by, run.job.owner) == (None, admin)
        assert AuditLine.objects.get(action="ledger.verified").acting_as == "system"
        assert "the nightly check" in client_for(admin).get("/reports/").content.decode()

    def test_what_an_admin_asked_for_that_night_is_enough(self, admin: User, market: Market) -> None:
        asked_at = request_verification(admin).asked_at
        assert verify_nightly(asked_at) == 0
        work()
        assert verify_nightly(asked_at) == 0

    def test_without_an_admin_or_without_money_nothing_is_begun(self, market: Market) -> None:
        assert verify_nightly() == 0

    def test_an_empty_ledger_is_not_verified(self, admin: User) -> None:
        assert verify_nightly() == 0

    def test_it_waits_for_one_that_still_runs(self, admin: User, market: Market) -> None:
        verify_nightly(at(3))
        assert verify_nightly(at(3, day=1)) == 0
        work()
        assert verify_nightly(at(3, day=1)) == 1


class TestDatabase:
    @pytest.fixture
    def run(self, admin: User) -> VerificationRun:
        request_verification(admin)
        return work()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE reports_verificationrun SET findings = '[]'",
            "DELETE FROM reports_verificationrun",
            "TRUNCATE reports_verificationrun",
        ],
    )
    def test_what_was_found_is_never_changed(self, run: VerificationRun, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with (
                pytest.raises(DatabaseError, match="what a verification found is kept"),
                transaction.atomic(),
            ):
                cursor.execute(statement)

    def test_one_that_has_not_ended_is_not_deleted_either(self, admin: User) -> None:
        run = request_verification(admin)
        with pytest.raises(DatabaseError, match="is kept"), transaction.atomic():
            run.delete()

    def test_two_at_once_are_refused(self, admin: User) -> None:
        request_verification(admin)
        with pytest.raises(IntegrityError, match="one_at_a_time"), transaction.atomic():
            VerificationRun.objects.create(job=Job.objects.enqueue(kind=KIND, owner=admin, parameters={}))

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"ended_at": timezone.now()}, "ends_with_a_result_or_an_error"),
            ({"error": "no"}, "ends_with_a_result_or_an_error"),
            ({"checks": ["x"]}, "ends_with_a_result_or_an_error"),
            (
                {"ended_at": timezone.now(), "error": "no", "checks": ["x"]},
                "ends_with_a_result_or_an_error",
            ),
            ({"findings": [{"check": "x"}]}, "finds_what_it_checked"),
        ],
    )
    def test_half_a_result_is_refused(self, admin: User, change: dict[str, Any], name: str) -> None:
        run = request_verification(admin)
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            VerificationRun.objects.filter(pk=run.pk).update(**change)


def test_the_job_ends_with_its_run(admin: User) -> None:
    run = request_verification(admin)
    work()
    run.job.refresh_from_db()
    assert (run.job.state, run.job.result) == (JobState.SUCCEEDED, {"right": True})
