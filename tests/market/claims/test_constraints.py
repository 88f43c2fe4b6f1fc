"""What the database promises of claims, whatever code writes to it: each promise is broken here once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.claims.models import (
    Claim,
    ClaimMessage,
    ClaimPicture,
    ClaimStep,
    CounterNotice,
    EvidencePair,
    EvidenceReport,
)
from tests.market.catalog.conftest import make_concept, with_works
from tests.market.claims.conftest import PAPER, notice

pytestmark = pytest.mark.django_db
Act = Callable[[], object]


def refused(name: str, act: Act) -> None:
    with pytest.raises(Error, match=name), transaction.atomic():
        act()


NOW = timezone.now()
BROKEN_DRAFTS: list[tuple[str, dict[str, Any]]] = [
    ("about_one_thing", {"base": None}),
    ("prompts_in_number", {"prompts": ["a"] * 13}),
    ("submitted_whole", {"state": "submitted"}),
    ("submitted_whole", {"submitted_at": NOW}),
    ("answered_by_somebody", {"decision": "So."}),
    ("appealed_with_a_reason", {"appealed_at": NOW, "appeal": "No."}),
    ("due_while_somebody_has_to_act", {"due_at": NOW, "waiting_since": NOW - timedelta(days=1)}),
    ("due_while_somebody_has_to_act", {"reminders": 1}),
]
BROKEN_READY: list[tuple[str, dict[str, Any]]] = [
    ("submitted_whole", {"notice": None}),
    ("submitted_whole", {"prompts": []}),
    ("submitted_whole", {"rights": ""}),
    ("evidence_is_there", {"evidence": None}),
    ("due_while_somebody_has_to_act", {"reminders": 3}),
    ("due_while_somebody_has_to_act", {"due_at": NOW - timedelta(days=9)}),
    ("answered_by_somebody", {"state": "accepted"}),
    ("answered_by_somebody", {"state": "rejected", "decided_at": NOW}),
]


@pytest.mark.parametrize(("name", "changes"), BROKEN_DRAFTS)
def test_a_draft_cannot_be_made_into(draft: Claim, name: str, changes: dict[str, Any]) -> None:
    refused(f"claims_claim_{name}", lambda: Claim.objects.update(**changes))


@pytest.mark.parametrize(("name", "changes"), BROKEN_READY)
def test_a_claim_with_evidence_cannot_be_made_into(ready: Claim, name: str, changes: dict[str, Any]) -> None:
    refused(f"claims_claim_{name}", lambda: Claim.objects.update(**changes))


def test_an_appeal_says_why(rejected: Claim) -> None:
    refused(
        "claims_claim_appealed_with_a_reason",
        lambda: Claim.objects.update(state="appealed", due_at=None, waiting_since=None),
    )


def test_a_state_is_a_known_one(rejected: Claim) -> None:
    refused(
        "claims_claim_state_known",
        lambda: Claim.objects.update(state="lost", due_at=None, waiting_since=None),
    )


def test_a_rejection_says_why(rejected: Claim) -> None:
    refused("claims_claim_answered_by_somebody", lambda: Claim.objects.update(decision=""))


def test_a_counter_notice_is_an_answer(ready: Claim, model_owner: User) -> None:
    paper = CounterNotice.objects.create(
        person=model_owner, **PAPER, statements="I state it.", mistaken_under_perjury=True, consents_to_jurisdiction=True,
    )  # fmt: skip
    refused("claims_claim_counter_notice_answers", lambda: Claim.objects.update(counter_notice=paper))


def test_a_claim_is_about_one_thing(draft: Claim, plugin: PlugIn) -> None:
    refused("claims_claim_about_one_thing", lambda: Claim.objects.update(plugin=plugin))


def test_the_concept_is_the_claimants(base: BaseModel, concept: Concept, second_artist: User) -> None:
    refused(
        "claims_claim_concept_is_the_claimants",
        lambda: Claim.objects.create(claimant=second_artist, concept=concept, base=base),
    )


def test_one_claim_is_open_at_a_time(draft: Claim, concept: Concept, artist: User, plugin: PlugIn) -> None:
    again = {"claimant": artist, "concept": concept}
    refused(
        "claims_claim_one_live_a_concept_and_base", lambda: Claim.objects.create(**again, base=draft.base)
    )
    Claim.objects.create(**again, plugin=plugin)
    refused(
        "claims_claim_one_live_a_concept_and_plugin", lambda: Claim.objects.create(**again, plugin=plugin)
    )


@pytest.mark.parametrize("field", ["in_good_faith", "accurate_under_perjury"])
def test_a_notice_makes_both_statements(artist: User, field: str) -> None:
    refused("claims_notice_both_statements_made", notice(person=artist, **{field: False}).save)


@pytest.mark.parametrize(
    "field", ["signature", "address", "telephone", "email", "material", "works", "statements"]
)
def test_a_notice_is_complete(artist: User, field: str) -> None:
    refused("claims_notice_is_complete", notice(person=artist, **{field: ""}).save)


@pytest.mark.parametrize("field", ["mistaken_under_perjury", "consents_to_jurisdiction"])
def test_a_counter_notice_makes_both_statements(artist: User, field: str) -> None:
    made = {"mistaken_under_perjury": True, "consents_to_jurisdiction": True, field: False}
    paper = CounterNotice(person=artist, **PAPER, statements="I state it.", **made)
    refused("claims_counternotice_both_statements_made", paper.save)


@pytest.mark.parametrize("field", ["signature", "address", "telephone", "email", "material", "statements"])
def test_a_counter_notice_is_complete(artist: User, field: str) -> None:
    made = {"mistaken_under_perjury": True, "consents_to_jurisdiction": True}
    paper = CounterNotice(person=artist, **PAPER | {"statements": "I state it.", field: ""}, **made)
    refused("claims_counternotice_is_complete", paper.save)


def picture_of(claim: Claim, **fields: Any) -> ClaimPicture:
    return ClaimPicture(**{
        "claim": claim, "sort": "control", "caption": "a fox", "file": "x.png", "thumbnail": "x.webp",
        "content_type": "image/png", "pixels_sha256": "ef" * 32, "added_by": claim.claimant,
    } | fields)  # fmt: skip


class TestPictures:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("sort_known", {"sort": "other"}),
            ("has_a_caption", {"caption": ""}),
            ("pixels_sha256_shape", {"pixels_sha256": "short"}),
        ],
    )
    def test_a_picture_is_known_and_captioned(self, draft: Claim, name: str, fields: dict[str, Any]) -> None:
        refused(f"claims_claimpicture_{name}", picture_of(draft, **fields).save)

    def test_it_is_there_once(self, draft: Claim) -> None:
        there = draft.pictures.all()[0]
        refused("claims_claimpicture_once_a_claim", picture_of(draft, pixels_sha256=there.pixels_sha256).save)

    def test_it_is_of_the_claimants_own_work(self, draft: Claim, second_artist: User, artist: User) -> None:
        for of in (make_concept(second_artist, "Other"), make_concept(artist, "Second")):
            work = with_works(of, 1).works.get()
            refused("of_the_claimants_own_work", picture_of(draft, sort="work", work=work).save)

    def test_none_is_changed(self, draft: Claim) -> None:
        refused("claims_claimpicture_stays", lambda: draft.pictures.update(caption="another"))

    def test_after_the_evidence_none_comes_or_goes(self, ready: Claim) -> None:
        refused("before_the_evidence", picture_of(ready).save)
        statement = "DELETE FROM claims_claimpicture WHERE claim_id = %s"
        refused("before_the_evidence", lambda: connection.cursor().execute(statement, [ready.pk]))


@pytest.mark.parametrize(
    "table", ["claimstep", "claimmessage", "notice", "counternotice", "evidencereport", "evidencepair"]
)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_said_and_measured_is_only_added_to(db: None, table: str, statement: str) -> None:
    refused(
        f"on claims_{table} refused: it is only added to",
        lambda: connection.cursor().execute(statement.format(f"claims_{table}")),
    )


def test_a_message_says_something_short(ready: Claim) -> None:
    for text in ("", " \n", "x" * 4001):
        refused(
            "claims_claimmessage_says_something_short",
            ClaimMessage(claim=ready, by=ready.claimant, text=text).save,
        )


def test_a_step_is_of_a_known_kind(draft: Claim) -> None:
    refused("claims_claimstep_kind_known", ClaimStep(claim=draft, kind="danced").save)


def test_a_report_is_hashed_and_signed(submitted: Claim) -> None:
    kept = {"job": submitted.job, "content": "{}", "sha256": "ab" * 32, "signed_note": "x"}
    refused("claims_evidencereport_sha256_shape", EvidenceReport(**kept | {"sha256": "ab"}).save)
    refused("claims_evidencereport_is_signed", EvidenceReport(**kept | {"signed_note": ""}).save)


def test_a_pair_is_there_once_and_its_distance_in_range(ready: Claim) -> None:
    report = ready.evidence
    assert report is not None
    there = report.pairs.all()[0]
    kept = {"report": report, "picture": there.picture, "distance": 0.5, "prompt": "a", "seed": 0}
    refused("claims_evidencepair_once_a_report", EvidencePair(**kept, drawing="x", drawing_sha256="x").save)
    refused(
        "claims_evidencepair_distance_in_range",
        EvidencePair(**kept | {"distance": 1.5}, drawing="x", drawing_sha256="x").save,
    )
