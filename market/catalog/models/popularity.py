"""How much a plug-in is used by people who paid for it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from market.catalog.models.plugins import PlugIn


class Popularity(models.Model):
    """What one plug-in was used for, as of the last count. `market.generation.popularity` says what counts."""

    plugin = models.OneToOneField(
        PlugIn, on_delete=models.CASCADE, primary_key=True, related_name="popularity"
    )
    pictures = models.PositiveIntegerField(default=0)
    people = models.PositiveIntegerField(default=0)
    came_back = models.PositiveIntegerField(default=0, help_text="People who used it on two days or more.")
    counted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "popularity of a plug-in"
        verbose_name_plural = "popularity of plug-ins"
        indexes = [models.Index(fields=["counted_at"], name="catalog_popularity_counted")]
        constraints = [
            models.CheckConstraint(
                condition=Q(came_back__lte=F("people"), people__lte=F("pictures")),
                name="catalog_popularity_adds_up",
            )
        ]

    def __str__(self) -> str:
        return f"Popularity of {self.plugin}"
