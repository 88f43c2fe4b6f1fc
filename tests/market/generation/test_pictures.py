"""A person's pictures, and that they are nobody else's."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.finishing import finish_generation, store_pictures
from market.generation.models import Picture
from market.jobs.models import Job
from tests.market.stage import make_base, make_order, run, top_up

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def draw(person: User, base: BaseModel, *plugins: tuple[PlugIn, float], **changes: Any) -> list[Picture]:
    """Ask for pictures and finish them, as a worker would."""
    made = run(person, make_order(base, *plugins, **changes))
    (job,) = Job.objects.claim(kinds=["generation"], worker="w")
    drawn = [(Image.new("RGB", (8, 8), (n, 9, 9)), made.seed + n) for n in range(made.count)]
    stored = store_pictures(pk=made.pk, token=job.fencing_token, pictures=drawn)
    return finish_generation(pk=made.pk, token=job.fencing_token, stored=stored)


@pytest.fixture
def pictures(user: User, base: BaseModel, plugin: PlugIn) -> list[Picture]:
    top_up(user)
    return draw(user, base, (plugin, 0.5), prompt="a fox <b>bold</b>", count=2)


def test_a_picture_page_tells_how_it_was_made_and_who_was_paid(
    client_for: SignIn, user: User, pictures: list[Picture]
) -> None:
    page = text_of(client_for(user).get(f"/pictures/{pictures[1].pk}/"))
    for shown in ("Ada Artist", "€0.09", "Mona Modeller", "€0.018", "€0.12", "Tiny", "Fxemoji", "weight 0.5"):
        assert shown in page
    assert "<dd>8</dd>" in page
    assert "a fox &lt;b&gt;bold&lt;/b&gt;" in page
    assert f"/studio/?like={pictures[1].request_id}" in page


def test_a_free_picture_still_names_whose_base_it_is(
    client_for: SignIn, user: User, model_owner: User
) -> None:
    free = make_base(model_owner, slug="free", fee=0, fingerprint="ef" * 32)
    (picture,) = draw(user, free)
    page = text_of(client_for(user).get(f"/pictures/{picture.pk}/"))
    assert "Mona Modeller" in page
    assert "€0.00" in page


def test_the_download_is_the_original_file(client_for: SignIn, user: User, pictures: list[Picture]) -> None:
    response: Any = client_for(user).get(f"/pictures/{pictures[0].pk}/file/?download")
    content = b"".join(response.streaming_content)
    assert response["Content-Type"] == "image/png"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Cache-Control"] == "private, no-cache"
    assert hashlib.sha256(content).hexdigest() == pictures[0].sha256
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (8, 8)


@pytest.mark.parametrize("path", ["", "file/", "delete/"])
def test_a_strangers_picture_does_not_exist(
    client_for: SignIn, stranger: User, artist: User, admin: User, pictures: list[Picture], path: str
) -> None:
    for person in (stranger, artist, admin):
        client = client_for(person)
        url = f"/pictures/{pictures[0].pk}/{path}"
        response = client.post(url) if path == "delete/" else client.get(url)
        assert response.status_code == 404
    assert Picture.objects.kept().count() == 2


@pytest.mark.parametrize("path", ["", "file/"])
def test_visitors_are_asked_to_sign_in(client: Client, pictures: list[Picture], path: str) -> None:
    assert client.get(f"/pictures/{pictures[0].pk}/{path}").status_code == 302


def test_the_list_holds_the_persons_own_pictures_only(
    client_for: SignIn, user: User, stranger: User, pictures: list[Picture]
) -> None:
    assert str(pictures[0].pk) in text_of(client_for(user).get("/pictures/"))
    assert "No pictures yet" in text_of(client_for(stranger).get("/pictures/"))


def test_the_list_is_searched_by_prompt_and_plugin(
    client_for: SignIn, user: User, pictures: list[Picture]
) -> None:
    client = client_for(user)
    for words, found in (("FOX", True), ("fxemoji", True), ("whale", False)):
        page = text_of(client.get("/pictures/", {"q": words}))
        assert (page.count(f"/pictures/{pictures[0].pk}/file/") == 1) is found


def test_the_list_goes_on_page_by_page(client_for: SignIn, user: User, base: BaseModel) -> None:
    top_up(user)
    for _ in range(4):
        draw(user, base, count=8)
    client = client_for(user)
    first = text_of(client.get("/pictures/"))
    assert first.count("/file/") == 24
    assert "?page=2" in first
    rest = text_of(client.get("/pictures/?page=2", headers={"HX-Request": "true"}))
    assert rest.count("/file/") == 8
    assert "<html" not in rest


def test_a_deleted_picture_is_gone(client_for: SignIn, user: User, pictures: list[Picture]) -> None:
    client = client_for(user)
    assert client.post(f"/pictures/{pictures[0].pk}/delete/").status_code == 302
    assert client.get(f"/pictures/{pictures[0].pk}/").status_code == 404
    assert client.get(f"/pictures/{pictures[0].pk}/file/").status_code == 404
    assert client.get(f"/pictures/{pictures[1].pk}/").status_code == 200
    assert client.get(f"/jobs/{pictures[1].request_id}/").status_code == 200


def test_deleting_needs_a_post(client_for: SignIn, user: User, pictures: list[Picture]) -> None:
    assert client_for(user).get(f"/pictures/{pictures[0].pk}/delete/").status_code == 405
