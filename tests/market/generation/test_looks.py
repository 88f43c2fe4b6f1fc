"""Pictures that the market made are looked at, so that they are recognised when somebody brings them as works."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.catalog.uploads import MADE_HERE, add_work
from market.generation.finishing import finish_generation, store_pictures
from market.generation.looking import look_at_pictures
from market.generation.models import Picture
from market.jobs.models import Job
from market.refusals import Refused
from tests.market.catalog.conftest import make_concept
from tests.market.stage import make_order, run, top_up
from tests.pictures.test_looks import drawing

pytestmark = pytest.mark.django_db


@pytest.fixture
def picture(user: User, base: BaseModel, plugin: PlugIn) -> Picture:
    top_up(user)
    made = run(user, make_order(base, (plugin, 1.0), count=1))
    Job.objects.claim(kinds=["generation"], worker="first")
    stored = store_pictures(pk=made.pk, token=1, pictures=[(drawing(7), 7)])
    return finish_generation(pk=made.pk, token=1, stored=stored)[0]


def content(picture: Picture) -> bytes:
    with picture.file.open("rb") as stored:
        return bytes(stored.read())


def stripped(data: bytes, form: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(target, form)
    return target.getvalue()


def test_a_bought_picture_is_no_work(picture: Picture, stranger: User) -> None:
    with pytest.raises(Refused) as refusal:
        add_work(make_concept(stranger, "Bought"), stranger, content(picture))

    assert str(refusal.value) == MADE_HERE


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_nor_is_it_without_what_its_file_says(form: str, picture: Picture, stranger: User) -> None:
    assert (look_at_pictures(), look_at_pictures()) == (1, 0)

    with pytest.raises(Refused, match="matches a picture"):
        add_work(make_concept(stranger, "Bought"), stranger, stripped(content(picture), form))


def test_nor_is_it_after_it_was_deleted(picture: Picture, stranger: User) -> None:
    bare = stripped(content(picture))
    look_at_pictures()

    Picture.objects.get(pk=picture.pk).discard()

    with pytest.raises(Refused, match="matches a picture"):
        add_work(make_concept(stranger, "Bought"), stranger, bare)


def test_a_picture_whose_file_is_missing_is_looked_at_once(picture: Picture) -> None:
    picture.file.storage.delete(picture.file.name or "")

    assert (look_at_pictures(), look_at_pictures()) == (1, 0)
