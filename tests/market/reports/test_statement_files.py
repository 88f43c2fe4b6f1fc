"""A month too long to be proved in a request is made by a job into a file, which is kept until a newer one is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from market.accounts.models import User
from market.jobs.lifecycle import LeaseLost
from market.jobs.models import Job
from market.ledger import operations as ledger
from market.ledger.signing import signer
from market.ledger.statements import proved
from market.ledger.verify_statement import verify
from market.reports.models import StatementFile
from market.reports.statement_files import KIND, complete_file, statement_for
from tests.market.reports.conftest import Market

ClientFor = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def month(market: Market, monkeypatch: pytest.MonkeyPatch) -> str:
    """Last month, with more lines than are proved at once."""
    monkeypatch.setattr("market.reports.statement_files.AT_ONCE", 2)
    return f"/earnings/statements/{market.last_month.first:%Y-%m}"


def claimed() -> Job:
    (job,) = Job.objects.claim(kinds=[KIND], worker="w")
    return job


def work() -> StatementFile:
    """Do what a worker does with the statement that waits."""
    job = claimed()
    return complete_file(job=job, token=job.fencing_token, content=proved(statement_for(job)))


@pytest.mark.dates
def test_it_is_asked_for_followed_and_downloaded(client_for: ClientFor, artist: User, month: str) -> None:
    client = client_for(artist)
    page = client.get(f"{month}/").content.decode()
    assert f'action="{month}/file/"' in page
    assert f'href="{month}.json"' not in page

    job = client.post(f"{month}/file/")["Location"]
    assert "is being made" in client.get(f"{month}/").content.decode()
    work()

    assert f'href="{month}.json"' in client.get(job).content.decode()
    page = client.get(f"{month}/").content.decode()
    assert f'href="{month}.json"' in page
    assert "Make it anew" in page
    response: Any = client.get(f"{month}.json")
    assert f'filename="statement-{month[-7:]}.json"' in response["Content-Disposition"]
    found = verify(b"".join(response.streaming_content), signer().verifier_key)
    assert (found.said["total"], len(found.said["lines"])) == (90_000, 3)


def test_before_it_is_made_the_download_leads_to_where_it_is_asked_for(
    client_for: ClientFor, artist: User, month: str
) -> None:
    page = client_for(artist).get(f"{month}.json", follow=True)
    assert page.redirect_chain == [(f"{month}/", 302)]
    assert "takes a while: ask for it here" in page.content.decode()
    assert not Job.objects.filter(kind=KIND).exists()


def test_a_short_one_is_given_at_once(client_for: ClientFor, second_artist: User, month: str) -> None:
    client = client_for(second_artist)
    assert f"{month}/file/" not in client.get(f"{month}/").content.decode()
    answer = client.post(f"{month}/file/", follow=True)
    assert answer.redirect_chain == [(f"{month}.json", 302)]
    assert verify(answer.content).said["total"] == 45_000
    assert not Job.objects.filter(kind=KIND).exists()


def test_it_is_made_once_at_a_time(client_for: ClientFor, artist: User, month: str) -> None:
    client = client_for(artist)
    assert client.post(f"{month}/file/")["Location"] == client.post(f"{month}/file/")["Location"]
    assert Job.objects.filter(kind=KIND).count() == 1


def test_a_newer_one_takes_the_place_of_the_last(
    client_for: ClientFor, artist: User, month: str, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_for(artist)
    client.post(f"{month}/file/")
    first = str(work().file.name)
    client.post(f"{month}/file/")
    assert client.get(f"{month}.json").status_code == 200  # the last one, until there is a newer

    with django_capture_on_commit_callbacks(execute=True):
        second = work()

    assert StatementFile.objects.get() == second
    assert default_storage.exists(str(second.file.name))
    assert not default_storage.exists(first)


@pytest.mark.parametrize("ends", ["fails", "is cancelled"])
def test_one_that_came_to_nothing_may_be_asked_for_again(
    client_for: ClientFor, artist: User, month: str, ends: str
) -> None:
    client = client_for(artist)
    client.post(f"{month}/file/")
    if ends == "fails":
        job = claimed()
        Job.objects.fail(job.pk, token=job.fencing_token, error="the disk is full")
    else:
        Job.objects.request_cancel(Job.objects.get(kind=KIND).pk)

    assert not StatementFile.objects.exists()
    assert f'action="{month}/file/"' in client.get(f"{month}/").content.decode()
    client.post(f"{month}/file/")
    assert work().file


def test_an_attempt_that_lost_its_lease_leaves_no_file(
    client_for: ClientFor, artist: User, month: str
) -> None:
    client_for(artist).post(f"{month}/file/")
    job = claimed()
    before = set(_stored())

    with pytest.raises(LeaseLost):
        complete_file(job=job, token=job.fencing_token - 1, content=b"late")

    assert set(_stored()) == before
    assert StatementFile.objects.get().made_at is None


def _stored() -> list[str]:
    return default_storage.listdir("statements")[1] if default_storage.exists("statements") else []


def test_a_file_that_is_gone_is_said_to_be(client_for: ClientFor, artist: User, month: str) -> None:
    client = client_for(artist)
    client.post(f"{month}/file/")
    default_storage.delete(str(work().file.name))

    assert "Make it again" in client.get(f"{month}.json", follow=True).content.decode()


def test_it_is_nobody_elses(
    client_for: ClientFor, client: Client, artist: User, stranger: User, month: str
) -> None:
    client_for(artist).post(f"{month}/file/")
    made = work()

    for suffix in (".json", "/file/"):
        assert client_for(stranger).post(f"{month}{suffix}").status_code in (404, 405)
        assert client_for(stranger).get(f"{month}{suffix}").status_code in (404, 405)
    assert client_for(stranger).get(made.job.get_absolute_url()).status_code == 404
    assert "/accounts/login/" in client.post(f"{month}/file/")["Location"]


class TestDatabase:
    @pytest.fixture
    def asked(self, artist: User) -> StatementFile:
        account = ledger.account("earnings", artist)
        job = Job.objects.enqueue(kind=KIND, owner=artist, parameters={"month": "2026-11"})
        return StatementFile.objects.create(job=job, account=account, month="2026-11")

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"made_at": timezone.now()}, "has_its_file_when_made"),
            ({"file": "statements/x.json"}, "has_its_file_when_made"),
            ({"month": "2026-13"}, "month_is_one"),
            ({"month": "Nov"}, "month_is_one"),
        ],
    )
    def test_half_a_file_is_refused(self, asked: StatementFile, change: dict[str, Any], name: str) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            StatementFile.objects.filter(pk=asked.pk).update(**change)

    @pytest.mark.parametrize(
        ("state", "name"),
        [
            ({}, "one_is_made_at_a_time"),
            ({"made_at": timezone.now(), "file": "statements/x.json"}, "the_latest_is_kept"),
        ],
    )
    def test_a_second_one_is_refused(self, asked: StatementFile, state: dict[str, Any], name: str) -> None:
        StatementFile.objects.filter(pk=asked.pk).update(**state)
        job = Job.objects.enqueue(kind=KIND, owner=asked.job.owner, parameters={"month": "2026-11"})
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            StatementFile.objects.create(job=job, account=asked.account, month=asked.month, **state)
