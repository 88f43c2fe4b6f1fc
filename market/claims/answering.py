"""Answers to a claim: accepted, rejected, appealed, decided, withdrawn; and messages between its parties."""

from __future__ import annotations

from django.db import transaction

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.audit.recording import record
from market.claims import mails, outcomes
from market.claims.deadlines import appeal_within
from market.claims.measuring import begin_measuring, stop_measuring
from market.claims.models import TEXT_LENGTH, Claim, ClaimMessage, ClaimState, CounterNotice
from market.claims.parties import require_claimant, require_neutral_admin, require_respondent
from market.refusals import Refused


def ask_for_evidence(claim: Claim, by: User) -> None:
    """Start the measuring. An admin may once they have added controls. Both may again if it ended without a report."""
    if by.pk != claim.claimant_id:
        require_neutral_admin(claim, by)
    with transaction.atomic():
        begin_measuring(claim, by)
        if by.is_admin:
            record("claim.evidence_started", by=by, target=claim)


def accept_claim(claim: Claim, by: User, reason: str = "") -> None:
    """Accept the claim, as the other party. Then the concept can be extracted from the base, or the plug-in is taken down."""
    require_respondent(claim, by)
    with transaction.atomic():
        if not claim.accept(by, reason.strip()):
            raise Refused(_too_late(claim))
        stop_measuring(claim)
        mails.answered(claim)
        outcomes.accepted(claim, by)


def reject_claim(claim: Claim, by: User, reason: str, counter_notice: CounterNotice | None = None) -> None:
    """Reject the claim, with the reason. For a plug-in this needs a counter-notice; for a base model it may have one."""
    require_respondent(claim, by)
    if not reason.strip():
        raise Refused("Say why: the artist reads it, and may appeal.")
    if claim.plugin is not None and counter_notice is None:
        raise Refused("A claim about a plug-in is rejected by a counter-notice.")
    with transaction.atomic():
        if counter_notice is not None:
            counter_notice.person = by
            counter_notice.save(force_insert=True)
        if not claim.reject(by, reason.strip(), appeal_within=appeal_within(), counter_notice=counter_notice):
            raise Refused(_too_late(claim))
        stop_measuring(claim)
        mails.answered(claim)


def appeal_claim(claim: Claim, by: User, why: str) -> None:
    """Ask an admin to decide, once, against the other party's rejection."""
    require_claimant(claim, by)
    if not why.strip():
        raise Refused("Say why the answer is wrong: an admin and the other party read it.")
    with transaction.atomic():
        if not claim.appeal_once(by, why.strip()):
            raise Refused(
                "This cannot be appealed: there was an appeal, an admin has decided, or the time for it is over."
            )
        mails.appealed(claim)


def withdraw_claim(claim: Claim, by: User) -> None:
    """Withdraw a claim. Those who could read it still can."""
    require_claimant(claim, by)
    with transaction.atomic():
        submitted = claim.submitted_at is not None
        if not claim.withdraw(by):
            raise Refused("A claim that was answered cannot be withdrawn.")
        stop_measuring(claim)
        if submitted:
            mails.withdrawn(claim)


def rule_on_claim(claim: Claim, admin: User, outcome: ClaimState, decision: str) -> None:
    """Decide an appeal, or a claim that was not answered in time. The decision is final."""
    require_neutral_admin(claim, admin)
    if outcome not in (ClaimState.ACCEPTED, ClaimState.REJECTED):
        raise Refused("Accept the claim or reject it.")
    if not decision.strip():
        raise Refused("Say why it is decided so: both sides will read it.")
    with transaction.atomic():
        before = Claim.objects.values_list("state", flat=True).get(pk=claim.pk)
        decide = claim.accept if outcome == ClaimState.ACCEPTED else claim.reject
        if not decide(admin, decision.strip(), as_admin=True):
            raise Refused(
                "Only an appeal, or a claim that was not answered in time, is for an admin to decide."
            )
        record("claim.decided", by=admin, target=claim, changes={"state": (before, outcome)}, reason=decision)
        mails.decided(claim)
        if outcome == ClaimState.ACCEPTED:
            outcomes.accepted(claim, admin)


def write_message(claim: Claim, by: User, text: str) -> ClaimMessage:
    """Write to the other side. An admin writes to both."""
    if claim.submitted_at is None:
        raise Refused("Submit the claim first: nobody else can read it yet.")
    if by.pk not in (claim.claimant_id, claim.respondent.pk):
        require_admin(by)
    if not text.strip():
        raise Refused("The message is empty.")
    with transaction.atomic():
        message = ClaimMessage.objects.create(claim=claim, by=by, text=text.strip())
        if by.is_admin:
            record("claim.message_written", by=by, target=claim)
        mails.message_written(message)
    return message


def tell_taken_back(claim: Claim, by: User, because: str) -> None:
    """Write to the claimant that the concept will not stay out of the base. Runs within the caller's transaction."""
    text = f"The approval to take {claim.concept} out of {claim.target} was taken back: {because}"
    mails.message_written(ClaimMessage.objects.create(claim=claim, by=by, text=text[:TEXT_LENGTH]))


def _too_late(claim: Claim) -> str:
    claim.refresh_from_db()
    if claim.escalated_at is not None:
        return "The time to answer is over: the claim is with the admins now."
    return f"That is not possible any more: the claim is {claim.get_state_display().lower()}."
