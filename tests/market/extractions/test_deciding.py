"""Approving and discarding: who may, when limits ask for a reason, and whose the plug-in becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from market.accounts.models import User
from market.audit.models import AuditLine
from market.basemodels.models import BaseModel
from market.catalog.models import Concept, PlugIn
from market.extractions.deciding import approve_extraction, discard_extraction
from market.extractions.limits import NOT_JUDGED, limits_of
from market.extractions.models import Extraction, ExtractionState, ReleaseBuild
from market.refusals import Refused
from tests.market.extractions.stage import (
    REASON,
    begun,
    finish_build,
    judged,
    make_claim,
    make_extraction,
    not_judged,
)


def test_approval_queues_a_release_and_is_kept_with_who_and_when(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner)
    build = approve_extraction(made, model_owner)

    assert (made.state, made.decided_by, made.missed) == (ExtractionState.APPROVED, model_owner, [])
    assert [part.extraction for part in build.parts.all()] == [made]
    assert AuditLine.objects.filter(action="extraction.approved").count() == 1


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({"target": 0.2}, "still seen"),
        ({"kept": 0.9}, "All else"),
        ({"restored": 0.95}, "once the plug-in restores it"),
        ({"recovered": 0.5}, "recovery attack"),
    ],
)
def test_a_missed_limit_asks_for_a_reason_that_is_kept(
    base: BaseModel, model_owner: User, measured: dict[str, float], said: str
) -> None:
    made = make_extraction(base, model_owner, figures=judged(**measured))
    with pytest.raises(Refused, match=said):
        approve_extraction(made, model_owner, reason="  ")
    assert not ReleaseBuild.objects.exists()

    approve_extraction(made, model_owner, reason=REASON)
    assert made.reason == REASON
    (kept,) = made.missed
    assert said in kept


def test_a_limit_itself_is_met(settings: Any) -> None:
    settings.EXTRACTIONS = replace(settings.EXTRACTIONS, max_restoration_change=1)
    assert all(each.met for each in limits_of(judged(target=0.05, kept=0.95, restored=0.99, recovered=0.27)))


def test_where_no_judge_counted_approval_asks_for_a_reason(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner, figures=not_judged())
    with pytest.raises(Refused, match="No judge"):
        approve_extraction(made, model_owner)
    approve_extraction(made, model_owner, reason=REASON)
    assert made.missed == [NOT_JUDGED]


def test_it_is_decided_once(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner)
    late = Extraction.objects.get(pk=made.pk)
    approve_extraction(made, model_owner)

    for again in (made, late):
        with pytest.raises(Refused, match="decided already, or is not ready: approved"):
            approve_extraction(again, model_owner)
        with pytest.raises(Refused, match="decided already"):
            discard_extraction(again, model_owner)
    assert ReleaseBuild.objects.count() == 1


def test_what_was_discarded_is_never_approved(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner)
    discard_extraction(made, model_owner, reason="Too much else is lost.")

    assert (made.state, made.reason) == (ExtractionState.DISCARDED, "Too much else is lost.")
    with pytest.raises(Refused, match="discarded"):
        approve_extraction(made, model_owner)


def test_one_still_being_made_is_not_decided(base: BaseModel, model_owner: User) -> None:
    with pytest.raises(Refused, match="being made"):
        approve_extraction(begun(base, model_owner), model_owner)


def test_a_stranger_decides_nothing(base: BaseModel, model_owner: User, stranger: User) -> None:
    made = make_extraction(base, model_owner)
    for decide in (approve_extraction, discard_extraction):
        with pytest.raises(Refused, match="Only the owner"):
            decide(made, stranger)
    made.refresh_from_db()
    assert made.state == ExtractionState.READY


def test_approving_while_a_release_is_built_is_refused_and_changes_nothing(
    base: BaseModel, model_owner: User
) -> None:
    first, second = make_extraction(base, model_owner), make_extraction(base, model_owner, "Clay")
    build = approve_extraction(first, model_owner)

    with pytest.raises(Refused, match="is being built"):
        approve_extraction(second, model_owner, offer=True)
    second.refresh_from_db()
    assert second.state == ExtractionState.READY
    assert not Concept.objects.filter(name="Clay").exists()

    finish_build(build)
    assert approve_extraction(second, model_owner).parts.count() == 2


def test_two_runs_of_one_concept_are_not_both_approved(base: BaseModel, model_owner: User) -> None:
    first, second = make_extraction(base, model_owner), make_extraction(base, model_owner)
    finish_build(approve_extraction(first, model_owner))
    with pytest.raises(Refused, match="Another run"):
        approve_extraction(second, model_owner)


def test_one_of_other_weights_is_not_approved(base: BaseModel, model_owner: User) -> None:
    made = make_extraction(base, model_owner)
    BaseModel.objects.filter(pk=base.pk).update(fingerprint="ef" * 32)
    with pytest.raises(Refused, match="other weights"):
        approve_extraction(Extraction.objects.get(pk=made.pk), model_owner)


def test_on_a_claim_the_plugin_becomes_the_claimants_draft(
    base: BaseModel, model_owner: User, artist: User
) -> None:
    claim = make_claim(artist, base)
    made = make_extraction(base, model_owner, claim=claim)
    finish_build(approve_extraction(made, model_owner))

    plugin = PlugIn.objects.get()
    assert (plugin.owner, plugin.concept, plugin.state) == (artist, claim.concept, "draft")
    made.refresh_from_db()
    assert plugin.current_version == made.version
    assert made.version is not None
    assert made.version.tensors_sha256 == made.plugin_tensors_sha256
    assert plugin.publish()


def test_a_claimant_who_has_affirmed_no_rights_is_waited_for(
    base: BaseModel, model_owner: User, artist: User
) -> None:
    claim = make_claim(artist, base)
    made = make_extraction(base, model_owner, claim=claim)
    # The text that they affirmed is not the one in force.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("market.catalog.models.concepts.RIGHTS_VERSION", "later")
        with pytest.raises(Refused, match="affirm their rights"):
            approve_extraction(made, model_owner)


def test_without_a_claim_the_owner_offers_it_by_affirming_their_rights(
    base: BaseModel, model_owner: User
) -> None:
    made = make_extraction(base, model_owner)
    finish_build(approve_extraction(made, model_owner, offer=True))

    plugin = PlugIn.objects.get()
    assert (plugin.owner, plugin.name, plugin.state) == (model_owner, "Noto", "draft")
    assert plugin.concept.has_current_affirmation()


def test_without_a_claim_and_not_offered_it_is_nobodys_plugin(base: BaseModel, model_owner: User) -> None:
    finish_build(approve_extraction(make_extraction(base, model_owner), model_owner))
    assert not PlugIn.objects.exists()


def test_an_admin_affirms_no_rights_for_the_owner(base: BaseModel, model_owner: User, admin: User) -> None:
    made = make_extraction(base, model_owner)
    with pytest.raises(Refused, match="Only the base's owner"):
        approve_extraction(made, admin, offer=True)
    approve_extraction(made, admin)
    assert made.decided_by == admin


def test_a_concept_of_the_owners_of_another_kind_is_not_taken_for_it(
    base: BaseModel, model_owner: User
) -> None:
    Concept.objects.create(artist=model_owner, name="noto", kind="character")
    made = make_extraction(base, model_owner)
    with pytest.raises(Refused, match="a character"):
        approve_extraction(made, model_owner, offer=True)
