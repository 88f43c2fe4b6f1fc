"""Requests with files take turns, so that pages answer while strangers upload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, RequestFactory
from django.urls import reverse

from market import turns
from market.accounts.models import User
from market.refusals import Refused
from market.turns import Turns, uploads_take_turns
from tests.market.catalog.conftest import make_concept
from tests.market.catalog.pictures import png

FORM = "application/x-www-form-urlencoded"
Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]


class View:
    """A view that answers once it may, and counts how many requests it holds at once."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.held = self.most = 0

    async def answer(self, request: HttpRequest) -> HttpResponse:
        self.held += 1
        self.most = max(self.most, self.held)
        await self.may_answer.wait()
        self.held -= 1
        return HttpResponse("taken")


def upload(session: str, path: str = "/works/") -> HttpRequest:
    request = RequestFactory().post(path, {"files": [SimpleUploadedFile("fox.png", b"...")]})
    request.COOKIES[configured.SESSION_COOKIE_NAME] = session
    return request


def middleware(view: View) -> Answer:
    return cast("Answer", uploads_take_turns(view.answer))


async def begun(*requests: Awaitable[HttpResponse]) -> list[asyncio.Task[HttpResponse]]:
    tasks = [asyncio.ensure_future(each) for each in requests]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


async def test_few_uploads_are_handled_at_once_and_the_others_wait_and_are_taken() -> None:
    view = View()
    handle = middleware(view)
    tasks = await begun(*(handle(upload(f"session {number}")) for number in range(20)))
    assert view.held == configured.UPLOADS.turns
    view.may_answer.set()

    assert [(await each).status_code for each in tasks] == [200] * 20
    assert view.most == configured.UPLOADS.turns


async def test_a_sender_has_one_turn_and_leaves_the_others_theirs() -> None:
    view = View()
    handle = middleware(view)
    tasks = await begun(*(handle(upload("a greedy one")) for _ in range(10)), handle(upload("another")))
    assert view.held == 2
    view.may_answer.set()

    assert [(await each).status_code for each in tasks] == [200] * 11


async def test_a_page_does_not_wait() -> None:
    view = View()
    handle = middleware(view)
    tasks = await begun(*(handle(upload(f"session {number}")) for number in range(20)))
    held = view.held
    tasks += await begun(
        handle(RequestFactory().get("/")), handle(RequestFactory().post("/login/", "a=b", FORM))
    )
    assert view.held == held + 2
    view.may_answer.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("bound", [{"patience": 0.05}, {"most_waiting": 0}], ids=["late", "too many"])
async def test_whoever_waits_too_long_or_finds_too_many_waiting_is_refused_at_little_cost(
    monkeypatch: pytest.MonkeyPatch, bound: dict[str, Any]
) -> None:
    view = View()
    monkeypatch.setattr(turns, "Turns", lambda _: Turns(1, **bound))
    handle = middleware(view)
    if "patience" in bound:
        (first,) = await begun(handle(upload("the first")))
    page, problem = await handle(upload("one")), await handle(upload("two", "/api/v1/concepts/1/works"))

    assert (page.status_code, problem.status_code) == (503, 503)
    assert "Nothing of yours was taken" in page.content.decode()
    assert b"#problem-busy" in problem.content
    assert problem["Content-Type"] == "application/problem+json"
    assert int(page["Retry-After"]) > 0
    assert int(problem["Retry-After"]) > 0
    if "patience" in bound:
        view.may_answer.set()
        assert (await first).status_code == 200
        assert (await handle(upload("one"))).status_code == 200, "the turn is free again"


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


async def test_a_refusal_of_a_turn_says_what_to_do() -> None:
    with pytest.raises(Refused, match="send it again in a minute"):
        async with Turns(1, most_waiting=0).of("a"):
            pass


@pytest.mark.django_db(transaction=True)
async def test_a_work_sent_through_the_web_server_is_taken(artist: User) -> None:
    client = AsyncClient()
    await client.aforce_login(artist)
    concept = await asyncio.to_thread(make_concept, artist, "Ink")
    files = {"files": [SimpleUploadedFile("fox.png", png(1), "image/png")]}

    answer = await client.post(reverse("catalog:upload", args=[concept.pk]), files)

    assert answer.status_code == 302
    assert await concept.works.acount() == 1
