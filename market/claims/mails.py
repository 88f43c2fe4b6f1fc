"""Mails to the parties of a claim, sent once the change is kept."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from market.accounts.mailing import moment, write_to
from market.accounts.models import User
from market.accounts.roles import admins
from market.claims.models import Claim, ClaimMessage, ClaimState


def submitted(claim: Claim) -> None:
    _tell(
        [claim.respondent],
        claim,
        f"A claim about {claim.target}",
        f"{claim.claimant} says that {claim.target} contains their {claim.concept}. You will be told when the evidence is there; you "
        f"then have {settings.CLAIMS.answer_days} days to answer.",
    )


def evidence_ready(claim: Claim) -> None:
    until = _until(claim)
    _tell(
        [claim.respondent],
        claim,
        f"Answer the claim about {claim.target}",
        f"The evidence is there. You have {until} to accept the claim, or to reject it with a reason. "
        "After that an admin of the market decides.",
    )
    _tell(
        [claim.claimant],
        claim,
        f"The evidence for your claim about {claim.target}",
        f"The evidence is there, for both sides to see. {claim.respondent} has {until} to answer.",
    )


def evidence_failed(claim: Claim) -> None:
    _tell(
        [claim.claimant],
        claim,
        f"No evidence yet for your claim about {claim.target}",
        "The measuring ended without a report. You can start it again on the claim's page.",
    )


def answered(claim: Claim) -> None:
    said = f"\n\n{claim.decision}" if claim.decision else ""
    appeal = ""
    if claim.state == ClaimState.REJECTED:
        appeal = f"\n\nYou can appeal, once, within {settings.CLAIMS.appeal_days} days: then an admin of the market decides."
    _tell(
        [claim.claimant],
        claim,
        f"Your claim about {claim.target} is {claim.get_state_display().lower()}",
        f"{claim.respondent} has answered your claim: {claim.get_state_display().lower()}.{said}{appeal}",
    )


def appealed(claim: Claim) -> None:
    _tell(
        [claim.respondent, *admins()],
        claim,
        f"An appeal in the claim about {claim.target}",
        f"{claim.claimant} appeals against the rejection. An admin of the market decides.\n\n{claim.appeal}",
    )


def withdrawn(claim: Claim) -> None:
    _tell(
        [claim.respondent],
        claim,
        f"The claim about {claim.target} is withdrawn",
        f"{claim.claimant} has withdrawn the claim. There is nothing left to do.",
    )


def decided(claim: Claim) -> None:
    _tell(
        [claim.claimant, claim.respondent],
        claim,
        f"The claim about {claim.target} is {claim.get_state_display().lower()}",
        f"An admin of the market has decided: {claim.get_state_display().lower()}.\n\n{claim.decision}",
    )


def reminder(claim: Claim) -> None:
    """Remind those who have to act of the time left."""
    until = _until(claim)
    if claim.state == ClaimState.REJECTED:
        whom, what = claim.claimant, f"You can appeal against the rejection {until}."
    else:
        whom, what = claim.respondent, f"Please answer {until}. After that an admin of the market decides."
    _tell([whom], claim, f"Reminder: the claim about {claim.target}", what)


def escalated(claim: Claim) -> None:
    _tell(
        [claim.claimant, claim.respondent, *admins()],
        claim,
        f"No answer to the claim about {claim.target}",
        "The time to answer is over. An admin of the market decides now.",
    )


def message_written(message: ClaimMessage) -> None:
    claim = message.claim
    parties = [claim.claimant, claim.respondent]
    _tell(
        [person for person in parties if person.pk != message.by_id],
        claim,
        f"A message about the claim on {claim.target}",
        f"{message.by} has written to you on the claim's page.",
    )


def _until(claim: Claim) -> str:
    return f"until {moment(claim.due_at)}" if claim.due_at else "in time"


def _tell(people: Iterable[User], claim: Claim, subject: str, text: str) -> None:
    write_to(people, subject, text, claim.get_absolute_url())
