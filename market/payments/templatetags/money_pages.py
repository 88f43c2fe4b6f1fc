"""Template tags of the wallet: what a transfer was for."""

from __future__ import annotations

import uuid

from django import template
from django.urls import NoReverseMatch, reverse

from market.ledger.describing import Described
from market.ledger.memos import name_in
from market.ledger.models import Transfer
from market.ledger.queries import FEE_LINES

register = template.Library()

_PAGES = {
    "generation": ("Pictures", "jobs:job"),
    "combination": ("Combination", "combinations:combination"),
    "top-up": ("Top-up", "payments:top_up_status"),
    "retraining": ("Training again", ""),
    "dispute": ("Dispute", ""),
    "trade-flag": ("Flagged trade", ""),
}
"""The prefix of a reference: its words, and the page about it that the payer may see."""


@register.filter
def reference_target(reference: str) -> Described:
    """Name and link what a reference such as generation:<uuid> stands for, for its owner's pages."""
    prefix, _, rest = reference.partition(":")
    label, view = _PAGES.get(prefix, ("", ""))
    if not label:
        return Described(label=reference)
    try:
        return Described(label=label, href=reverse(view, args=[uuid.UUID(rest)]) if view else "")
    except (ValueError, NoReverseMatch):
        return Described(label=label)


@register.filter
def paid_for(transfer: Transfer) -> str:
    """Name the plug-ins and the base that a request paid for. Uses the transfer's prefetched entries."""
    names = dict.fromkeys(
        name_in(entry.memo) for entry in transfer.entries.all() if entry.line in FEE_LINES and entry.memo
    )
    return ", ".join(names)
