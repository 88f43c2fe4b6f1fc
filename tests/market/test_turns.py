"""Requests with files take turns, so that pages answer while strangers upload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import reverse

from market import turns
from market.accounts.models import User
from market.refusals import Refused
from market.turns import TakingTurns, Turns
from tests.market.catalog.conftest import make_concept
from tests.market.catalog.pictures import png

FORM = "application/x-www-form-urlencoded"


class View(TakingTurns):
    """A site of one view, which answers once it may, and counts how many requests it holds at once."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._middleware_chain = self._answer

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.held = self.most = 0

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        self.held += 1
        self.most = max(self.most, self.held)
        await self.may_answer.wait()
        self.held -= 1
        return HttpResponse("taken")


def upload(session: str) -> HttpRequest:
    request = RequestFactory().post("/works/", {"files": [SimpleUploadedFile("fox.png", b"...")]})
    request.COOKIES[configured.SESSION_COOKIE_NAME] = session
    return request


async def begun(*requests: Awaitable[Any]) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.ensure_future(each) for each in requests]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


async def sent(path: str, session: str = "") -> dict[str, Any]:
    """Send a file to the whole site as a web server does. Give the status, the headers and the body of the answer."""
    body = encode_multipart(BOUNDARY, {"files": [SimpleUploadedFile("fox.png", png(1), "image/png")]})
    headers = {
        "host": "testserver",
        "content-type": MULTIPART_CONTENT,
        "content-length": str(len(body)),
        "cookie": f"{configured.SESSION_COOKIE_NAME}={session}; {configured.CSRF_COOKIE_NAME}={'a' * 32}",
        "x-csrftoken": "a" * 32,
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    site: Any = cast("Any", ApplicationCommunicator)(TakingTurns(), scope)
    await site.send_input({"type": "http.request", "body": body})
    start = await site.receive_output(30)
    said = await site.receive_output(30)
    return {
        "status": start["status"],
        "headers": {name.decode().lower(): value.decode() for name, value in start["headers"]},
        "body": said["body"].decode(),
    }


async def test_few_uploads_are_handled_at_once_and_the_others_wait_and_are_taken() -> None:
    view = View()
    tasks = await begun(*(view.get_response_async(upload(f"session {number}")) for number in range(20)))
    assert view.held == configured.UPLOADS.turns
    view.may_answer.set()

    assert [(await each).status_code for each in tasks] == [200] * 20
    assert view.most == configured.UPLOADS.turns


async def test_a_sender_has_one_turn_and_leaves_the_others_theirs() -> None:
    view = View()
    greedy = [view.get_response_async(upload("a greedy one")) for _ in range(10)]
    tasks = await begun(*greedy, view.get_response_async(upload("another")))
    assert view.held == 2
    view.may_answer.set()

    assert [(await each).status_code for each in tasks] == [200] * 11


async def test_a_page_does_not_wait() -> None:
    view = View()
    tasks = await begun(*(view.get_response_async(upload(f"session {number}")) for number in range(20)))
    held = view.held
    pages = RequestFactory().get("/"), RequestFactory().post("/login/", "a=b", FORM)
    tasks += await begun(*(view.get_response_async(page) for page in pages))
    assert view.held == held + 2
    view.may_answer.set()
    await asyncio.gather(*tasks)


async def test_whoever_waits_too_long_is_refused_and_the_turn_is_free_again_later() -> None:
    one = Turns(1, patience=0.05)
    async with one.of("a"):
        with pytest.raises(Refused, match="send it again in a minute"):
            async with one.of("b"):
                pass
    async with asyncio.timeout(1), one.of("b"):
        pass


async def test_a_turn_is_free_again_after_a_fault_and_after_a_sender_who_went_away() -> None:
    one = Turns(1, patience=5)
    with pytest.raises(ZeroDivisionError):
        async with one.of("a"):
            raise ZeroDivisionError
    async with one.of("a"):
        waiting = asyncio.ensure_future(one.of("b").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
    async with asyncio.timeout(1), one.of("b"):
        pass


@pytest.mark.parametrize("path", ["/works/", "/api/v1/concepts/1/works"])
async def test_a_refusal_costs_little_and_has_the_headers_of_every_page(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(turns, "Turns", lambda _: Turns(1, most_waiting=0))

    answer = await sent(path)

    assert answer["status"] == 503
    assert "Nothing of yours was taken" in answer["body"]
    assert int(answer["headers"]["retry-after"]) > 0
    assert "default-src 'self'" in answer["headers"]["content-security-policy"]
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    assert ("problem+json" in answer["headers"]["content-type"]) == path.startswith("/api/")


@pytest.mark.django_db(transaction=True)
async def test_a_work_sent_through_the_web_server_is_taken(artist: User) -> None:
    client = AsyncClient()
    await client.aforce_login(artist)
    concept = await asyncio.to_thread(make_concept, artist, "Ink")

    answer = await sent(
        reverse("catalog:upload", args=[concept.pk]), client.cookies[configured.SESSION_COOKIE_NAME].value
    )

    assert answer["status"] == 302, answer
    assert await concept.works.acount() == 1
