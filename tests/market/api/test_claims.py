"""A claim by the API, from its draft to its end, by both sides."""

from __future__ import annotations

from typing import Any

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.claims.models import Claim
from tests.market.api.conftest import Program, ProgramOf, problem
from tests.market.claims.conftest import (
    PAPER,
    PROMPTS,
    REASON,
    appealed,
    concept,
    draft,
    files,
    make_draft,
    measured,
    plugin,
    ready,
    rejected,
    submitted,
)

__all__ = ["appealed", "concept", "draft", "make_draft", "plugin", "ready", "rejected", "submitted"]

NOTICE = PAPER | {"works": "All of Riverink", "in_good_faith": True, "accurate_under_perjury": True}
COUNTER = PAPER | {"reason": REASON, "mistaken_under_perjury": True, "consents_to_jurisdiction": True}


@pytest.fixture
def claimant(artist: User, program_of: ProgramOf) -> Program:
    return program_of(artist)


@pytest.fixture
def respondent(model_owner: User, program_of: ProgramOf) -> Program:
    return program_of(model_owner)


def send_controls(program: Program, pk: int, count: int, name: str = "files") -> Any:
    return program.post_form(f"claims/{pk}/controls", {name: files(count)}, key="")


def test_a_claim_is_drafted_filled_in_submitted_and_measured(
    claimant: Program, respondent: Program, base: BaseModel, concept: Concept
) -> None:
    answer = claimant.post("claims", {"concept": concept.pk, "base": "tiny", "prompts": PROMPTS})
    assert answer.status_code == 201, answer.content
    made = answer.json()
    path = f"claims/{made['id']}"
    assert (made["state"], made["base"], made["prompts"]) == ("draft", "tiny", PROMPTS)
    assert len(made["missing"]) == 3
    problem(respondent.get(path), 404, "not-found")

    changed = claimant.patch(path, {"rights": "I drew them in 2019."}).json()
    assert (changed["rights"], changed["prompts"]) == ("I drew them in 2019.", PROMPTS)
    works = [each["id"] for each in claimant.get(f"concepts/{concept.pk}/works").json()["results"]]
    assert claimant.put(f"{path}/works", {"works": works[:2]}).status_code == 200
    sent = send_controls(claimant, made["id"], 8).json()
    assert (sent["taken"], sent["refused"], sent["claim"]["missing"]) == (8, [], [])
    submitted = claimant.post(f"{path}/submit", NOTICE).json()
    assert submitted["state"] == "submitted"
    problem(claimant.get(f"{path}/evidence"), 404, "not-found")
    measured(Claim.objects.get(pk=made["id"]))

    shown = respondent.get(path).json()
    assert (shown["state"], shown["has_evidence"]) == ("evidence_ready", True)
    assert [each["kind"] for each in shown["steps"]][-1] == "evidence_ready"
    evidence = respondent.get(f"{path}/evidence").json()
    assert len(evidence["pairs"]) == 10
    report = respondent.get(evidence["report"])
    assert report.content.decode() == Claim.objects.get(pk=made["id"]).evidence.content  # type: ignore[union-attr]  # it was just made


def test_what_lacks_is_said_and_nothing_is_sent(claimant: Program, draft: Claim) -> None:
    said = problem(claimant.post(f"claims/{draft.pk}/submit", {"works": "All"}), 422, "invalid")

    pointers = {each["pointer"] for each in said["errors"]}
    assert pointers >= {"#/signature", "#/in_good_faith", "#/material"}
    draft.refresh_from_db()
    assert draft.is_draft


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/concept"),
        ({"base": "none"}, "#/base"),
        ({"prompts": ["two\nlines"]}, "#/prompts/0"),
        ({"prompts": "a fox"}, "#/prompts"),
        ({"concept": "Riverink"}, "#/concept"),
        ({"concept": 10**30}, "#/concept"),
    ],
)
def test_a_claim_about_nothing_is_pointed_at(
    claimant: Program, base: BaseModel, body: dict[str, Any], pointer: str
) -> None:
    said = problem(claimant.post("claims", body), 422, "invalid")

    assert pointer in [each.get("pointer") for each in said["errors"]]


def test_another_claim_about_the_same_is_not_possible(claimant: Program, draft: Claim) -> None:
    said = problem(
        claimant.post("claims", {"concept": draft.concept_id, "base": "tiny"}), 409, "not-possible"
    )

    assert "already" in said["detail"]


def test_a_control_that_cannot_be_taken_is_said_with_its_reason(claimant: Program, draft: Claim) -> None:
    sent = send_controls(claimant, draft.pk, 1).json()

    assert sent["taken"] == 0
    assert "in the claim already" in sent["refused"][0]["reason"]
    problem(send_controls(claimant, draft.pk, 1, name="pictures"), 422, "invalid")


def test_a_control_is_taken_out_again(claimant: Program, draft: Claim) -> None:
    control = draft.pictures.filter(sort="control")[0]

    assert claimant.delete(f"claims/{draft.pk}/controls/{control.pk}").status_code == 204

    assert draft.pictures.filter(sort="control").count() == 7
    problem(claimant.delete(f"claims/{draft.pk}/controls/{control.pk}"), 404, "not-found")


def test_the_other_side_accepts(respondent: Program, claimant: Program, ready: Claim) -> None:
    problem(claimant.post(f"claims/{ready.pk}/accept", {}), 404, "not-found")

    assert (
        respondent.post(f"claims/{ready.pk}/accept", {"word": "You are right."}).json()["state"] == "accepted"
    )

    problem(respondent.post(f"claims/{ready.pk}/reject", {"reason": "No."}), 409, "not-possible")


def test_the_other_side_rejects_and_the_artist_appeals_once(
    respondent: Program, claimant: Program, ready: Claim
) -> None:
    problem(respondent.post(f"claims/{ready.pk}/reject", {}), 422, "invalid")
    rejected = respondent.post(f"claims/{ready.pk}/reject", {"reason": REASON}).json()
    assert (rejected["state"], rejected["decision"]) == ("rejected", REASON)

    assert claimant.post(f"claims/{ready.pk}/appeal", {"why": "Look again."}).json()["state"] == "appealed"

    problem(claimant.post(f"claims/{ready.pk}/appeal", {"why": "And again."}), 409, "not-possible")


def test_a_claim_about_a_plugin_is_rejected_by_a_counter_notice(
    second_artist: User,
    artist: User,
    make_draft: Any,
    plugin: PlugIn,
    claimant: Program,
    program_of: ProgramOf,
) -> None:
    claim = make_draft(plugin)
    claimant.post(f"claims/{claim.pk}/submit", NOTICE)
    other = program_of(second_artist)
    problem(other.post(f"claims/{claim.pk}/reject", {"reason": REASON}), 409, "not-possible")
    problem(other.post(f"claims/{claim.pk}/counter-notice", {"reason": REASON}), 422, "invalid")

    assert other.post(f"claims/{claim.pk}/counter-notice", COUNTER).json()["state"] == "rejected"


def test_a_claim_is_withdrawn(claimant: Program, submitted: Claim) -> None:
    assert claimant.post(f"claims/{submitted.pk}/withdraw").json()["state"] == "withdrawn"


def test_evidence_is_asked_for_again_only_where_there_is_none(claimant: Program, ready: Claim) -> None:
    problem(claimant.post(f"claims/{ready.pk}/measure"), 409, "not-possible")


def test_both_sides_write_to_each_other(claimant: Program, respondent: Program, submitted: Claim) -> None:
    path = f"claims/{submitted.pk}/messages"
    problem(claimant.post(path, {"text": " "}), 422, "invalid")

    assert claimant.post(path, {"text": "Shall we talk?"}).status_code == 201
    respondent.post(path, {"text": "Yes."})

    written = [(each["by"], each["text"]) for each in claimant.get(path).json()["results"]]
    assert written == [("mona-modeller", "Yes."), ("ada-artist", "Shall we talk?")]


def test_lists_are_of_ones_own_claims_and_of_those_to_answer(
    claimant: Program, respondent: Program, admin: User, submitted: Claim, program_of: ProgramOf
) -> None:
    def found(program: Program, query: str) -> list[int]:
        return [each["id"] for each in program.get(f"claims{query}").json()["results"]]

    assert found(claimant, "") == [submitted.pk]
    assert found(respondent, "") == []
    assert found(respondent, "?of=against&q=riverink") == [submitted.pk]
    assert found(respondent, "?of=against&state=accepted") == []
    assert found(program_of(admin), "?of=all") == [submitted.pk]
    problem(claimant.get("claims?of=all"), 404, "not-found")
    problem(claimant.get("claims?state=nothing"), 422, "invalid")


def test_a_stranger_finds_no_claim(stranger: User, ready: Claim, program_of: ProgramOf) -> None:
    program = program_of(stranger)

    for path in ("", "/evidence", "/evidence/report", "/messages"):
        problem(program.get(f"claims/{ready.pk}{path}"), 404, "not-found")
    for path, body in {
        "submit": NOTICE, "measure": {}, "accept": {}, "reject": {"reason": "No."}, "counter-notice": COUNTER,
        "appeal": {"why": "x"}, "withdraw": {}, "messages": {"text": "Hi."},
    }.items():  # fmt: skip
        problem(program.post(f"claims/{ready.pk}/{path}", body), 404, "not-found")
    problem(program.patch(f"claims/{ready.pk}", {"rights": "Mine"}), 404, "not-found")
    problem(program.put(f"claims/{ready.pk}/works", {"works": []}), 404, "not-found")
    problem(send_controls(program, ready.pk, 1), 404, "not-found")
