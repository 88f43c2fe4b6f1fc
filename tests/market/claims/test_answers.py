"""Answers to a claim: each way it can go, who may take it there, and who may not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from market.accounts.models import Role, User
from market.audit.models import AuditLine
from market.claims import answering, drafting
from market.claims.deadlines import sweep_claims
from market.claims.models import Claim, ClaimMessage, ClaimState, CounterNotice, StepKind
from market.jobs.models import Job
from market.jobs.states import JobState
from market.refusals import Refused
from tests.market.claims.conftest import PAPER, REASON, MakeDraft, files, measured, notice
from tests.market.races import at_once

pytestmark = pytest.mark.django_db
OnCommit = Callable[..., object]


def counter_notice() -> CounterNotice:
    return CounterNotice(
        **PAPER, statements="I state it.", mistaken_under_perjury=True, consents_to_jurisdiction=True
    )


def last_step(claim: Claim) -> tuple[str, User | None, str]:
    step = claim.steps.last()
    assert step is not None
    return step.kind, step.by, step.note


class TestAccepting:
    def test_the_owner_of_the_base_accepts(self, ready: Claim, model_owner: User) -> None:
        answering.accept_claim(ready, model_owner, "True.")
        assert ready.accepted
        assert (ready.decided_by, ready.due_at) == (model_owner, None)
        assert last_step(ready) == (StepKind.ACCEPTED, model_owner, "True.")

    def test_it_may_be_accepted_before_the_evidence_which_is_then_not_made(
        self, submitted: Claim, model_owner: User, django_capture_on_commit_callbacks: OnCommit
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            answering.accept_claim(submitted, model_owner)
        assert submitted.accepted
        assert Job.objects.get().state == JobState.CANCELLED
        assert last_step(submitted)[0] == StepKind.ACCEPTED

    def test_nobody_else_does(self, ready: Claim, artist: User, admin: User, stranger: User) -> None:
        for person in (artist, admin, stranger):
            with pytest.raises(Refused, match="Only the owner"):
                answering.accept_claim(ready, person)
        assert Claim.objects.get().state == ClaimState.EVIDENCE_READY


class TestRejecting:
    def test_it_takes_a_reason(self, ready: Claim, model_owner: User) -> None:
        with pytest.raises(Refused, match="Say why"):
            answering.reject_claim(ready, model_owner, " ")
        answering.reject_claim(ready, model_owner, REASON)
        assert (ready.state, ready.decision) == (ClaimState.REJECTED, REASON)
        assert ready.may_be_appealed
        assert last_step(ready) == (StepKind.REJECTED, model_owner, REASON)

    def test_a_counter_notice_rejects_it_too(self, ready: Claim, model_owner: User) -> None:
        answering.reject_claim(ready, model_owner, REASON, counter_notice())
        assert ready.counter_notice is not None
        assert ready.counter_notice.person == model_owner

    def test_a_claim_about_a_plugin_is_rejected_by_a_counter_notice_of_its_artist(
        self, make_draft: MakeDraft, plugin: object, artist: User, second_artist: User, model_owner: User
    ) -> None:
        claim = drafting.submit_claim(make_draft(plugin), artist, notice())
        measured(claim)
        with pytest.raises(Refused, match="Only the owner"):
            answering.reject_claim(claim, model_owner, REASON, counter_notice())
        with pytest.raises(Refused, match="counter-notice"):
            answering.reject_claim(claim, second_artist, REASON)
        answering.reject_claim(claim, second_artist, REASON, counter_notice())
        assert claim.state == ClaimState.REJECTED

    def test_an_answer_after_withdrawal_changes_nothing(
        self, ready: Claim, artist: User, model_owner: User
    ) -> None:
        answering.withdraw_claim(ready, artist)
        with pytest.raises(Refused, match="is withdrawn"):
            answering.accept_claim(ready, model_owner)
        with pytest.raises(Refused, match="is withdrawn"):
            answering.reject_claim(ready, model_owner, REASON, counter_notice())
        assert Claim.objects.get().state == ClaimState.WITHDRAWN
        assert not CounterNotice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_holds(ready: Claim, model_owner: User) -> None:
    def answer(number: int) -> str:
        claim = Claim.objects.with_everything().get(pk=ready.pk)
        if number % 2:
            answering.accept_claim(claim, model_owner)
        else:
            answering.reject_claim(claim, model_owner, REASON)
        return "answered"

    assert at_once(4, answer) == {"answered": 1, "Refused": 3}
    answers = ready.steps.filter(kind__in=[StepKind.ACCEPTED, StepKind.REJECTED])
    assert answers.count() == 1


class TestAppealing:
    def test_the_artist_appeals_once(self, rejected: Claim, artist: User, admin: User) -> None:
        answering.appeal_claim(rejected, artist, "The card names my book.")
        assert (rejected.state, rejected.due_at) == (ClaimState.APPEALED, None)
        assert last_step(rejected) == (StepKind.APPEALED, artist, "The card names my book.")
        assert list(Claim.objects.for_admins()) == [rejected]

        answering.rule_on_claim(rejected, admin, ClaimState.REJECTED, "The book is another one.")
        assert not rejected.may_be_appealed
        with pytest.raises(Refused, match="cannot be appealed"):
            answering.appeal_claim(rejected, artist, "And yet.")

    def test_it_takes_a_reason_and_the_artist(self, rejected: Claim, artist: User, model_owner: User) -> None:
        with pytest.raises(Refused, match="Say why"):
            answering.appeal_claim(rejected, artist, "")
        with pytest.raises(Refused, match="Only the artist"):
            answering.appeal_claim(rejected, model_owner, "Why?")

    def test_an_accepted_claim_is_not_appealed(self, ready: Claim, artist: User, model_owner: User) -> None:
        answering.accept_claim(ready, model_owner)
        with pytest.raises(Refused, match="cannot be appealed"):
            answering.appeal_claim(ready, artist, "More.")

    def test_the_time_for_it_ends(self, rejected: Claim, artist: User) -> None:
        past = timezone.now() - timedelta(days=1)
        Claim.objects.update(waiting_since=past - timedelta(days=14), due_at=past)
        with pytest.raises(Refused, match="time for it is over"):
            answering.appeal_claim(rejected, artist, "Late.")


class TestDeciding:
    @pytest.mark.parametrize("outcome", [ClaimState.ACCEPTED, ClaimState.REJECTED])
    def test_an_admin_decides_an_appeal_with_a_reason_and_an_audit_line(
        self, appealed: Claim, admin: User, outcome: ClaimState
    ) -> None:
        with pytest.raises(Refused, match="Say why"):
            answering.rule_on_claim(appealed, admin, outcome, "")
        answering.rule_on_claim(appealed, admin, outcome, "Seen.")
        assert (appealed.state, appealed.decided_by) == (outcome, admin)
        line = AuditLine.objects.get(action="claim.decided")
        assert (line.person, line.changes["state"]["after"]) == (admin, outcome)

    def test_an_admin_does_not_answer_for_the_owner(self, ready: Claim, admin: User) -> None:
        with pytest.raises(Refused, match="for an admin to decide"):
            answering.rule_on_claim(ready, admin, ClaimState.ACCEPTED, "Seen.")

    def test_nobody_else_decides_and_no_admin_their_own(
        self, appealed: Claim, artist: User, model_owner: User, stranger: User
    ) -> None:
        for person in (artist, model_owner, stranger):
            with pytest.raises(Refused, match="Only an admin"):
                answering.rule_on_claim(appealed, person, ClaimState.ACCEPTED, "Seen.")
        model_owner.roles = [*model_owner.roles, Role.ADMIN.value]
        with pytest.raises(Refused, match="Another admin"):
            answering.rule_on_claim(appealed, model_owner, ClaimState.REJECTED, "Mine.")

    def test_there_is_no_third_outcome(self, appealed: Claim, admin: User) -> None:
        with pytest.raises(Refused, match="Accept the claim or reject it"):
            answering.rule_on_claim(appealed, admin, ClaimState.WITHDRAWN, "Seen.")

    def test_a_claim_that_nobody_answered_is_decided_by_an_admin_and_by_nobody_else(
        self, ready: Claim, admin: User, artist: User, model_owner: User
    ) -> None:
        sweep_claims(timezone.now() + timedelta(days=15))
        ready.refresh_from_db()
        with pytest.raises(Refused, match="with the admins now"):
            answering.reject_claim(ready, model_owner, REASON)
        answering.rule_on_claim(ready, admin, ClaimState.REJECTED, "Seen.")
        with pytest.raises(Refused, match="cannot be appealed"):
            answering.appeal_claim(ready, artist, "And yet.")


class TestWithdrawing:
    @pytest.mark.parametrize("state", ["draft", "submitted", "ready", "appealed"])
    def test_the_artist_withdraws_before_an_answer_and_on_an_appeal(
        self, state: str, artist: User, request: pytest.FixtureRequest
    ) -> None:
        claim = request.getfixturevalue(state)
        answering.withdraw_claim(claim, artist)
        assert (claim.state, claim.due_at) == (ClaimState.WITHDRAWN, None)
        assert last_step(claim)[0] == StepKind.WITHDRAWN

    def test_an_answered_claim_stays(self, rejected: Claim, artist: User) -> None:
        with pytest.raises(Refused, match="cannot be withdrawn"):
            answering.withdraw_claim(rejected, artist)

    def test_nobody_else_withdraws_it(self, ready: Claim, model_owner: User, admin: User) -> None:
        for person in (model_owner, admin):
            with pytest.raises(Refused, match="Only the artist"):
                answering.withdraw_claim(ready, person)

    def test_afterwards_there_may_be_another(self, ready: Claim, artist: User, make_draft: MakeDraft) -> None:
        answering.withdraw_claim(ready, artist)
        assert make_draft().pk != ready.pk


class TestMessages:
    def test_both_sides_and_admins_write(
        self, ready: Claim, artist: User, model_owner: User, admin: User
    ) -> None:
        for person in (artist, model_owner, admin):
            answering.write_message(ready, person, " Hello. ")
        assert [(each.by, each.text) for each in ready.messages.all()] == [
            (person, "Hello.") for person in (artist, model_owner, admin)
        ]
        assert AuditLine.objects.filter(action="claim.message_written", person=admin).count() == 1

    def test_strangers_and_blank_messages_are_refused(
        self, ready: Claim, artist: User, stranger: User
    ) -> None:
        with pytest.raises(Refused, match="Only an admin"):
            answering.write_message(ready, stranger, "Hello.")
        with pytest.raises(Refused, match="empty"):
            answering.write_message(ready, artist, " \n")
        assert not ClaimMessage.objects.exists()

    def test_a_draft_has_nobody_to_write_to(self, draft: Claim, artist: User) -> None:
        with pytest.raises(Refused, match="Submit the claim first"):
            answering.write_message(draft, artist, "Hello.")


def test_an_admin_starts_the_measuring_with_controls_of_the_market(
    make_draft: MakeDraft, artist: User, admin: User, stranger: User
) -> None:
    claim = drafting.submit_claim(make_draft(controls=0, controls_by_market=True), artist, notice())
    with pytest.raises(Refused, match="at least 8 controls"):
        answering.ask_for_evidence(claim, admin)
    drafting.add_controls(claim, admin, files(8))
    with pytest.raises(Refused, match="Only an admin"):
        answering.ask_for_evidence(claim, stranger)
    answering.ask_for_evidence(claim, admin)
    assert claim.is_measuring
    assert last_step(claim)[:2] == (StepKind.MEASURING, admin)
    with pytest.raises(Refused, match="is being made"):
        answering.ask_for_evidence(claim, admin)
    actions = AuditLine.objects.filter(person=admin).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["claim.controls_added", "claim.evidence_started"]
