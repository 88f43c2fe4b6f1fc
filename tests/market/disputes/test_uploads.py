"""Disputes about uploads: who sees which picture, and what an admin's decision does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from market.accounts.models import User
from market.audit.models import AuditLine
from market.catalog.models import Concept, UploadRefusal
from market.catalog.recognising import keep_look
from market.catalog.uploads import add_work
from market.disputes.uploads import decide_upload
from market.refusals import Refused
from pictures.looks import look_at
from tests.market.catalog.conftest import make_concept
from tests.market.catalog.pictures import encoded
from tests.market.disputes.conftest import ClientFor
from tests.pictures.test_looks import ALTERED, drawing

pytestmark = pytest.mark.django_db

COPY = encoded(ALTERED["as a negative"](drawing(7)))


@pytest.fixture
def theirs(second_artist: User) -> Concept:
    return make_concept(second_artist, "Theirs")


@pytest.fixture
def upload(artist: User, second_artist: User, theirs: Concept) -> UploadRefusal:
    """A copy that the second artist sent of the artist's work."""
    add_work(make_concept(artist, "Riverink"), artist, encoded(drawing(7)), caption="secret commission")
    with pytest.raises(Refused):
        add_work(theirs, second_artist, COPY, original_name="mine.png")
    return UploadRefusal.objects.get()


def test_who_sent_it_follows_it_and_learns_nothing_of_what_it_matches(
    upload: UploadRefusal, second_artist: User, artist: User, client_for: ClientFor
) -> None:
    client = client_for(second_artist)

    listed, page = client.get("/disputes/uploads/"), client.get(upload.get_absolute_url())

    assert "mine.png" in listed.content.decode()
    assert "An administrator looks at it" in page.content.decode()
    for answer in (listed, page):
        assert not any(word in answer.content.decode() for word in (artist.display_name, "secret", "/match/"))
    assert client.get(f"{upload.get_absolute_url()}picture/").status_code == 200
    assert client.get(f"{upload.get_absolute_url()}match/").status_code == 404


@pytest.mark.parametrize("who", ["artist", "stranger", "user"])
def test_for_others_it_does_not_exist(
    who: str, upload: UploadRefusal, request: pytest.FixtureRequest, client_for: ClientFor
) -> None:
    client = client_for(request.getfixturevalue(who))

    assert "mine.png" not in client.get("/disputes/uploads/").content.decode()
    for address in ("", "picture/", "match/"):
        assert client.get(f"{upload.get_absolute_url()}{address}").status_code == 404


def test_an_admin_sees_both_pictures_and_lets_it_be_uploaded(
    upload: UploadRefusal,
    theirs: Concept,
    admin: User,
    artist: User,
    second_artist: User,
    client_for: ClientFor,
) -> None:
    client, page = client_for(admin), upload.get_absolute_url()
    assert artist.display_name in client.get(page).content.decode()
    assert client.get(f"{page}match/")["Content-Type"] == "image/webp"

    assert client.post(f"{page}decide/", {"is_taken": "yes", "decision": " "}).status_code == 422
    answer = client.post(f"{page}decide/", {"is_taken": "yes", "decision": "Drawn together."}, follow=True)

    assert "Drawn together." in answer.content.decode()
    assert add_work(theirs, second_artist, COPY).pk
    assert AuditLine.objects.filter(action="upload.decided").count() == 1


def test_a_picture_that_stays_refused_is_refused_with_the_decision(
    upload: UploadRefusal, theirs: Concept, admin: User, second_artist: User
) -> None:
    decide_upload(upload, admin, is_taken=False, decision="It was published by another in 2019.")

    with pytest.raises(Refused, match="published by another in 2019"):
        add_work(theirs, second_artist, COPY)


def test_who_sent_it_is_told(
    upload: UploadRefusal,
    admin: User,
    second_artist: User,
    artist: User,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        decide_upload(upload, admin, is_taken=False, decision="It is another's.")

    (sent,) = mail.outbox
    assert sent.to == [second_artist.email]
    assert artist.display_name not in sent.body


def test_it_is_decided_once(upload: UploadRefusal, admin: User) -> None:
    decide_upload(upload, admin, is_taken=False, decision="No.")

    with pytest.raises(Refused):
        decide_upload(upload, admin, is_taken=True, decision="Yes.")
    upload.refresh_from_db()
    assert upload.is_taken is False


def test_only_an_admin_who_is_no_side_of_it_decides(
    upload: UploadRefusal, admin: User, second_artist: User
) -> None:
    with pytest.raises(Refused):
        decide_upload(upload, second_artist, is_taken=True, decision="Mine.")
    UploadRefusal.objects.update(matched_artist=admin)
    upload.refresh_from_db()

    with pytest.raises(Refused, match="Another admin"):
        decide_upload(upload, admin, is_taken=True, decision="Mine.")


def test_the_very_pixels_of_anothers_work_cannot_be_let_in(
    artist: User, second_artist: User, theirs: Concept, admin: User
) -> None:
    add_work(make_concept(artist, "Riverink"), artist, encoded(drawing(7)))
    with pytest.raises(Refused):
        add_work(theirs, second_artist, encoded(drawing(7)))

    with pytest.raises(Refused, match="exactly the pixels"):
        decide_upload(UploadRefusal.objects.get(), admin, is_taken=True, decision="Theirs.")


def test_of_a_picture_that_the_market_made_an_admin_sees_the_outlines(
    theirs: Concept, second_artist: User, admin: User, client_for: ClientFor
) -> None:
    keep_look(look_at(drawing(7)), "ab" * 32)
    with pytest.raises(Refused):
        add_work(theirs, second_artist, COPY)
    upload = UploadRefusal.objects.get()

    page = client_for(admin).get(upload.get_absolute_url()).content.decode()

    assert "Outlines of a picture that the market made" in page
    assert client_for(admin).get(f"{upload.get_absolute_url()}match/").status_code == 200
