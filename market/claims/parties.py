"""Which party of a claim a person is, and what only that party may do."""

from __future__ import annotations

from market.accounts.models import User
from market.accounts.roles import require_admin
from market.claims.models import Claim
from market.refusals import Refused


def is_neutral_admin(claim: Claim, by: User) -> bool:
    return by.is_admin and by.pk not in (claim.claimant_id, claim.respondent.pk)


def require_claimant(claim: Claim, by: User) -> None:
    if by.pk != claim.claimant_id:
        raise Refused("Only the artist who made the claim can do that.")


def require_respondent(claim: Claim, by: User) -> None:
    if by.pk != claim.respondent.pk:
        raise Refused("Only the owner of what the claim is about can answer it.")


def require_neutral_admin(claim: Claim, by: User) -> None:
    require_admin(by)
    if not is_neutral_admin(claim, by):
        raise Refused("Another admin has to: this claim is yours, or against you.")
