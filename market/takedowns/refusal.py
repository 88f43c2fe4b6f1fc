"""Why something was not done to a takedown."""

from __future__ import annotations

GONE_ON = "That is not possible any more: the takedown has gone on meanwhile."


class TakedownRefused(Exception):
    """Why nothing was changed, in words for the person who asked."""
