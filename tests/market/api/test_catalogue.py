"""Plug-ins, base models and concepts by the API."""

from __future__ import annotations

from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.basemodels.sources import hub_source, named_on_hub
from market.catalog.models import PlugIn
from tests.market.api.conftest import ProgramOf, problem
from tests.market.basemodels.conftest import FIELDS, complete_upload, pass_check
from tests.market.basemodels.test_hub_names import COMMIT, NAME
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.stage import make_plugin

REGISTERED = FIELDS | {"source": ""}


def test_plugins_are_searched_as_in_the_catalogue(
    user: User, second_artist: User, base: BaseModel, plugin: PlugIn, program_of: ProgramOf
) -> None:
    make_plugin(second_artist, base, name="Blobby", price=20_000)
    make_plugin(second_artist, base, name="Hidden", publish=False)
    program = program_of(user)

    def names(query: str = "") -> list[str]:
        return [each["name"] for each in program.get(f"plugins{query}").json()["results"]]

    assert sorted(names()) == ["Blobby", "Fxemoji"]
    assert names("?q=fxemojy") == ["Fxemoji"]
    assert names("?max_price=0.03") == ["Blobby"]
    assert names("?sort=-price") == ["Fxemoji", "Blobby"]
    page = program.get("plugins?sort=price&limit=1").json()
    assert [each["name"] for each in page["results"]] == ["Blobby"]
    rest = program.get(page["next"]).json()
    assert [each["name"] for each in rest["results"]] == ["Fxemoji"]
    assert rest["next"] is None
    said = problem(program.get("plugins?kind=colour"), 422, "invalid")
    assert said["errors"][0]["parameter"] == "kind"


def test_a_plugin_says_its_licence_and_who_divides_its_price(
    user: User, artist: User, plugin: PlugIn, program_of: ProgramOf
) -> None:
    said = program_of(user).get("plugins/fxemoji").json()

    assert (said["artist"], said["price_micros"], said["version"]) == (artist.handle, 50_000, 1)
    assert said["licence"] == {
        "commercial": True, "combination": True, "derivatives": True, "credit_required": True,
    }  # fmt: skip
    assert [each["name"] for each in said["royalties"]] == [artist.display_name]
    versions = program_of(user).get("plugins/fxemoji/versions").json()["results"]
    assert [(each["number"], each["current"]) for each in versions] == [(1, True)]


def test_a_draft_is_its_owners_to_see(
    artist: User, stranger: User, base: BaseModel, program_of: ProgramOf
) -> None:
    make_plugin(artist, base, publish=False)

    assert program_of(artist).get("plugins/fxemoji").json()["state"] == "draft"
    for path in ("plugins/fxemoji", "plugins/fxemoji/versions"):
        problem(program_of(stranger).get(path), 404, "not-found")


def test_a_model_owner_registers_a_directory_follows_the_check_and_lists_it(
    model_owner: User, stranger: User, settings: Any, program_of: ProgramOf
) -> None:
    settings.BASE_MODEL_DIRS = [settings.DATA_DIR / "models"]
    program = program_of(model_owner)

    answer = program.post("bases", REGISTERED | {"source": str(settings.DATA_DIR / "models" / "mine")})

    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["slug"], made["listed"], made["fee_micros"]) == ("mine", False, 20_000)
    checking = program.get("bases/mine/check").json()
    assert checking["job"]["state"] == "queued"
    said = problem(program.patch("bases/mine", {"listed": True}), 422, "invalid")
    assert said["errors"][0]["pointer"] == "#/listed"
    problem(program_of(stranger).get("bases/mine"), 404, "not-found")
    problem(program_of(stranger).get("bases/mine/check"), 404, "not-found")
    pass_check(BaseModel.objects.get(slug="mine"))
    checked = program.get("bases/mine/check").json()
    assert (checked["found"]["architecture"], checked["obstacles"]) == ("stable-diffusion-v1", [])
    listed = program.patch("bases/mine", {"listed": True, "max_pictures": 4})
    assert listed.status_code == 200, listed.content
    assert (listed.json()["listed"], listed.json()["max_pictures"], listed.json()["fee_micros"]) == (
        True,
        4,
        20_000,
    )
    assert program_of(stranger).get("bases/mine").json()["owner"] == model_owner.handle
    problem(program_of(stranger).patch("bases/mine", {"fee_micros": 0}), 404, "not-found")


def test_a_base_is_registered_from_a_hub_where_the_market_takes_such(
    model_owner: User, settings: Any, program_of: ProgramOf
) -> None:
    program, wish = program_of(model_owner), REGISTERED | {"hub_name": NAME, "hub_revision": COMMIT}
    settings.ALLOW_HUB = False
    said = problem(program.post("bases", wish), 422, "invalid")
    assert "hub" in said["detail"]
    settings.ALLOW_HUB, settings.HUB_ORGANISATIONS = True, []

    assert program.post("bases", wish).status_code == 201

    assert hub_source(BaseModel.objects.get(slug="mine").source) == named_on_hub(NAME, COMMIT)


def test_a_base_is_registered_from_an_upload(model_owner: User, program_of: ProgramOf) -> None:
    upload = complete_upload(model_owner)

    answer = program_of(model_owner).post("bases", REGISTERED | {"upload": str(upload.pk)})

    assert answer.status_code == 201, answer.content


def test_a_registration_says_what_is_wrong_and_keeps_nothing(
    model_owner: User, user: User, program_of: ProgramOf
) -> None:
    said = problem(program_of(model_owner).post("bases", {"name": "Mine", "fee_micros": -1}), 422, "invalid")
    assert {each["pointer"] for each in said["errors"]} >= {"#/licence", "#/fee_micros"}
    said = problem(program_of(model_owner).post("bases", REGISTERED), 422, "invalid")
    assert "a directory on the workers, an upload, or a model" in said["detail"]

    said = problem(program_of(user).post("bases", REGISTERED), 422, "invalid")

    assert "not a model owner" in said["detail"]
    assert not BaseModel.objects.exists()


def test_a_check_is_asked_for_again_but_not_twice(
    model_owner: User, stranger: User, settings: Any, program_of: ProgramOf
) -> None:
    upload = complete_upload(model_owner)
    program = program_of(model_owner)
    program.post("bases", REGISTERED | {"upload": str(upload.pk)})
    problem(program.post("bases/mine/check"), 409, "not-possible")
    pass_check(BaseModel.objects.get(slug="mine"))

    assert program.post("bases/mine/check").json()["job"]["state"] == "queued"

    problem(program_of(stranger).post("bases/mine/check"), 404, "not-found")


def test_concepts_and_works_are_the_artists_own(artist: User, stranger: User, program_of: ProgramOf) -> None:
    concept = with_works(make_concept(artist, "Riverink"), 2)
    program = program_of(artist)

    assert [each["name"] for each in program.get("concepts").json()["results"]] == ["Riverink"]
    works = program.get(f"concepts/{concept.pk}/works").json()["results"]

    assert sorted(each["id"] for each in works) == sorted(concept.works.values_list("pk", flat=True))
    assert program_of(stranger).get("concepts").json()["results"] == []
    problem(program_of(stranger).get(f"concepts/{concept.pk}/works"), 404, "not-found")
