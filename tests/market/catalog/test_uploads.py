"""Uploading works through the page: many at once, each taken or refused by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from PIL import ImageOps

from market.accounts.models import User
from market.catalog.copies import NEUTRAL_REASON
from market.catalog.models import Concept, UploadRefusal, Work
from market.catalog.uploads import MAX_FILES_AT_ONCE, add_work, remove_work
from market.refusals import Refused
from tests.market.catalog.conftest import make_concept
from tests.market.catalog.pictures import drawing, encoded, png, sent

SignIn = Callable[[User], Client]


def upload(client: Client, concept: Concept, *files: Any) -> Any:
    return client.post(reverse("catalog:upload", args=[concept.pk]), {"files": list(files)})


def stored_files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_many_works_are_taken_at_once(artist: User, concept: Concept, client_for: SignIn) -> None:
    files = [
        sent(png(1), "red-fox.png"),
        sent(encoded(drawing(2), "JPEG", quality=90), "house.jpg", "image/jpeg"),
        sent(encoded(drawing(3), "WEBP"), "IMG_1.webp", "image/webp"),
    ]

    response = upload(client_for(artist), concept, *files)

    assert response.status_code == 302
    assert list(concept.works.values_list("caption", "original_name", "content_type")) == [
        ("red fox", "red-fox.png", "image/png"),
        ("house", "house.jpg", "image/webp"),
        ("", "IMG_1.webp", "image/webp"),
    ]


def test_good_files_are_taken_beside_bad_ones_and_each_bad_one_says_why(
    artist: User, concept: Concept, client_for: SignIn
) -> None:
    response = upload(
        client_for(artist),
        concept,
        sent(b"", "nothing.png"),
        sent(png(1), "fox.png"),
        sent(b"<svg/>", "evil.png"),
    )

    assert response.status_code == 200
    page = response.content.decode()
    assert "1 work uploaded" in page
    assert "<strong>nothing.png</strong>: The file is empty." in page
    assert (
        "<strong>evil.png</strong>: The file is not a PNG, JPEG, WebP, GIF, AVIF, HEIC, BMP or TIFF picture."
        in page
    )
    assert concept.works.count() == 1


def test_when_no_file_is_taken_the_answer_is_an_error(
    artist: User, concept: Concept, client_for: SignIn
) -> None:
    assert upload(client_for(artist), concept, sent(b"", "nothing.png")).status_code == 422


def test_no_file_at_all_is_an_error_of_the_form(artist: User, concept: Concept, client_for: SignIn) -> None:
    response = client_for(artist).post(reverse("catalog:upload", args=[concept.pk]), {})

    assert response.status_code == 422
    assert "Choose at least one picture" in response.content.decode()


def test_too_many_files_are_refused_one_by_one(
    artist: User, concept: Concept, client_for: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.catalog.uploads.MAX_FILES_AT_ONCE", 2)

    upload(client_for(artist), concept, *[sent(png(seed), f"{seed}.png") for seed in range(3)])

    assert concept.works.count() == 2
    assert MAX_FILES_AT_ONCE > 2


def test_a_file_name_never_reaches_the_storage(
    artist: User, concept: Concept, client_for: SignIn, tmp_path: Path
) -> None:
    upload(client_for(artist), concept, sent(png(1), "../../../escape.png"), sent(png(2), "a\\..\\b.png"))

    assert concept.works.count() == 2
    for path in stored_files(tmp_path):
        assert path.relative_to(tmp_path).parts[:2] == ("works", str(concept.pk))
        assert "escape" not in path.name


def test_a_file_over_the_byte_cap_is_refused(
    artist: User, concept: Concept, client_for: SignIn, settings: Any
) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, work_bytes=100)

    assert "at most 0.0 MB" in upload(client_for(artist), concept, sent(png(1))).content.decode()


def test_works_wait_for_the_affirmation_of_rights(artist: User, client_for: SignIn) -> None:
    concept = Concept.objects.create(artist=artist, name="Unaffirmed", kind="style")

    response = upload(client_for(artist), concept, sent(png(1)))

    assert response.status_code == 422
    assert "Affirm your rights" in response.content.decode()
    assert not concept.works.exists()


def test_the_same_pixels_twice_in_a_concept_are_refused(artist: User, concept: Concept) -> None:
    add_work(concept, artist, png(1), caption="a fox")

    with pytest.raises(Refused, match=r"exactly this picture .*a fox"):
        add_work(concept, artist, png(1, compress_level=0))


def test_nearly_the_same_picture_in_a_concept_is_refused(artist: User, concept: Concept) -> None:
    picture = drawing(1, size=(200, 200))
    add_work(concept, artist, encoded(picture))

    with pytest.raises(Refused, match="nearly the same"):
        add_work(concept, artist, encoded(picture.resize((140, 140))))


def test_an_artist_may_use_a_work_in_two_concepts(artist: User, concept: Concept) -> None:
    add_work(concept, artist, png(1))

    assert add_work(make_concept(artist, "Pip", kind="character"), artist, png(1)).pk


@pytest.mark.parametrize("how", ["exact", "resized", "mirrored", "grey", "jpeg"])
def test_another_artists_work_is_refused_neutrally_and_recorded_for_administrators(
    how: str, artist: User, second_artist: User, concept: Concept
) -> None:
    picture = drawing(7, size=(160, 160))
    original = add_work(concept, artist, encoded(picture), caption="secret commission")
    copies = {
        "exact": encoded(picture),
        "resized": encoded(picture.resize((90, 90))),
        "mirrored": encoded(ImageOps.mirror(picture)),
        "grey": encoded(picture.convert("L")),
        "jpeg": encoded(picture, "JPEG", quality=60),
    }
    theirs = make_concept(second_artist, "Theirs")

    with pytest.raises(Refused) as refusal:
        add_work(theirs, second_artist, copies[how], original_name="mine-really.png")

    assert str(refusal.value) == NEUTRAL_REASON
    assert not any(word in NEUTRAL_REASON for word in (artist.display_name, "secret", concept.name))
    record = UploadRefusal.objects.get()
    assert (record.person, record.concept, record.matched_work, record.matched_artist) == (
        second_artist, theirs, original, artist,
    )  # fmt: skip
    assert record.original_name == "mine-really.png"
    assert record.distance is not None
    assert record.distance <= 16
    assert not theirs.works.exists()


def test_only_the_concepts_artist_adds_works(second_artist: User, concept: Concept) -> None:
    with pytest.raises(Refused, match="Only the artist"):
        add_work(concept, second_artist, png(1))


def test_a_concept_holds_a_limited_number_of_works(
    artist: User, concept: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.catalog.uploads.MAX_WORKS", 1)
    add_work(concept, artist, png(1))

    with pytest.raises(Refused, match="at most 1 works"):
        add_work(concept, artist, png(2))


def test_a_work_that_loses_a_race_leaves_no_files(
    artist: User, concept: Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when two uploads of one picture both looked before either was registered."""
    add_work(concept, artist, png(1))
    before = stored_files(tmp_path)
    monkeypatch.setattr("market.catalog.uploads._refuse_repeat", lambda *_: None)

    with pytest.raises(Refused, match="exactly this picture"):
        add_work(concept, artist, png(1))

    assert stored_files(tmp_path) == before


def test_a_deleted_work_takes_its_files_along(
    artist: User,
    concept: Concept,
    client_for: SignIn,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    work = add_work(concept, artist, png(1))

    with django_capture_on_commit_callbacks(execute=True):
        response = client_for(artist).post(reverse("catalog:delete_work", args=[concept.pk, work.pk]))

    assert response.status_code == 302
    assert not Work.objects.exists()
    assert stored_files(tmp_path) == []


def test_a_row_without_its_file_is_not_found_rather_than_an_error(
    artist: User, concept: Concept, client_for: SignIn
) -> None:
    work = add_work(concept, artist, png(1))
    default_storage.delete(work.file.name or "")

    assert client_for(artist).get(work.url).status_code == 404


def test_its_artist_sees_a_work_as_an_image_kept_to_themselves(
    artist: User, concept: Concept, client_for: SignIn
) -> None:
    work = add_work(concept, artist, png(1))

    for url, kind in [(work.url, "image/png"), (work.thumbnail_url, "image/webp")]:
        response = client_for(artist).get(url)
        assert response.status_code == 200
        assert response["Content-Type"] == kind
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "private" in response["Cache-Control"]
        assert "sandbox" in response["Content-Security-Policy"]


def test_captions_are_saved_together(artist: User, concept: Concept, client_for: SignIn) -> None:
    works = [add_work(concept, artist, png(seed)) for seed in (1, 2)]
    url = reverse("catalog:captions", args=[concept.pk])

    client_for(artist).post(url, {f"caption-{works[0].pk}": "a  fox", f"caption-{works[1].pk}": "a house"})

    assert list(concept.works.values_list("caption", flat=True)) == ["a fox", "a house"]


def test_a_caption_that_is_too_long_is_refused_and_kept_in_the_form(
    artist: User, concept: Concept, client_for: SignIn
) -> None:
    work = add_work(concept, artist, png(1), caption="a fox")
    url = reverse("catalog:captions", args=[concept.pk])

    response = client_for(artist).post(url, {f"caption-{work.pk}": "long " * 60})

    assert response.status_code == 422
    assert "long long" in response.content.decode()
    work.refresh_from_db()
    assert work.caption == "a fox"


def test_captions_of_another_concept_are_not_touched(
    artist: User, second_artist: User, concept: Concept, client_for: SignIn
) -> None:
    theirs = add_work(make_concept(second_artist, "Theirs"), second_artist, png(5), caption="before")
    url = reverse("catalog:captions", args=[concept.pk])

    client_for(artist).post(url, {f"caption-{theirs.pk}": "after"})

    theirs.refresh_from_db()
    assert theirs.caption == "before"


def test_a_work_can_be_removed_while_nothing_learns_from_it(artist: User, concept: Concept) -> None:
    assert remove_work(add_work(concept, artist, png(1)))
