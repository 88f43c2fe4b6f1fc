"""The parts of a combined plug-in, as its file states them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from market.catalog.models.plugins import PlugInVersion
from market.ledger.splits import BASIS_POINTS

PART_NAME_LENGTH = 120


class PlugInPart(models.Model):
    """One plug-in that a version was combined from. Its part of the fee is `share` by the sum of the version's shares.

    A part without a `part` is none of this market's: its share is the version's owner's. Never changed; written together
    with the version, which counts its parts. A part is older than what it is a part of, so nothing is a part of itself.
    """

    version = models.ForeignKey(PlugInVersion, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveSmallIntegerField()
    part = models.ForeignKey(
        PlugInVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="part_of"
    )
    name = models.CharField(max_length=PART_NAME_LENGTH, help_text="As the file calls it.")
    share = models.PositiveIntegerField(help_text="As the file states it, in basis points.")

    class Meta:
        verbose_name = "part of a plug-in"
        verbose_name_plural = "parts of plug-ins"
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="catalog_part_position_once"),
            models.UniqueConstraint(fields=["version", "part"], name="catalog_part_once_a_version"),
            models.CheckConstraint(
                condition=Q(share__gte=1, share__lte=BASIS_POINTS), name="catalog_part_share_in_range"
            ),
            models.CheckConstraint(
                condition=Q(part__isnull=True) | Q(part__lt=F("version")),
                name="catalog_part_is_older_than_its_version",
            ),
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="catalog_part_is_named"),
        ]

    def __str__(self) -> str:
        return self.part.plugin.name if self.part else self.name
