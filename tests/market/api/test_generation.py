"""Pictures by the API: priced, asked for, followed to their files, cancelled, deleted."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from PIL import Image

from market.accounts.models import Scope, User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.extractions.deciding import approve_extraction
from market.extractions.releases import make_default
from market.generation.finishing import finish_generation, store_pictures
from market.generation.hiding import hide
from market.generation.models import GenerationRequest, Picture
from market.jobs.models import Job
from market.ledger import operations as ledger
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.extractions.conftest import restorer
from tests.market.extractions.stage import finish_build, make_extraction
from tests.market.stage import EURO, earnings, top_up, wallet

__all__ = ["restorer"]

BODY = {"base": "tiny", "prompt": "a fox, Fxemoji style", "count": 2, "plugins": [{"plugin": "fxemoji"}]}


@pytest.fixture
def program(user: User, plugin: PlugIn, program_of: ProgramOf) -> Program:
    top_up(user)
    return program_of(user)


def priced(program: Program, body: dict[str, Any] = BODY) -> dict[str, Any]:
    asked = {name: value for name, value in body.items() if name in {"base", "count", "plugins", "prompt"}}
    answer = program.post("quotes", asked)
    assert answer.status_code == 200, answer.content
    said: dict[str, Any] = answer.json()
    return said


def ask(program: Program, **changes: Any) -> Any:
    return program.post("requests", {"agreed": priced(program)["quote"]["digest"]} | BODY | changes)


def test_a_picture_is_ordered_in_another_size_with_another_sampler(program: Program, base: BaseModel) -> None:
    size = {"size": "48x48", "steps": 100}
    quote = program.post("quotes", {"base": "tiny"} | size).json()["quote"]
    assert quote["total_micros"] == 45_000
    assert (
        quote["lines"][0]["because"]
        == "2.25 \u00d7 the fee for 48 \u00d7 48 pixels, 2 \u00d7 the fee for 100 steps"
    )

    body = {"base": "tiny", "prompt": "a fox", "agreed": quote["digest"], "sampler": "euler a"} | size
    made = program.post("requests", body).json()

    assert (made["width"], made["height"], made["sampler"]) == (48, 48, "euler a")
    offered = program.get("bases/tiny").json()
    assert "48x48" in offered["sizes"]
    assert "euler a" in offered["samplers"]


@pytest.mark.parametrize("wrong", [{"size": "31x32"}, {"size": "64x64"}, {"size": "x"}, {"sampler": "magic"}])
def test_a_size_or_sampler_that_is_not_offered_is_a_problem_that_points_at_it(
    program: Program, wrong: dict[str, str]
) -> None:
    answer = ask(program, **wrong)

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"#/{next(iter(wrong))}"]


def draw(made: dict[str, Any]) -> list[Picture]:
    """Do what a worker does."""
    (job,) = Job.objects.claim(kinds=["generation"], worker="w")
    assert str(job.pk) == made["id"]
    pictures = [(Image.new("RGB", (8, 8), (n * 40, 90, 1)), made["seed"] + n) for n in range(made["count"])]
    stored = store_pictures(pk=job.pk, token=job.fencing_token, pictures=pictures)
    return finish_generation(pk=job.pk, token=job.fencing_token, stored=stored)


def test_a_quote_has_its_lines_and_says_whether_the_balance_pays_it(
    program: Program, model_owner: User, artist: User, stranger: User, program_of: ProgramOf
) -> None:
    said = priced(program)

    assert said["quote"]["total_micros"] == 120_000
    assert [(line["line"], line["total_micros"]) for line in said["quote"]["lines"]] == [
        ("base_fee", 20_000),
        ("plugin_fee", 100_000),
    ]
    assert said["quote"]["lines"][1]["portions"][0]["name"] == artist.display_name
    assert (said["release"], said["payable"], said["asked_for"]) == (1, True, [])
    assert priced(program_of(stranger))["payable"] is False


def test_a_plugin_that_restores_what_was_never_lost_is_left_out_of_the_price(
    program: Program, base: BaseModel, restorer: PlugIn, model_owner: User
) -> None:
    PlugIn.objects.filter(pk=restorer.pk).update(price_micros=50_000)
    wish = BODY | {"count": 1, "plugins": [{"plugin": restorer.slug}]}
    said = priced(program, wish)
    assert (said["unneeded"], said["quote"]["total_micros"]) == ([], 60_000)

    make_default(base.releases.get(number=1), model_owner)

    said = priced(program, wish)
    assert [each["slug"] for each in said["unneeded"]] == [restorer.slug]
    assert said["quote"]["total_micros"] == 10_000


def test_pictures_are_asked_for_followed_and_fetched(program: Program, user: User, artist: User) -> None:
    answer = ask(program, seed=7)

    made = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/requests/{made['id']}"
    assert (made["state"], made["total_micros"], made["pictures"]) == ("queued", 120_000, [])
    assert (made["steps"], made["guidance"]) == (3, 3.0)
    assert made["plugins"] == [{"plugin": "fxemoji", "version": 1, "weight": 1.0}]
    draw(made)
    done = program.get(made["url"]).json()
    assert done["state"] == "succeeded"
    assert [each["seed"] for each in done["pictures"]] == [7, 8]
    one = program.get(done["pictures"][0]["url"]).json()
    assert {each["name"]: each["amount_micros"] for each in one["credits"]}[artist.display_name] == 90_000
    file = program.get(one["file"])
    assert file["Content-Type"] == "image/png"
    assert hashlib.sha256(file.content).hexdigest() == one["sha256"]
    assert earnings(artist) == 90_000
    assert [each["id"] for each in program.get("requests").json()["results"]] == [made["id"]]
    assert len(program.get("pictures").json()["results"]) == 2


def test_a_price_that_was_not_agreed_to_is_not_charged_and_comes_with_the_answer(
    program: Program, user: User
) -> None:
    said = problem(ask(program, agreed="another"), 409, "price-changed")

    assert not GenerationRequest.objects.exists()
    assert program.post("requests", BODY | {"agreed": said["quote"]["digest"]}).status_code == 201


def test_too_little_money_says_how_much_there_is(
    plugin: PlugIn, stranger: User, program_of: ProgramOf
) -> None:
    said = problem(ask(program_of(stranger)), 402, "balance-too-low")

    assert (said["needed_micros"], said["available_micros"]) == (120_000, 0)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"prompt": ""}, "#/prompt"),
        ({"base": "none"}, "#/base"),
        ({"steps": 101}, "#/steps"),
        ({"seed": -1}, "#/seed"),
        ({"guidance": 31}, "#/guidance"),
        ({"plugins": [{"plugin": "none"}]}, "#/plugins"),
        ({"plugins": [{"plugin": "fxemoji"}, {"plugin": "fxemoji"}]}, "#/plugins"),
    ],
)
def test_a_wish_outside_of_what_is_offered_is_pointed_at(
    program: Program, changes: dict[str, Any], pointer: str
) -> None:
    said = problem(ask(program, **changes), 422, "invalid")

    assert pointer in [each.get("pointer") for each in said["errors"]]
    assert not GenerationRequest.objects.exists()


def test_a_weight_that_is_too_high_is_refused(program: Program) -> None:
    said = problem(ask(program, plugins=[{"plugin": "fxemoji", "weight": 2}]), 422, "invalid")

    assert "A weight is a number from 0 to 1.5" in said["detail"]


def test_a_plugin_that_is_not_published_is_as_unknown_as_one_that_is_none(
    program: Program, plugin: PlugIn
) -> None:
    unknown = problem(ask(program, plugins=[{"plugin": "none"}]), 422, "invalid")["detail"]
    agreed = priced(program)["quote"]["digest"]
    plugin.withdraw()

    withdrawn = problem(program.post("requests", BODY | {"agreed": agreed}), 422, "invalid")["detail"]

    assert withdrawn == unknown


def test_a_prompt_for_a_concept_that_was_taken_out_is_told_with_its_plugin(
    program: Program, base: BaseModel, model_owner: User
) -> None:
    extraction = make_extraction(base, model_owner, "Noto")
    build = approve_extraction(extraction, model_owner, offer=True)
    make_default(finish_build(build), model_owner)
    version = type(extraction).objects.get(pk=extraction.pk).version
    assert version is not None
    version.plugin.publish()
    wish = {"base": "tiny", "prompt": "a fox, N0to style"}

    said = priced(program, wish)

    assert [(each["concept"], each["plugin"]["slug"]) for each in said["asked_for"]] == [
        ("Noto", version.plugin.slug)
    ]
    made = program.post("requests", wish | {"agreed": said["quote"]["digest"]}).json()
    assert made["asked_for"][0]["concept"] == "Noto"
    chosen = wish | {"plugins": [{"plugin": version.plugin.slug}]}
    assert priced(program, chosen)["asked_for"] == []


def test_a_cancelled_request_costs_nothing(program: Program, user: User) -> None:
    made = ask(program).json()

    answer = program.post(f"requests/{made['id']}/cancel")

    assert answer.json()["state"] == "cancelled"
    assert ledger.balance(wallet(user)).available == EURO
    problem(program.post(f"requests/{made['id']}/cancel"), 409, "not-possible")


def test_a_picture_is_deleted(program: Program) -> None:
    made = ask(program).json()
    picture = draw(made)[0]

    assert program.delete(f"pictures/{picture.pk}").status_code == 204

    problem(program.get(f"pictures/{picture.pk}"), 404, "not-found")
    problem(program.get(f"pictures/{picture.pk}/file"), 404, "not-found")
    assert len(program.get(made["url"]).json()["pictures"]) == 1


def test_a_hidden_picture_says_why_and_is_neither_sent_nor_deleted(program: Program) -> None:
    made = ask(program).json()
    picture = draw(made)[0]
    hide(Picture.objects.filter(pk=picture.pk), reference="takedown:1", words="A plug-in was taken down.")

    said = problem(program.get(f"pictures/{picture.pk}/file"), 451, "hidden")
    problem(program.delete(f"pictures/{picture.pk}"), 409, "not-possible")

    assert said["detail"] == "A plug-in was taken down."
    shown = program.get(made["url"]).json()["pictures"]
    assert [each["hidden_because"] for each in shown] == ["A plug-in was taken down.", ""]


def test_what_is_anothers_does_not_exist(
    program: Program, stranger: User, admin: User, program_of: ProgramOf
) -> None:
    made = ask(program).json()
    picture = draw(made)[0]

    for person in (stranger, admin):
        other = program_of(person)
        problem(other.get(f"requests/{made['id']}"), 404, "not-found")
        problem(other.post(f"requests/{made['id']}/cancel"), 404, "not-found")
        problem(other.get(f"pictures/{picture.pk}"), 404, "not-found")
        problem(other.get(f"pictures/{picture.pk}/file"), 404, "not-found")
        problem(other.delete(f"pictures/{picture.pk}"), 404, "not-found")
        assert other.get("requests").json()["results"] == []
        assert other.get("pictures").json()["results"] == []


def test_cancelling_needs_the_scope_that_asking_needs(
    program: Program, user: User, program_of: ProgramOf
) -> None:
    made = ask(program).json()
    reading = program_of(user, Scope.READ)

    problem(reading.post(f"requests/{made['id']}/cancel"), 403, "not-allowed")
    problem(reading.post(f"jobs/{made['id']}/cancel"), 403, "not-allowed")
    assert reading.get(f"jobs/{made['id']}").json()["state"] == "queued"
