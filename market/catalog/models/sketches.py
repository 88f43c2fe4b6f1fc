"""Sketches of plug-ins: short vectors by which the market finds what does the same, however it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models.expressions import RawSQL

from market.catalog.models.vectors import VectorField, written
from market.catalog.models.versions import PlugInVersion

SKETCH_LENGTH = 512
"""Numbers in a sketch, as the engine makes them."""


class SketchField(VectorField):
    """A sketch. All have one length."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SKETCH_LENGTH, **kwargs)

    def deconstruct(self) -> Any:
        name, path, _length, kwargs = super().deconstruct()
        return name, path, [], kwargs


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
