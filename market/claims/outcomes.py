"""What other apps do when a claim is accepted, in the transaction that accepts it."""

from __future__ import annotations

from collections.abc import Callable

from market.accounts.models import User
from market.claims.models import Claim

Follow = Callable[[Claim, User], object]
_following: list[Follow] = []


def register_accepted(follow: Follow) -> None:
    """Let an app act on an accepted claim; it is given who accepted it. `market/wiring.py` lists these apps."""
    if follow not in _following:
        _following.append(follow)


def accepted(claim: Claim, by: User) -> None:
    for follow in _following:
        follow(claim, by)
