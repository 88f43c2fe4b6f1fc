"""The words that call a plug-in up in a prompt."""

from __future__ import annotations

from market.basemodels.prompts import style_called
from market.catalog.models import Concept, ConceptKind


def trigger_words(concept: Concept) -> str:
    """Give the words to put into a prompt. Empty for a combination: the words of its parts call it."""
    if concept.is_combination:
        return ""
    return style_called(concept.name) if concept.kind == ConceptKind.STYLE else concept.name
