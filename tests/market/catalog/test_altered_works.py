"""Works and the market's own pictures that come back altered: refused, and an administrator looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageOps

from market.accounts.models import User
from market.catalog import copies
from market.catalog.copies import AGAIN_TOMORROW, NEUTRAL_REASON
from market.catalog.looking import look_at_works, nothing
from market.catalog.models import Concept, LookPoint, PictureLook, UploadRefusal
from market.catalog.recognising import keep_look
from market.catalog.uploads import MADE_HERE, add_work
from market.provenance import embed
from market.refusals import Refused
from pictures.looks import look_at
from tests.market.catalog.conftest import make_concept
from tests.market.catalog.pictures import encoded, sent
from tests.market.provenance.test_records import RECORD
from tests.pictures.test_looks import ALTERED, drawing

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


def made_here(picture: Image.Image) -> PictureLook:
    with transaction.atomic():
        return keep_look(look_at(picture), "ab" * 32)


@pytest.mark.parametrize(
    "how", ["turned to the side", "as a negative", "in a montage", "cropped to 60 percent of each side"]
)
def test_an_altered_work_of_another_is_refused_and_kept_for_administrators(
    how: str, artist: User, second_artist: User, concept: Concept
) -> None:
    original = add_work(concept, artist, encoded(drawing(7)), caption="secret commission")
    theirs = make_concept(second_artist, "Theirs")

    with pytest.raises(Refused) as refusal:
        add_work(theirs, second_artist, encoded(ALTERED[how](drawing(7))), original_name="mine.png")

    assert str(refusal.value) == NEUTRAL_REASON
    kept = UploadRefusal.objects.get()
    assert (kept.matched_work, kept.matched_artist, kept.is_taken) == (original, artist, None)
    assert kept.likeness is None or kept.likeness > 0.9
    assert kept.picture.size > 0
    assert not theirs.works.exists()


def test_an_artist_may_alter_their_own_works(artist: User, concept: Concept) -> None:
    add_work(concept, artist, encoded(drawing(7)))

    assert add_work(concept, artist, encoded(ALTERED["turned to the side"](drawing(7)))).pk


def test_a_repeat_of_ones_own_is_refused_with_the_work_shown(
    artist: User, concept: Concept, client_for: SignIn
) -> None:
    work = add_work(concept, artist, encoded(drawing(7)))

    answer = client_for(artist).post(
        reverse("catalog:upload", args=[concept.pk]),
        {"files": [sent(encoded(drawing(7).resize((200, 200))), "again.png")]},
    )

    assert answer.status_code == 422
    assert work.thumbnail_url in answer.content.decode()


def test_a_picture_whose_file_says_that_the_market_made_it_is_no_work(artist: User, concept: Concept) -> None:
    with pytest.raises(Refused) as refusal:
        add_work(concept, artist, embed(encoded(drawing(7)), RECORD))

    assert str(refusal.value) == MADE_HERE
    assert not UploadRefusal.objects.exists()


@pytest.mark.parametrize("how", ["mirrored", "at a quarter of the size"])
def test_a_picture_that_the_market_made_is_recognised_without_its_metadata(
    how: str, artist: User, concept: Concept
) -> None:
    look = made_here(drawing(7))

    with pytest.raises(Refused) as refusal:
        add_work(concept, artist, encoded(ALTERED[how](drawing(7))))

    # The same words as for a work: they do not say whether somebody drew such a picture here.
    assert str(refusal.value) == NEUTRAL_REASON
    kept = UploadRefusal.objects.get()
    assert (kept.matched_look, kept.matched_work, kept.matched_artist) == (look, None, None)


def test_a_work_stays_its_artists_when_a_plug_in_draws_it_again(artist: User, concept: Concept) -> None:
    add_work(concept, artist, encoded(drawing(7)))
    made_here(drawing(7))

    assert add_work(make_concept(artist, "Second"), artist, encoded(drawing(7))).pk


def test_the_same_refused_picture_again_opens_no_second_dispute(
    artist: User, second_artist: User, concept: Concept
) -> None:
    add_work(concept, artist, encoded(drawing(7)))
    theirs = make_concept(second_artist, "Theirs")

    for _ in range(2):
        with pytest.raises(Refused, match="matches a picture"):
            add_work(theirs, second_artist, encoded(ImageOps.invert(drawing(7))))

    assert UploadRefusal.objects.count() == 1


def test_nobody_tries_out_many_pictures_in_a_day(
    artist: User, second_artist: User, concept: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_A_DAY", 1)
    add_work(concept, artist, encoded(drawing(7)))
    theirs = make_concept(second_artist, "Theirs")
    with pytest.raises(Refused, match="matches a picture"):
        add_work(theirs, second_artist, encoded(drawing(7)))

    with pytest.raises(Refused) as refusal:
        add_work(theirs, second_artist, encoded(drawing(8)))

    assert str(refusal.value) == AGAIN_TOMORROW
    assert add_work(concept, artist, encoded(drawing(9))).pk


def test_a_work_from_before_there_were_looks_is_looked_at_by_a_sweep(
    artist: User, second_artist: User, concept: Concept
) -> None:
    work = add_work(concept, artist, encoded(drawing(7)))
    PictureLook.objects.all().delete()

    assert (look_at_works(), look_at_works()) == (1, 0)

    assert PictureLook.objects.get().work == work
    with pytest.raises(Refused, match="matches a picture"):
        add_work(make_concept(second_artist, "Theirs"), second_artist, encoded(ImageOps.invert(drawing(7))))


def test_a_work_without_its_file_is_looked_at_once_and_is_like_nothing(
    artist: User, second_artist: User, concept: Concept
) -> None:
    work = add_work(concept, artist, encoded(drawing(7)))
    PictureLook.objects.all().delete()
    work.file.storage.delete(work.file.name or "")

    assert (look_at_works(), look_at_works()) == (1, 0)

    assert add_work(make_concept(second_artist, "Theirs"), second_artist, encoded(drawing(8))).pk


def test_a_look_that_cannot_be_read_stops_no_upload(
    artist: User, second_artist: User, concept: Concept
) -> None:
    add_work(concept, artist, encoded(drawing(7)))
    PictureLook.objects.update(packed=b"damaged")

    assert add_work(
        make_concept(second_artist, "Theirs"), second_artist, encoded(ImageOps.invert(drawing(7)))
    ).pk


def test_the_look_of_a_deleted_work_goes_with_it(artist: User, concept: Concept) -> None:
    work = add_work(concept, artist, encoded(drawing(7)))
    assert LookPoint.objects.exists()

    work.delete()

    assert not PictureLook.objects.exists()
    assert not LookPoint.objects.exists()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"artist": True}, "catalog_picturelook_artist_of_the_work"),
        ({"pixels_sha256": "none"}, "catalog_picturelook_hash_shape"),
    ],
)
def test_a_look_is_of_a_work_and_its_artist_or_of_neither(
    fields: dict[str, Any], constraint: str, artist: User
) -> None:
    said = {"pixels_sha256": "ab" * 32, "packed": nothing().packed(), **fields}
    if said.get("artist"):
        said["artist"] = artist

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        PictureLook.objects.create(**said)


def test_a_decision_has_a_reason_and_somebody_who_made_it(artist: User, concept: Concept) -> None:
    with pytest.raises(IntegrityError, match="decided_with_a_reason"), transaction.atomic():
        UploadRefusal.objects.create(
            person=artist, concept=concept, pixels_sha256="0" * 64, perceptual_hash=0, is_taken=True
        )


def test_a_point_has_a_size() -> None:
    look = made_here(Image.new("RGB", (64, 64), "white"))

    with pytest.raises(IntegrityError, match="catalog_lookpoint_has_a_size"), transaction.atomic():
        LookPoint.objects.create(look=look, surroundings=[0.1] * 48, size=0, direction=0)
