"""Vectors of concepts: made when a concept is described, and by a sweep where one is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from market.catalog.models import Concept, ConceptVector
from market.word_vectors import vectors

AT_ONCE = 1000
NAMES = 0.3
"""The part of a concept's vector that its names have. The kind and the description have the rest."""


def meaning_of(concepts: Sequence[Concept]) -> NDArray[np.float32]:
    """Give the vectors of concepts: (concepts, LENGTH). A made-up name says little of what a concept is, so what describes it counts for more."""
    names = vectors([", ".join([each.name, *each.aliases]) for each in concepts])
    described = vectors([f"{each.kind}. {each.description}" for each in concepts])
    mixed: NDArray[np.float32] = NAMES * names + (1 - NAMES) * described
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    return mixed


def keep_vectors(concepts: Sequence[Concept]) -> None:
    """Make and keep the vectors of concepts as they are. The caller holds these rows, or has just written them."""
    made = [
        ConceptVector(concept=concept, vector=vector)
        for concept, vector in zip(concepts, meaning_of(concepts).tolist(), strict=True)
    ]
    ConceptVector.objects.bulk_create(
        made, update_conflicts=True, unique_fields=["concept"], update_fields=["vector"], batch_size=AT_ONCE
    )


def make_missing_vectors() -> int:
    """Make vectors for concepts that have none: those of before there were any, and those changed in another way. Give how many."""
    with transaction.atomic():
        # Held, so that none is described anew while a vector of the old words is on its way.
        concepts = list(
            Concept.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
            .filter(vector__isnull=True)
            .order_by("pk")[:AT_ONCE]
        )
        if concepts:
            keep_vectors(concepts)
    return len(concepts)
