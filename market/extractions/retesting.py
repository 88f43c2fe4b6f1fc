"""When a published plug-in counts as having dropped on a new release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_MOVED = 0.1
"""Root mean square difference of pixels, 0 to 1, of a sample drawn on both releases: from about there on it is another picture."""
MOST_LOST = 0.1
"""Share of the samples in which the judge saw the concept before, and does not now."""


def has_dropped(figures: Mapping[str, Any]) -> bool:
    """Judge by what was counted, where a judge knows the concept, and else by how far the pictures moved."""
    accuracy = figures.get("accuracy")
    if accuracy:
        return bool(accuracy["before"] - accuracy["after"] > MOST_LOST)
    return bool(figures["moved"] > MOST_MOVED)
