"""Looks of pictures: what the market keeps of every work, and of every picture it made, to recognise them when they come back altered."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from market.catalog.models.works import SHA256, Work
from pictures.looks import GRID, REDUCED, Look

HalfVector = Sequence[float]


class HalfVectorField(models.Field[HalfVector | None, list[float] | None]):
    """A vector of pgvector's with numbers of 16 bits. length: how many."""

    def __init__(self, length: int, **options: Any) -> None:
        self.length = length
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.length, *args], kwargs

    def db_type(self, connection: Any) -> str:
        return f"halfvec({self.length})"

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else half_vector(value)

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return "%s::halfvec"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> list[float] | None:
        return None if value is None else [float(each) for each in json.loads(value)]


def half_vector(numbers: Sequence[float]) -> str:
    """Write numbers as pgvector reads them."""
    return f"[{','.join(f'{float(each):.4g}' for each in numbers)}]"


class PictureLook(models.Model):
    """What is kept of one picture. Nobody is given it. Of a work, or without one: of a picture that the market made.

    It stays when a picture that the market made is deleted: otherwise deleting it would make a work of it.
    """

    work = models.OneToOneField(Work, null=True, on_delete=models.CASCADE, related_name="look")
    artist = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The work's, again, so that a search leaves out one's own.",
    )
    pixels_sha256 = models.CharField(max_length=64)
    shape = HalfVectorField(
        GRID * GRID, null=True, help_text="Of what is drawn, from afar. Empty: nothing is drawn."
    )
    packed = models.BinaryField(help_text="Outlines and points, compressed.")
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    points: models.Manager[LookPoint]

    class Meta:
        verbose_name = "look of a picture"
        verbose_name_plural = "looks of pictures"
        constraints = [
            models.CheckConstraint(
                condition=Q(work=None, artist=None) | Q(work__isnull=False, artist__isnull=False),
                name="catalog_picturelook_artist_of_the_work",
            ),
            models.CheckConstraint(
                condition=Q(pixels_sha256__regex=SHA256), name="catalog_picturelook_hash_shape"
            ),
        ]
        indexes = [models.Index("pixels_sha256", name="catalog_picturelook_pixels")]

    def __str__(self) -> str:
        return f"Look of {self.work}" if self.work_id else f"Look {self.pk} of a picture made here"

    @property
    def look(self) -> Look:
        """Give it as it is compared. Raises NotALook, and zlib.error: what no version of this market wrote."""
        return Look.unpacked(zlib.decompress(bytes(self.packed)))


class LookPoint(models.Model):
    """The surroundings of one point of a picture, in short. By these the pictures are found that share a part."""

    look = models.ForeignKey(PictureLook, on_delete=models.CASCADE, related_name="points")
    surroundings = HalfVectorField(REDUCED)
    size = models.FloatField(help_text="In pixels of the sheet.")
    direction = models.FloatField(help_text="In radians.")

    objects: ClassVar[models.Manager[LookPoint]] = models.Manager()

    class Meta:
        verbose_name = "point of a look"
        verbose_name_plural = "points of looks"
        constraints = [models.CheckConstraint(condition=Q(size__gt=0), name="catalog_lookpoint_has_a_size")]

    def __str__(self) -> str:
        return f"Point {self.pk} of look {self.look_id}"
