"""Valkey is a cache and a wake-up: without it everything goes on, slower, and no limit falls away."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.conf import settings as market_settings
from django.core.cache import cache, caches
from django.test import Client
from django.urls import reverse

from market import cache as market_cache
from market.accounts.models import User
from market.cache import MarketCache, Outage
from market.jobs import dispatch
from market.jobs.models import Worker
from market.services import client_url
from market.stack.embedded import Valkey, start_alone
from tests.market.api.conftest import ProgramOf, program_of

__all__ = ["program_of"]

pytestmark = pytest.mark.django_db

HANGING_COSTS_AT_MOST = 0.2
# What a page takes on a busy machine, of which the server's hanging is a part.
SLACK = 0.3


class Server:
    """A Valkey of a test's own, that can hang, leave and come back."""

    def __init__(self, folder: Path) -> None:
        self.service = Valkey(folder / "data", folder / "valkey.sock", durable=False)
        self._log = folder / "valkey.log"
        self.process = start_alone(self.service, self._log)

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def leave(self) -> None:
        self.process.kill()
        self.process.wait()

    def come_back(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        else:
            self.process = start_alone(self.service, self._log)


@pytest.fixture
def server(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The cache and the broker of one test."""
    server = Server(tmp_path)
    location = client_url(server.service.url(1))
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": location}}
    broker = Celery("of one test", broker=server.service.url(0))
    broker.conf.broker_transport_options = market_settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(dispatch, "app", broker)
    monkeypatch.setattr(dispatch, "_outage", Outage("broker"))
    monkeypatch.setattr(market_cache, "ASK_AGAIN_AFTER", 0.3)
    yield server
    if server.process.poll() is None:
        server.leave()


@pytest.fixture(params=["hang", "leave"])
def outage(request: pytest.FixtureRequest, server: Server) -> Server:
    """A server that went in one of two ways."""
    getattr(server, request.param)()
    return server


def seconds(what: Callable[[], Any]) -> float:
    started = time.monotonic()
    what()
    return time.monotonic() - started


@pytest.mark.parametrize("name", ["generation:studio", "payments:wallet", "accounts:me"])
def test_a_signed_in_person_reads_pages_without_it(
    outage: Server, client_for: Callable[[User], Client], user: User, name: str
) -> None:
    assert client_for(user).get(reverse(name)).status_code == 200


def test_people_sign_in_without_it_and_tries_are_still_counted(
    outage: Server, user: User, client: Client
) -> None:
    form = {"login": user.email, "password": "not the password"}
    for _ in range(5):
        assert client.post(reverse("account_login"), form).status_code == 200
    last = client.post(reverse("account_login"), form)
    assert last.status_code == 429 or "Too many failed" in last.content.decode()


def test_a_token_is_still_counted_and_a_server_that_is_back_is_used_again(
    outage: Server, user: User, program_of: ProgramOf, settings: Any
) -> None:
    settings.API = replace(settings.API, requests_per_minute=3)
    program = program_of(user)
    assert [program.get("me").status_code for _ in range(4)] == [200, 200, 200, 429]
    outage.come_back()
    time.sleep(0.4)
    cache.set("kept", "on the server")
    held = caches["default"]
    assert isinstance(held, MarketCache)
    assert not held.is_away
    assert cache.get("kept") == "on the server"


def test_one_that_hangs_costs_a_request_little_and_the_next_ones_nothing(server: Server) -> None:
    cache.set("warm", 1)
    server.hang()
    assert seconds(lambda: cache.get("warm")) < HANGING_COSTS_AT_MOST + SLACK
    market_cache.ASK_AGAIN_AFTER = 60
    cache.get("warm")
    assert seconds(lambda: [cache.get("warm") for _ in range(100)]) < HANGING_COSTS_AT_MOST


def test_a_wake_up_is_given_up_soon_and_then_not_tried_for_a_while(outage: Server) -> None:
    assert seconds(lambda: dispatch.wake("generation")) < 2 * HANGING_COSTS_AT_MOST + SLACK
    market_cache.ASK_AGAIN_AFTER = 60
    dispatch.wake("generation")
    assert seconds(lambda: [dispatch.wake("generation") for _ in range(100)]) < HANGING_COSTS_AT_MOST


def test_a_session_that_ended_meanwhile_stays_ended(
    server: Server, client_for: Callable[[User], Client], user: User
) -> None:
    browser = client_for(user)
    assert browser.get(reverse("payments:wallet")).status_code == 200
    key = browser.cookies[market_settings.SESSION_COOKIE_NAME].value
    server.leave()
    browser.post(reverse("account_logout"))
    server.come_back()
    stolen = Client()
    stolen.cookies[market_settings.SESSION_COOKIE_NAME] = key
    assert stolen.get(reverse("payments:wallet")).status_code == 302


def test_the_market_counts_as_ready_without_it_and_says_what_is_away(client: Client, outage: Server) -> None:
    Worker.objects.report(name="worker1@test", kinds=["generation"], device="cpu")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert not answer.json()["checks"]["cache"]["ok"]
