"""An artist's concepts by the API: registered, their rights affirmed, their works uploaded, captioned and deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from market.accounts.models import Scope, User
from market.basemodels.models import BaseModel
from market.catalog.addition import start_addition
from market.catalog.copies import NEUTRAL_REASON
from market.catalog.models import Concept, RightsAffirmation, UploadRefusal, Work
from market.catalog.rights import RIGHTS_TEXT, RIGHTS_VERSION
from market.catalog.uploads import add_work
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.catalog.pictures import png

NEW = {"name": "Riverink", "kind": "style", "aliases": ["River ink", "RI"], "description": "Wet ink."}


@pytest.fixture
def seller(artist: User, program_of: ProgramOf) -> Program:
    return program_of(artist, Scope.SELL)


@pytest.fixture
def concept(artist: User) -> Concept:
    return make_concept(artist, "Riverink", aliases=["RI"], description="Wet ink.")


def picture(seed: int, name: str = "red-fox.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png(seed), "image/png")


def test_a_concept_is_registered_its_rights_affirmed_and_works_uploaded(
    seller: Program, artist: User
) -> None:
    answer = seller.post("concepts", NEW)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert answer["Location"] == f"/api/v1/concepts/{made['id']}"
    assert {name: made[name] for name in NEW} == NEW
    assert (made["affirmed"], made["works_count"], made["plugins"]) == (False, 0, [])
    path = f"concepts/{made['id']}"
    early = seller.post_form(f"{path}/works", {"files": [picture(1)]}).json()
    assert "Affirm your rights" in early["refused"][0]["reason"]

    text = seller.get(f"{path}/rights").json()
    assert text == {"version": RIGHTS_VERSION, "text": RIGHTS_TEXT, "affirmed_at": None}
    affirmed = seller.post(f"{path}/rights", {"version": text["version"], "affirm": True}).json()
    assert affirmed["affirmed_at"]
    sent = seller.post_form(f"{path}/works", {"files": [picture(1), picture(2, "IMG_2.png")]}).json()

    assert [each["caption"] for each in sent["taken"]] == ["red fox", ""]
    assert sent["refused"] == []
    now = seller.get(path).json()
    assert (now["affirmed"], now["works_count"]) == (True, 2)
    assert Work.objects.filter(artist=artist, concept=made["id"]).count() == 2


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"name": None}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"name": "a, b"}, "#/name"),
        ({"name": "a\x00b"}, "#/name"),
        ({"description": "\ud800"}, "#/description"),
        ({"name": "x" * 61}, "#/name"),
        ({"name": ["Riverink"]}, "#/name"),
        ({"kind": "combination"}, "#/kind"),
        ({"aliases": "RI"}, "#/aliases"),
        ({"aliases": ["a,b"]}, "#/aliases/0"),
        ({"aliases": [f"name {number}" for number in range(9)]}, "#/aliases"),
        ({"artist": "ada-artist"}, "#/artist"),
    ],
)
def test_a_concept_that_cannot_be_is_pointed_at(seller: Program, changes: Any, pointer: str) -> None:
    said = problem(seller.post("concepts", NEW | changes), 422, "invalid")

    assert pointer in [each.get("pointer") for each in said["errors"]]
    assert Concept.objects.count() == 0


def test_a_name_is_one_artists_once(seller: Program, concept: Concept) -> None:
    said = problem(seller.post("concepts", NEW | {"name": "riverink"}), 422, "invalid")

    assert said["detail"] == "You already have a concept with this name."


def test_what_a_change_leaves_out_stays(seller: Program, concept: Concept) -> None:
    changed = seller.patch(f"concepts/{concept.pk}", {"description": "Dry ink."}).json()

    assert (changed["name"], changed["aliases"], changed["description"]) == ("Riverink", ["RI"], "Dry ink.")
    renamed = seller.patch(f"concepts/{concept.pk}", {"name": "Lakeink", "aliases": []}).json()
    assert (renamed["name"], renamed["aliases"], renamed["description"]) == ("Lakeink", [], "Dry ink.")


def test_what_weights_have_learned_to_answer_to_cannot_change(
    seller: Program, artist: User, concept: Concept, base: BaseModel
) -> None:
    start_addition(with_works(concept), base, artist)

    said = problem(
        seller.patch(f"concepts/{concept.pk}", {"name": "Lakeink", "kind": "character"}), 422, "invalid"
    )

    assert said["errors"] == [
        {"detail": "This cannot be changed any more. It is “style”.", "pointer": "#/kind"},
        {"detail": "This cannot be changed any more. It is “Riverink”.", "pointer": "#/name"},
    ]
    same = seller.patch(f"concepts/{concept.pk}", {"name": "Riverink", "description": "Dry."}).json()
    assert same["description"] == "Dry."


def test_rights_are_affirmed_by_the_text_in_force_and_only_by_a_yes(seller: Program, artist: User) -> None:
    bare = Concept.objects.create(artist=artist, name="Willow", kind="style")
    path = f"concepts/{bare.pk}/rights"

    old = problem(seller.post(path, {"version": "2020-01", "affirm": True}), 409, "not-possible")
    no = problem(seller.post(path, {"version": RIGHTS_VERSION, "affirm": False}), 422, "invalid")
    nothing = problem(seller.post(path, {}), 422, "invalid")

    assert "read it again" in old["detail"]
    assert no["errors"] == [{"detail": "Tick the box to affirm your rights.", "pointer": "#/affirm"}]
    assert {each["pointer"] for each in nothing["errors"]} == {"#/version", "#/affirm"}
    assert RightsAffirmation.objects.count() == 0
    for _ in range(2):
        assert seller.post(path, {"version": RIGHTS_VERSION, "affirm": True}).status_code == 200
    kept = RightsAffirmation.objects.get()
    assert (kept.person, kept.text, kept.ip_address) == (artist, RIGHTS_TEXT, "127.0.0.1")


def test_each_work_is_taken_or_refused_with_its_reason(
    seller: Program, second_artist: User, concept: Concept
) -> None:
    theirs = make_concept(second_artist, "Willow")
    add_work(theirs, second_artist, png(7))

    sent = seller.post_form(
        f"concepts/{concept.pk}/works",
        {
            "files": [
                picture(1),
                picture(1, "again.png"),
                picture(7, "copy.png"),
                SimpleUploadedFile("../../text.png", b"not a picture"),
                SimpleUploadedFile("empty.png", b""),
            ]
        },
    ).json()

    assert len(sent["taken"]) == 1
    reasons = {each["name"]: each["reason"] for each in sent["refused"]}
    assert list(reasons) == ["again.png", "copy.png", "text.png", "empty.png"]
    assert "already has exactly this picture" in reasons["again.png"]
    assert reasons["copy.png"] == NEUTRAL_REASON
    assert UploadRefusal.objects.get().matched_artist == second_artist


def test_a_picture_that_is_too_large_is_refused_by_itself(
    seller: Program, concept: Concept, settings: Any
) -> None:
    settings.UPLOADS = replace(settings.UPLOADS, work_bytes=10_000)

    sent = seller.post_form(
        f"concepts/{concept.pk}/works",
        {"files": [SimpleUploadedFile("big.png", b"x" * 3_000_000), picture(1)]},
    ).json()

    assert [each["caption"] for each in sent["taken"]] == ["red fox"]
    assert sent["refused"][0]["reason"] == "The file has 3.0 MB; at most 0.0 MB are taken."


def test_works_come_as_files_of_a_form(seller: Program, concept: Concept) -> None:
    path = f"concepts/{concept.pk}/works"

    problem(seller.post(path, {"files": ["red-fox.png"]}), 415, "wrong-type")
    missing = problem(seller.post_form(path, {}), 422, "invalid")
    text = problem(seller.post_form(path, {"files": "red-fox.png"}), 422, "invalid")
    other = problem(seller.post_form(path, {"pictures": picture(1)}), 422, "invalid")

    assert missing["errors"] == [{"detail": "Choose at least one picture.", "pointer": "#/files"}]
    assert text["errors"][0]["pointer"] == "#/files/0"
    assert other["errors"][0]["pointer"] == "#/pictures"
    assert Work.objects.count() == 0


def test_works_sent_again_with_the_same_key_are_answered_as_before(seller: Program, concept: Concept) -> None:
    path = f"concepts/{concept.pk}/works"

    first = seller.post_form(path, {"files": [picture(1)]}, key="works-1")
    again = seller.post_form(path, {"files": [picture(1)]}, key="works-1")

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Work.objects.count() == 1


def test_a_work_gets_another_caption_in_one_line(seller: Program, concept: Concept, artist: User) -> None:
    work = add_work(concept, artist, png(1), caption="a fox")
    path = f"concepts/{concept.pk}/works/{work.pk}"

    assert seller.patch(path, {"caption": " two\n foxes "}).json()["caption"] == "two foxes"
    assert seller.patch(path, {}).json()["caption"] == "two foxes"
    long = problem(seller.patch(path, {"caption": "x" * 201}), 422, "invalid")

    assert long["errors"][0]["pointer"] == "#/caption"
    work.refresh_from_db()
    assert work.caption == "two foxes"


def test_a_work_is_deleted_unless_an_addition_learns_from_it(
    seller: Program, concept: Concept, artist: User, base: BaseModel
) -> None:
    first, *_ = with_works(concept, 4).works.all()
    path = f"concepts/{concept.pk}/works"

    assert seller.delete(f"{path}/{first.pk}").status_code == 204
    problem(seller.delete(f"{path}/{first.pk}"), 404, "not-found")
    start_addition(concept, base, artist)
    said = problem(seller.delete(f"{path}/{concept.works.all()[0].pk}"), 409, "not-possible")

    assert "Delete it when that has ended" in said["detail"]
    assert concept.works.count() == 3


def test_anothers_concept_and_works_are_not_there(
    concept: Concept, artist: User, second_artist: User, stranger: User, program_of: ProgramOf
) -> None:
    work = add_work(concept, artist, png(1))
    own = make_concept(stranger, "Pebble")

    for person in (stranger, second_artist):
        program = program_of(person)
        for path in (f"concepts/{concept.pk}", f"concepts/{concept.pk}/rights"):
            problem(program.get(path), 404, "not-found")
        problem(program.patch(f"concepts/{concept.pk}", {"name": "Mine"}), 404, "not-found")
        problem(program.post(f"concepts/{concept.pk}/rights", {}), 404, "not-found")
        problem(program.post_form(f"concepts/{concept.pk}/works", {"files": [picture(2)]}), 404, "not-found")
    # Under one's own concept it is no more there.
    for path in (f"concepts/{concept.pk}/works/{work.pk}", f"concepts/{own.pk}/works/{work.pk}"):
        problem(program_of(stranger).patch(path, {"caption": "mine"}), 404, "not-found")
        problem(program_of(stranger).delete(path), 404, "not-found")
    assert Work.objects.get().caption == work.caption


def test_registering_needs_the_role_of_an_artist_and_a_token_that_sells(
    user: User, artist: User, program_of: ProgramOf
) -> None:
    said = problem(program_of(user).post("concepts", NEW), 403, "not-allowed")
    assert "role of artist" in said["detail"]

    token = problem(program_of(artist, Scope.MANAGE).post("concepts", NEW), 403, "not-allowed")
    assert "“sell”" in token["detail"]
    assert Concept.objects.count() == 0
