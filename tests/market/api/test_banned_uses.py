"""Banned uses and appeals by the API: the same rules as on the pages."""

from __future__ import annotations

from typing import Any

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import PlugIn
from market.generation.models import GenerationRequest
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.stage import top_up

PROMPT = "a fox in a submarine"


def request_of(program: Program, plugin: PlugIn, prompt: str = PROMPT) -> Any:
    order = {"base": plugin.base.slug, "plugins": [{"plugin": plugin.slug}], "count": 1}
    priced = program.post("quotes", order | {"prompt": prompt}).json()
    agreed = {"prompt": prompt, "agreed": priced["quote"]["digest"]}
    return priced, program.post("requests", order | agreed)


def test_an_artist_says_what_a_plugin_is_not_for(
    artist: User, user: User, plugin: PlugIn, program_of: ProgramOf
) -> None:
    body = {"kinds": ["nudity"], "phrases": ["submarine"]}

    said = program_of(artist).put(f"plugins/{plugin.slug}/banned-uses", body)

    assert said.status_code == 200
    read = program_of(user).get(f"plugins/{plugin.slug}/banned-uses").json()["banned_uses"]
    assert [(each["kind"], each["phrase"], each["plugin"]) for each in read] == [
        ("nudity", "", plugin.slug), ("", "submarine", plugin.slug),
    ]  # fmt: skip
    for wrong in ({}, {"kinds": ["cooking"], "phrases": []}, {"kinds": [], "phrases": ["a"]}):
        problem(program_of(artist).put(f"plugins/{plugin.slug}/banned-uses", wrong), 422, "invalid")
    problem(program_of(user).put(f"plugins/{plugin.slug}/banned-uses", body), 404, "not-found")
    assert plugin.banned_uses.count() == 2


def test_a_prompt_is_refused_appealed_allowed_and_drawn_once(
    artist: User, user: User, base: BaseModel, plugin: PlugIn, program_of: ProgramOf
) -> None:
    top_up(user)
    selling, asking = program_of(artist), program_of(user)
    selling.put(f"plugins/{plugin.slug}/banned-uses", {"kinds": [], "phrases": ["submarine"]})

    priced, answer = request_of(asking, plugin)
    refused = problem(answer, 422, "invalid")
    assert priced["banned"] == refused["banned"]
    (why,) = refused["banned"]
    assert (why["plugin"], why["use"], why["said"]) == (plugin.slug, "“submarine”", "submarine")
    assert not GenerationRequest.objects.exists()

    appeal = asking.post("appeals", {"plugin": plugin.slug, "prompt": PROMPT, "reason": "A toy."})
    assert appeal.status_code == 201
    pk = appeal.json()["id"]
    assert [each["id"] for each in selling.get("appeals?of=to_me").json()["results"]] == [pk]
    problem(asking.post(f"appeals/{pk}/answer", {"allow": True}), 409, "not-possible")
    problem(selling.post(f"appeals/{pk}/answer", {"allow": False}), 422, "invalid")
    assert selling.post(f"appeals/{pk}/answer", {"allow": True}).json()["state"] == "allowed"

    priced, answer = request_of(asking, plugin)
    assert (priced["banned"], answer.status_code) == ([], 201)
    problem(request_of(asking, plugin)[1], 422, "invalid")
    assert asking.get(f"appeals/{pk}").json()["used"] is True
    problem(selling.post(f"appeals/{pk}/answer", {"allow": True}), 409, "not-possible")


def test_an_appeal_that_makes_no_sense_is_refused(
    artist: User, user: User, plugin: PlugIn, program_of: ProgramOf
) -> None:
    asking = program_of(user)
    body = {"plugin": plugin.slug, "prompt": PROMPT, "reason": "A toy."}
    problem(asking.post("appeals", body), 404, "not-found")
    program_of(artist).put(f"plugins/{plugin.slug}/banned-uses", {"kinds": [], "phrases": ["submarine"]})
    problem(asking.post("appeals", body | {"prompt": "a fox"}), 422, "invalid")
    problem(asking.post("appeals", body | {"plugin": "nowhere"}), 404, "not-found")
    problem(asking.post("appeals", {}), 422, "invalid")
