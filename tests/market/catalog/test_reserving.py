"""Works that are not for training are protected like all works, and no addition learns from them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.addition import start_addition
from market.catalog.models import Concept, UploadRefusal, Work
from market.catalog.reserving import lift, reserve
from market.catalog.uploads import add_work
from market.claims import drafting
from market.refusals import Refused
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.catalog.pictures import png
from tests.market.provenance.test_training_mining import assertion

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
FORBIDS = assertion("cawg.training-mining", {"cawg.ai_generative_training": "notAllowed"})
SAID = "cawg.ai_generative_training: notAllowed"


@pytest.fixture
def protected(artist: User) -> Concept:
    """Works that are registered for their protection alone."""
    concept = with_works(make_concept(artist, "Riverink"), 3)
    reserve(concept, artist, is_reserved=True)
    return concept


def test_an_artist_marks_works_as_not_for_training_and_takes_it_back(
    artist: User, client_for: ClientFor
) -> None:
    concept, client = with_works(make_concept(artist, "Riverink"), 3), client_for(artist)
    mark = reverse("catalog:reserve", args=[concept.pk])

    client.post(mark, {"reserved": "yes"})
    page = client.get(concept.get_absolute_url()).content.decode()
    assert "No addition learns from them" in page
    assert "Make a plug-in" not in page

    client.post(mark, {"reserved": "no"})
    assert "Make a plug-in" in client.get(concept.get_absolute_url()).content.decode()
    assert [each.action for each in AuditLine.objects.filter(action__startswith="concept.re").order_by("pk")] == [
        "concept.reserved", "concept.released",
    ]  # fmt: skip


def test_no_addition_learns_from_them(artist: User, base: BaseModel, protected: Concept) -> None:
    with pytest.raises(Refused, match="not for training"):
        start_addition(protected, base, artist)
    assert not Work.objects.for_training().exists()


def test_a_copy_of_one_is_refused_to_others(artist: User, second_artist: User) -> None:
    concept = make_concept(artist, "Riverink")
    add_work(concept, artist, png(7))
    reserve(concept, artist, is_reserved=True)

    with pytest.raises(Refused):
        add_work(make_concept(second_artist, "Theirs"), second_artist, png(7))

    assert UploadRefusal.objects.get().matched_artist == artist


def test_a_claim_can_name_them(artist: User, base: BaseModel, protected: Concept) -> None:
    draft = drafting.Draft(prompts=["a fox"], rights="I drew them in 2019.")
    claim = drafting.draft_claim(concept=protected, about=base, by=artist, draft=draft)

    drafting.choose_works(claim, artist, list(protected.works.all()))

    assert claim.pictures.count() == 3


def test_what_a_file_forbids_is_kept_shown_and_honoured(
    artist: User, base: BaseModel, client_for: ClientFor
) -> None:
    concept = with_works(make_concept(artist, "Riverink"), 2)
    work = add_work(concept, artist, png(7) + FORBIDS)

    assert work.reservation == SAID
    assert SAID in client_for(artist).get(concept.get_absolute_url()).content.decode()
    with pytest.raises(Refused, match="Of 1 more the files say that they are not"):
        start_addition(concept, base, artist)


def test_its_artist_lifts_what_their_own_credentials_forbid(
    artist: User, base: BaseModel, client_for: ClientFor
) -> None:
    concept = with_works(make_concept(artist, "Riverink"), 2)
    work = add_work(concept, artist, png(7) + FORBIDS)

    client_for(artist).post(reverse("catalog:lift", args=[concept.pk, work.pk]))

    assert work.pk in start_addition(concept, base, artist).parameters["works"]
    assert AuditLine.objects.get(action="work.reservation_lifted").details["reason"] == SAID
    with pytest.raises(Refused, match="nothing to lift"):
        lift(work, artist)


def test_an_addition_leaves_out_the_works_whose_files_forbid_it(artist: User, base: BaseModel) -> None:
    concept = with_works(make_concept(artist, "Riverink"), 3)
    work = add_work(concept, artist, png(7) + FORBIDS)

    job = start_addition(concept, base, artist)

    assert len(job.parameters["works"]) == 3
    assert work.pk not in job.parameters["works"]


def test_nobody_else_marks_or_lifts(
    artist: User, user: User, stranger: User, admin: User, protected: Concept, client_for: ClientFor
) -> None:
    work = protected.works.all()[0]
    for person in (user, stranger, admin):
        client = client_for(person)
        assert (
            client.post(reverse("catalog:reserve", args=[protected.pk]), {"reserved": "no"}).status_code
            == 404
        )
        assert client.post(reverse("catalog:lift", args=[protected.pk, work.pk])).status_code == 404
    protected.refresh_from_db()
    assert protected.not_for_training


def test_the_database_lifts_only_what_is_reserved(artist: User) -> None:
    concept = with_works(make_concept(artist, "Riverink"), 1)
    with pytest.raises(IntegrityError, match="catalog_work_lifts_what_is_reserved"), transaction.atomic():
        concept.works.update(lifted_at=timezone.now())
