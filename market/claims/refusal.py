"""Why something was not done to a claim."""

from __future__ import annotations

GONE_ON = "That is not possible any more: the claim has gone on meanwhile."


class ClaimRefused(Exception):
    """Why nothing was changed, in words for the person who asked."""
