"""What was measured of a carried plug-in, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WAYS = {
    "copy": "taken over as it was",
    "project": "turned to what the new layers use",
    "distil": "learned from what the old base draws with it",
}


def carried_words(figures: Mapping[str, Any]) -> str:
    """Say how a plug-in was carried over, and how much of what it does was missed. "" before there is anything."""
    if "missed" not in figures:
        return ""
    way = _WAYS.get(figures.get("method", ""), "")
    missed = f"{100 * figures['missed']:.0f}% of what it changes is missed"
    return f"{way}, {missed}" if way else missed
