"""The pages of jobs: for their owner, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from market.accounts.models import User
from market.jobs.models import Job
from market.jobs.states import JobState
from tests.market.jobs.conftest import CHORE

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def test_a_waiting_job_says_how_many_come_first_and_that_no_worker_is_there(
    client_for: SignIn, user: User, enqueue: Callable[..., Job]
) -> None:
    enqueue()
    enqueue()
    job = enqueue()
    page = text_of(client_for(user).get(f"/jobs/{job.pk}/"))
    assert "2 jobs before this one" in page
    assert "No worker is there" in page
    assert f'sse-connect="/jobs/{job.pk}/events/"' in page
    assert '<noscript><meta http-equiv="refresh"' in page


def test_a_job_that_has_ended_is_not_followed(client_for: SignIn, user: User, running: Job) -> None:
    Job.objects.fail(running.pk, token=1, error="all works are white")
    page = text_of(client_for(user).get(f"/jobs/{running.pk}/"))
    assert "all works are white" in page
    assert "sse-connect" not in page
    assert "http-equiv" not in page


def test_the_panel_alone_is_the_fallback_and_stops_asking_at_the_end(
    client_for: SignIn, user: User, running: Job
) -> None:
    client = client_for(user)
    alive = client.get(f"/jobs/{running.pk}/", headers=HTMX)
    assert alive.status_code == 200
    assert "<html" not in text_of(alive)
    Job.objects.succeed(running.pk, token=1, result={})
    assert client.get(f"/jobs/{running.pk}/", headers=HTMX).status_code == 286


def test_a_waiting_job_is_cancelled_from_its_page(
    client_for: SignIn, user: User, enqueue: Callable[..., Job]
) -> None:
    job = enqueue()
    response = client_for(user).post(f"/jobs/{job.pk}/cancel/", follow=True)
    assert "Cancelled" in text_of(response)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_running_job_shows_that_it_is_being_cancelled(client_for: SignIn, user: User, running: Job) -> None:
    panel = text_of(client_for(user).post(f"/jobs/{running.pk}/cancel/", headers=HTMX))
    assert "Cancelling" in panel
    assert "Nothing will be charged" in panel
    assert f"/jobs/{running.pk}/cancel/" not in panel


def test_cancelling_what_has_ended_is_a_conflict(client_for: SignIn, user: User, running: Job) -> None:
    Job.objects.succeed(running.pk, token=1, result={})
    client = client_for(user)
    assert client.post(f"/jobs/{running.pk}/cancel/", headers=HTMX).status_code == 409
    assert "already ended" in text_of(client.post(f"/jobs/{running.pk}/cancel/", follow=True))


def test_cancelling_needs_a_post(client_for: SignIn, user: User, running: Job) -> None:
    assert client_for(user).get(f"/jobs/{running.pk}/cancel/").status_code == 405


def test_the_preview_is_served_while_there_is_one(client_for: SignIn, user: User, running: Job) -> None:
    client = client_for(user)
    url = f"/jobs/{running.pk}/preview/"
    assert client.get(url).status_code == 404
    name = default_storage.save("jobs/previews/test.png", ContentFile(b"a picture"))
    Job.objects.heartbeat(running.pk, token=1, preview=name)
    response: Any = client.get(url)
    assert b"".join(response.streaming_content) == b"a picture"
    assert response["Content-Type"] == "image/png"
    assert "no-store" in response["Cache-Control"]
    default_storage.delete(name)
    assert client.get(url).status_code == 404


def test_the_preview_is_not_served_once_the_job_has_ended(
    client_for: SignIn, user: User, running: Job
) -> None:
    name = default_storage.save("jobs/previews/test.png", ContentFile(b"a picture"))
    Job.objects.heartbeat(running.pk, token=1, preview=name)

    Job.objects.abandon(running.pk, error="A plug-in was taken down.")

    assert client_for(user).get(f"/jobs/{running.pk}/preview/").status_code == 404
    default_storage.delete(name)


@pytest.mark.parametrize("path", ["", "preview/", "events/", "cancel/"])
def test_a_strangers_job_does_not_exist(
    client_for: SignIn, stranger: User, user: User, running: Job, path: str
) -> None:
    client, url = client_for(stranger), f"/jobs/{running.pk}/{path}"
    response = client.post(url) if path == "cancel/" else client.get(url)
    assert response.status_code == 404
    running.refresh_from_db()
    assert not running.is_cancelling


@pytest.mark.parametrize("path", ["", "preview/", "cancel/"])
def test_visitors_are_asked_to_sign_in(client: Client, running: Job, path: str) -> None:
    url = f"/jobs/{running.pk}/{path}"
    response = client.post(url) if path == "cancel/" else client.get(url)
    assert response.status_code == 302


def test_an_admin_sees_any_job(client_for: SignIn, admin: User, running: Job) -> None:
    assert "Uma User" in text_of(client_for(admin).get(f"/jobs/{running.pk}/"))


def test_the_list_holds_the_persons_own_jobs_by_state(
    client_for: SignIn, user: User, stranger: User, running: Job, enqueue: Callable[..., Job]
) -> None:
    waiting = enqueue()
    theirs = Job.objects.enqueue(kind=CHORE, owner=stranger, parameters={})
    client = client_for(user)
    everything = text_of(client.get("/jobs/"))
    assert str(waiting.pk) in everything
    assert str(running.pk) in everything
    assert str(theirs.pk) not in everything
    only_waiting = text_of(client.get("/jobs/?state=queued"))
    assert str(waiting.pk) in only_waiting
    assert str(running.pk) not in only_waiting
    assert client.get("/jobs/?state=nonsense&page=99").status_code == 200


def test_a_person_without_jobs_is_shown_where_to_start(client_for: SignIn, user: User) -> None:
    assert "No jobs yet" in text_of(client_for(user).get("/jobs/"))
