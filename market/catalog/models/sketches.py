"""Sketches of plug-ins: short vectors by which the market finds what does the same, however it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models.expressions import RawSQL

from market.catalog.models.versions import PlugInVersion

SKETCH_LENGTH = 512
"""Numbers in a sketch, as the engine makes them."""


class SketchField(models.Field[Sequence[float], list[float]]):
    """A vector of pgvector's."""

    def db_type(self, connection: Any) -> str:
        return f"vector({SKETCH_LENGTH})"

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else written(value)

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return "%s::vector"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> list[float] | None:
        return None if value is None else [float(each) for each in json.loads(value)]


def written(sketch: Sequence[float]) -> str:
    """Write a sketch as pgvector reads it."""
    return f"[{','.join(f'{float(each):.7g}' for each in sketch)}]"


class SketchQuerySet(models.QuerySet["PlugInSketch"]):
    def nearest(self, fingerprint: str, sketch: Sequence[float], least: float) -> SketchQuerySet:
        """Order the sketches of plug-ins for a base by how alike they are, of either sign: the nearest first, none below `least`.

        All of that base's are compared: an index of neighbours would miss some, and a hundred thousand take well below a second.
        """
        alike = RawSQL("abs(1 - (catalog_pluginsketch.sketch <=> %s::vector))", [written(sketch)])
        found = self.filter(version__base_fingerprint=fingerprint).annotate(alike=alike)
        # A plug-in that changes nothing has a sketch of zeros, which is like nothing: NaN, larger than every number there.
        return found.filter(alike__gte=least, alike__lte=2).order_by("-alike", "pk")


class SketchKey(models.Model):
    """The secret that sketches are made with, of which there is one. Whoever knew it could make a copy with another sketch."""

    key = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="catalog_sketchkey_is_one")]

    def __str__(self) -> str:
        return "key of the sketches"


class PlugInSketch(models.Model):
    """What one version's weights do, in short. Never changed. Nobody is given it."""

    version = models.OneToOneField(
        PlugInVersion, on_delete=models.PROTECT, primary_key=True, related_name="sketch"
    )
    sketch = SketchField()

    objects: ClassVar[SketchQuerySet] = SketchQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        verbose_name = "sketch of a plug-in version"
        verbose_name_plural = "sketches of plug-in versions"

    def __str__(self) -> str:
        return f"Sketch of {self.version}"
