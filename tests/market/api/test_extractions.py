"""Extractions and releases by the API, for who governs the base."""

from __future__ import annotations

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.extractions.deciding import approve_extraction
from market.extractions.models import Extraction, ReleaseBuild
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.extractions.stage import REASON, finish_build, make_claim, make_extraction, not_judged


@pytest.fixture
def owner(model_owner: User, program_of: ProgramOf) -> Program:
    return program_of(model_owner)


@pytest.fixture
def extraction(base: BaseModel, model_owner: User) -> Extraction:
    return make_extraction(base, model_owner)


def test_an_accepted_claim_is_suggested_and_started_with(
    owner: Program, base: BaseModel, artist: User
) -> None:
    claim = make_claim(artist, base)

    suggested = owner.get("bases/tiny/extractions/suggestions").json()["from_claims"]
    assert suggested == [{"claim": claim.pk, "name": "Noto", "kind": "style", "aliases": []}]
    body = suggested[0] | {"aliases": ["Noto Emoji"], "retained": ["a cat, Clay style", "a dog"]}
    answer = owner.post("bases/tiny/extractions", body)

    assert answer.status_code == 201, answer.content
    begun = answer.json()
    assert (begun["state"], begun["claim"], begun["method"], begun["pictures"]) == (
        "making",
        claim.pk,
        "hybrid",
        100,
    )
    assert begun["retained"] == ["a cat, Clay style", "a dog"]
    assert owner.get(f"jobs/{begun['job']}").json()["state"] == "queued"
    said = problem(owner.post("bases/tiny/extractions", body), 422, "invalid")
    assert "already" in said["detail"]


def test_a_wish_that_makes_no_sense_is_pointed_at(owner: Program, base: BaseModel) -> None:
    body = {"name": "N", "kind": "colour", "pictures": 1, "aliases": ["a,b"]}

    said = problem(owner.post("bases/tiny/extractions", body), 422, "invalid")
    assert [each["pointer"] for each in said["errors"]] == ["#/aliases/0"]
    said = problem(owner.post("bases/tiny/extractions", body | {"aliases": []}), 422, "invalid")

    assert {each["pointer"] for each in said["errors"]} == {"#/name", "#/kind", "#/pictures"}
    assert not Extraction.objects.exists()


def test_an_extraction_has_its_figures_and_its_limits(owner: Program, extraction: Extraction) -> None:
    said = owner.get(f"extractions/{extraction.pk}").json()

    assert (said["state"], said["figures"]["h_o"], said["missed"]) == ("ready", 0.97, [])
    assert [limit["met"] for limit in said["limits"]] == [True] * 4
    assert [each["id"] for each in owner.get("bases/tiny/extractions").json()["results"]] == [extraction.pk]


def test_approving_builds_a_release_which_is_taken_into_use_and_rolled_back(
    owner: Program, extraction: Extraction, base: BaseModel
) -> None:
    answer = owner.post(f"extractions/{extraction.pk}/approve", {"offer": True})
    assert answer.status_code == 201, answer.content
    built = answer.json()
    assert built["state"] == "building"
    release = finish_build(ReleaseBuild.objects.get(pk=built["id"]))

    first, second = (owner.get("bases/tiny/releases").json()["results"][place] for place in (1, 0))
    assert (second["id"], second["in_use"], first["in_use"]) == (release.pk, False, True)
    assert owner.get(f"releases/{release.pk}").json()["figures"]["concepts"][0]["name"] == "Noto"
    compared = owner.get(f"bases/tiny/releases/compare?first={first['id']}&second={second['id']}").json()
    assert (compared["first"]["figures"], compared["second"]["number"]) == ({}, 2)
    assert owner.post(f"releases/{release.pk}/use").json()["in_use"] is True
    problem(owner.post(f"releases/{release.pk}/use"), 422, "invalid")
    assert owner.post(f"releases/{first['id']}/use").json()["number"] == 1
    assert base.default_release().number == 1


def test_one_that_misses_a_limit_is_approved_only_with_a_reason(
    owner: Program, base: BaseModel, model_owner: User
) -> None:
    extraction = make_extraction(base, model_owner, figures=not_judged())

    said = problem(owner.post(f"extractions/{extraction.pk}/approve", {}), 422, "invalid")
    assert len(said["errors"]) == 2

    assert owner.post(f"extractions/{extraction.pk}/approve", {"reason": REASON}).status_code == 201


def test_an_extraction_is_discarded_for_good(owner: Program, extraction: Extraction) -> None:
    assert (
        owner.post(f"extractions/{extraction.pk}/discard", {"reason": "Too much."}).json()["state"]
        == "discarded"
    )

    problem(owner.post(f"extractions/{extraction.pk}/approve", {}), 422, "invalid")


def test_what_the_base_is_predicted_to_keep_is_a_limit_of_the_next_extraction(
    owner: Program, extraction: Extraction, base: BaseModel, model_owner: User
) -> None:
    finish_build(approve_extraction(extraction, model_owner), kept=0.5)
    following = make_extraction(base, model_owner, "Clay")

    said = owner.get(f"extractions/{following.pk}").json()

    assert len(said["limits"]) > 4
    assert any("predicted" in each for each in said["missed"])
    problem(owner.post(f"extractions/{following.pk}/approve", {}), 422, "invalid")


def test_where_no_release_lacks_just_what_was_taken_back_one_is_built(
    owner: Program, extraction: Extraction, base: BaseModel, model_owner: User
) -> None:
    finish_build(approve_extraction(extraction, model_owner))
    finish_build(approve_extraction(make_extraction(base, model_owner, "Clay"), model_owner))

    said = owner.post(f"extractions/{extraction.pk}/take-back", {"because": REASON}).json()

    assert said["build"]["state"] == "building"
    assert owner.get(f"jobs/{said['build']['job']}").json()["state"] == "queued"


def test_an_approval_is_taken_back_once_with_a_reason(
    owner: Program, extraction: Extraction, base: BaseModel, model_owner: User
) -> None:
    finish_build(approve_extraction(extraction, model_owner))
    path = f"extractions/{extraction.pk}/take-back"
    said = problem(owner.post(path, {}), 422, "invalid")
    assert [each["pointer"] for each in said["errors"]] == ["#/because"]

    said = owner.post(path, {"because": REASON}).json()

    assert (said["extraction"]["state"], said["extraction"]["taken_back_because"]) == ("taken_back", REASON)
    assert said["build"] is None, "the weights as registered are a release without it"
    problem(owner.post(path, {"because": REASON}), 422, "invalid")


def test_two_runs_are_laid_beside_each_other(
    owner: Program, extraction: Extraction, base: BaseModel, model_owner: User
) -> None:
    other = make_extraction(base, model_owner)

    said = owner.get(f"extractions/{extraction.pk}/compare/{other.pk}").json()

    assert (said["first"]["id"], said["second"]["id"]) == (extraction.pk, other.pk)


def test_a_release_is_built_again_only_where_something_is_approved(owner: Program, base: BaseModel) -> None:
    problem(owner.post("bases/tiny/releases"), 422, "invalid")


def test_releases_that_are_none_are_pointed_at(owner: Program, base: BaseModel) -> None:
    said = problem(owner.get("bases/tiny/releases/compare?first=1000000"), 422, "invalid")

    assert {each["parameter"] for each in said["errors"]} == {"first", "second"}


def test_a_stranger_finds_nothing_of_it_but_the_public_releases(
    stranger: User, base: BaseModel, extraction: Extraction, model_owner: User, program_of: ProgramOf
) -> None:
    release = finish_build(approve_extraction(extraction, model_owner))
    program = program_of(stranger)

    for path in (
        "bases/tiny/extractions", "bases/tiny/extractions/suggestions", f"extractions/{extraction.pk}",
        f"extractions/{extraction.pk}/compare/{extraction.pk}", f"releases/{release.pk}",
        "bases/tiny/releases/compare?first=1&second=2",
    ):  # fmt: skip
        problem(program.get(path), 404, "not-found")
    for path, body in {
        "bases/tiny/extractions": {"name": "Noto", "kind": "style"}, "bases/tiny/releases": {},
        f"extractions/{extraction.pk}/approve": {}, f"extractions/{extraction.pk}/discard": {},
        f"extractions/{extraction.pk}/take-back": {"because": REASON},
        f"releases/{release.pk}/use": {},
    }.items():  # fmt: skip
        problem(program.post(path, body), 404, "not-found")
    assert len(program.get("bases/tiny/releases").json()["results"]) == 2
