"""What a concept means, as a vector: concepts described in other words lie near each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.indexes import PostgresIndex
from django.db import models

from market.catalog.models.concepts import Concept
from market.word_vectors import LENGTH


class VectorField(models.Field[Sequence[float], list[float]]):
    """A vector of pgvector's."""

    def __init__(self, length: int, **kwargs: Any) -> None:
        self.length = length
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, _arguments, kwargs = super().deconstruct()
        return name, path, [self.length], kwargs

    def db_type(self, connection: Any) -> str:
        return f"vector({self.length})"

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else written(value)

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return "%s::vector"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> list[float] | None:
        return None if value is None else [float(each) for each in json.loads(value)]


def written(vector: Sequence[float]) -> str:
    """Write a vector as pgvector reads it."""
    return f"[{','.join(f'{float(each):.7g}' for each in vector)}]"


class HnswIndex(PostgresIndex):
    """pgvector's graph of neighbours: `links` of each, found among `candidates`. More of both miss less, and take longer to make."""

    suffix = "hnsw"

    def __init__(self, *, links: int, candidates: int, **kwargs: Any) -> None:
        self.links = links
        self.candidates = candidates
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        path, arguments, kwargs = super().deconstruct()
        return path, arguments, {**kwargs, "links": self.links, "candidates": self.candidates}

    def get_with_params(self) -> list[str]:
        return [f"m = {self.links}", f"ef_construction = {self.candidates}"]


class ConceptVector(models.Model):
    """The vector of a concept's names, kind and description. A trigger deletes it when one of those changes."""

    concept = models.OneToOneField(Concept, on_delete=models.CASCADE, primary_key=True, related_name="vector")
    vector = VectorField(LENGTH)

    class Meta:
        verbose_name = "vector of a concept"
        verbose_name_plural = "vectors of concepts"
        indexes = [
            HnswIndex(
                links=24,
                candidates=160,
                fields=["vector"],
                opclasses=["vector_cosine_ops"],
                name="catalog_conceptvector_near",
            )
        ]

    def __str__(self) -> str:
        return f"Vector of {self.concept}"
