"""Works that are not for training, by the API."""

from __future__ import annotations

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.uploads import add_work
from tests.market.api.conftest import ProgramOf, problem
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.catalog.pictures import png
from tests.market.catalog.test_reserving import FORBIDS, SAID


def test_a_concept_is_marked_and_additions_are_refused(
    artist: User, stranger: User, base: BaseModel, program_of: ProgramOf
) -> None:
    concept = with_works(make_concept(artist, "Riverink"), 3)
    path = f"concepts/{concept.pk}/reservation"

    said = program_of(artist).post(path, {"not_for_training": True}).json()

    assert said["not_for_training"] is True
    problem(
        program_of(artist).post(f"concepts/{concept.pk}/additions", {"base": base.slug, "price_micros": 0}),
        409,
        "not-possible",
    )
    problem(program_of(artist).post(path, {}), 422, "invalid")
    problem(program_of(stranger).post(path, {"not_for_training": False}), 404, "not-found")


def test_what_a_file_forbids_is_said_and_lifted_once(artist: User, program_of: ProgramOf) -> None:
    concept, program = make_concept(artist, "Riverink"), program_of(artist)
    work = add_work(concept, artist, png(7) + FORBIDS)

    (listed,) = program.get(f"concepts/{concept.pk}/works").json()["results"]
    assert (listed["reservation"], listed["lifted_at"]) == (SAID, None)
    assert program.post(f"concepts/{concept.pk}/works/{work.pk}/lift").json()["lifted_at"]
    problem(program.post(f"concepts/{concept.pk}/works/{work.pk}/lift"), 409, "not-possible")
