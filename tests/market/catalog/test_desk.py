"""An artist's desk: from the name of a concept to the start of its addition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn, RightsAffirmation
from market.catalog.rights import RIGHTS_TEXT, RIGHTS_VERSION
from market.jobs.models import Job
from tests.market.catalog.conftest import with_works

SignIn = Callable[[User], Client]
NEW = reverse("catalog:new_concept")
FIELDS = {
    "kind": "style",
    "name": "Riverink",
    "aliases": "River ink, RI,  River ink ",
    "description": "Inky.",
}


@pytest.fixture
def at_desk(artist: User, client_for: SignIn) -> Client:
    return client_for(artist)


def test_a_concept_is_registered_with_its_other_names(at_desk: Client, artist: User) -> None:
    response = at_desk.post(NEW, FIELDS)

    concept = Concept.objects.get()
    assert response["Location"] == concept.get_absolute_url()
    assert (concept.artist, concept.name, concept.kind) == (artist, "Riverink", "style")
    assert concept.aliases == ["River ink", "RI"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "required"),
        ({"name": "a"}, "at least 2"),
        ({"name": "fox, oil"}, "Use letters"),
        ({"name": "x" * 61}, "at most 60"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"kind": "mood"}, "valid choice"),
        ({"aliases": ", ".join(f"name {n}" for n in range(9))}, "no more than 8"),
        ({"aliases": "<script>"}, "Use letters"),
        ({"description": "x" * 4001}, "at most 4000"),
    ],
)
def test_what_is_wrong_with_a_concept_is_said_and_nothing_typed_is_lost(
    at_desk: Client, changes: dict[str, str], said: str
) -> None:
    response = at_desk.post(NEW, FIELDS | changes)

    assert response.status_code == 422
    assert said in response.content.decode()
    assert "Inky." in response.content.decode() or "description" in changes
    assert not Concept.objects.exists()


def test_a_second_concept_of_one_name_is_an_error_of_the_form(at_desk: Client) -> None:
    at_desk.post(NEW, FIELDS)

    response = at_desk.post(NEW, FIELDS | {"name": "RIVERINK"})

    assert response.status_code == 422
    assert "already have a concept with this name" in response.content.decode()


def test_rights_are_affirmed_with_text_version_time_and_person(at_desk: Client, artist: User) -> None:
    concept = Concept.objects.create(artist=artist, name="Riverink", kind="style")
    url = reverse("catalog:affirm", args=[concept.pk])
    assert RIGHTS_TEXT.splitlines()[0] in at_desk.get(concept.get_absolute_url()).content.decode()

    at_desk.post(url, {"version": RIGHTS_VERSION, "affirm": "on"})
    at_desk.post(url, {"version": RIGHTS_VERSION, "affirm": "on"})

    kept = RightsAffirmation.objects.get()
    assert (kept.concept, kept.person, kept.text, kept.text_version) == (
        concept,
        artist,
        RIGHTS_TEXT,
        RIGHTS_VERSION,
    )
    assert kept.affirmed_at is not None
    assert kept.ip_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("data", "status"),
    [({"version": RIGHTS_VERSION}, 422), ({"version": "1999-01", "affirm": "on"}, 302), ({}, 422)],
)
def test_nothing_is_affirmed_without_the_tick_or_under_another_text(
    at_desk: Client, artist: User, data: dict[str, str], status: int
) -> None:
    concept = Concept.objects.create(artist=artist, name="Riverink", kind="style")

    response = at_desk.post(reverse("catalog:affirm", args=[concept.pk]), data)

    assert response.status_code == status
    assert not RightsAffirmation.objects.exists()


def test_an_addition_is_started_with_base_price_and_licence(
    at_desk: Client, concept: Concept, base: BaseModel
) -> None:
    with_works(concept)
    url = reverse("catalog:addition", args=[concept.pk])
    assert "Little base" in at_desk.get(url).content.decode()

    response = at_desk.post(
        url, {"base": "little", "price_micros": "0.07", "allow_combination": "on", "require_credit": "on"}
    )

    job = Job.objects.get()
    assert response["Location"] == job.get_absolute_url()
    plugin = PlugIn.objects.get()
    assert plugin.price_micros == 70_000
    assert (plugin.allow_commercial, plugin.allow_combination) == (False, True)


def test_an_addition_that_cannot_start_says_all_that_is_missing_and_keeps_the_form(
    at_desk: Client, concept: Concept, base: BaseModel
) -> None:
    response = at_desk.post(
        reverse("catalog:addition", args=[concept.pk]), {"base": "little", "price_micros": "0.07"}
    )

    assert response.status_code == 409
    page = response.content.decode()
    assert "at least 3 works" in page
    assert 'value="0.07"' in page
    assert not Job.objects.exists()


def test_without_a_listed_base_the_page_says_so(at_desk: Client, concept: Concept) -> None:
    page = at_desk.get(reverse("catalog:addition", args=[concept.pk])).content.decode()

    assert "No base model takes additions at present" in page


@pytest.mark.parametrize("changes", [{"base": "nothing"}, {"base": ""}, {"price_micros": "-1"}])
def test_an_addition_with_a_wrong_base_or_price_is_refused(
    at_desk: Client, concept: Concept, base: BaseModel, changes: dict[str, Any]
) -> None:
    with_works(concept)

    response = at_desk.post(
        reverse("catalog:addition", args=[concept.pk]), {"base": "little", "price_micros": "0.07"} | changes
    )

    assert response.status_code == 422
    assert not Job.objects.exists()


def test_a_concept_that_was_learned_keeps_name_and_kind(at_desk: Client, plugin: PlugIn) -> None:
    url = reverse("catalog:edit_concept", args=[plugin.concept_id])

    at_desk.post(url, FIELDS | {"name": "Else", "kind": "character", "description": "New words."})

    plugin.concept.refresh_from_db()
    assert (plugin.concept.name, plugin.concept.kind) == ("Riverink", "style")
    assert plugin.concept.description == "New words."


def test_every_page_of_the_desk_opens_at_every_stage(at_desk: Client, artist: User, base: BaseModel) -> None:
    assert "Begin with a concept" in at_desk.get(reverse("catalog:desk")).content.decode()
    at_desk.post(NEW, FIELDS)
    concept = Concept.objects.get()
    pages = [reverse("catalog:desk"), *(
        reverse(f"catalog:{name}", args=[concept.pk]) for name in ("concept", "edit_concept", "addition")
    )]  # fmt: skip
    stages: list[Callable[[], Any]] = [
        lambda: None,
        lambda: concept.affirm_rights(artist),
        lambda: with_works(concept),
        lambda: at_desk.post(pages[3], {"base": "little", "price_micros": "0"}),
    ]

    for stage in stages:
        stage()
        for page in pages:
            assert at_desk.get(page).status_code == 200, page
