"""Past prices, noted by triggers. Because of them a price cannot jump, and an open quote keeps its price."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, TypeVar

from django.db import models

from market.basemodels.models.bases import BaseModel

P = TypeVar("P", bound="PastPrice")


class PastPriceQuerySet(models.QuerySet[P]):
    """The past prices of one thing, or of several."""

    def in_force(self, at: datetime) -> P | None:
        """Give the price of one thing just before a moment. None: the present price already held then."""
        return self.filter(until__gte=at).order_by("until", "pk").first()


class PastPrice(models.Model):
    """A price, until the price or the offer changed. Only a trigger adds it."""

    micros = models.BigIntegerField(help_text="Micro-euros for one picture.")
    offered = models.BooleanField(help_text="Whether its owner had it on offer at that price.")
    until = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.micros} until {self.until:%Y-%m-%d %H:%M}"


class PastFee(PastPrice):
    """A fee that a base model had."""

    base = models.ForeignKey(BaseModel, on_delete=models.CASCADE, related_name="past_prices")

    objects: ClassVar[PastPriceQuerySet[PastFee]] = PastPriceQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        indexes = (models.Index(fields=["base", "until"], name="basemodels_pastfee_until"),)
