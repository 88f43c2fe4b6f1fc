"""The names and description of a concept. One artist's concepts are named one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from market.accounts.models import User
from market.catalog.meaning import keep_vectors
from market.catalog.models import Concept
from market.refusals import Reason, invalid, invalid_model

LEARNED = ("kind", "name")
"""The fields that the weights of a plug-in have learned."""


def is_learned(concept: Concept) -> bool:
    return bool(concept.pk) and concept.plugins.exists()


def tidied(names: Iterable[str]) -> list[str]:
    """Give names without empty ones, repetitions and extra blanks."""
    return list(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))


def describe_concept(concept: Concept, **said: Any) -> Concept:
    """Keep the names and description of a new or existing concept. What is not given stays. Raises Refused."""
    if "name" in said:
        said["name"] = " ".join(said["name"].split())
    if "aliases" in said:
        said["aliases"] = tidied(said["aliases"])
    with transaction.atomic():
        # One after the other, so that two concepts of an artist do not take one name at the same moment.
        User.objects.select_for_update(no_key=True).get(pk=concept.artist_id)
        before = {name: getattr(concept, name) for name in LEARNED}
        changed = [name for name, value in before.items() if said.get(name, value) != value]
        if changed and is_learned(concept):
            fixed = "This cannot be changed any more. It is “{}”."
            raise invalid(*(Reason(fixed.format(before[name]), name) for name in changed))
        for name, value in said.items():
            setattr(concept, name, value)
        try:
            concept.full_clean()
        except ValidationError as error:
            raise invalid_model(error) from error
        concept.save()
        keep_vectors([concept])
    return concept
