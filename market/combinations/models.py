"""Ordered combinations: of which versions, at what price, and the pictures of the result."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.catalog.models import PlugInVersion
from market.extractions.models import GridPicture
from market.jobs.models import Job
from market.ledger.splits import BASIS_POINTS

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Combination(models.Model):
    """One order to combine plug-ins, with its terms as they were agreed to.

    It shares its id with its job. Only its figures are written later. The job has its state and the version that it made.
    `combination:<id>` is its name in the ledger.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="combination")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="combinations"
    )
    plugin = models.ForeignKey("catalog.PlugIn", on_delete=models.PROTECT, related_name="combinations")
    release = models.ForeignKey("basemodels.BaseRelease", on_delete=models.PROTECT, related_name="+")
    price_micros = models.BigIntegerField(help_text="Micro-euros for one picture with what comes of it.")
    fee_micros = models.BigIntegerField(help_text="Micro-euros for combining.")
    hold = models.OneToOneField(
        "ledger.Hold", null=True, blank=True, on_delete=models.PROTECT, related_name="combination"
    )
    idempotency_key = models.UUIDField()
    figures = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()

    parts: RelatedManager[CombinationPart]
    grid: RelatedManager[CombinationPicture]

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("person", "idempotency_key"), name="combinations_made_once"),
            models.CheckConstraint(name="combinations_shares_its_jobs_id", condition=Q(job=F("id"))),
            models.CheckConstraint(
                name="combinations_held_for_exactly_when_it_costs",
                condition=Q(fee_micros=0, hold__isnull=True) | Q(fee_micros__gt=0, hold__isnull=False),
            ),
            models.CheckConstraint(name="combinations_price_not_negative", condition=Q(price_micros__gte=0)),
        )
        indexes = (models.Index("person", F("created_at").desc(), name="combinations_of_person"),)

    def __str__(self) -> str:
        return f"{self.plugin.name} of {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("combinations:combination", args=[self.pk])

    @property
    def reference(self) -> str:
        """Name this combination in the ledger."""
        return f"combination:{self.pk}"

    @property
    def version(self) -> PlugInVersion | None:
        """The version that was made. None before, or if nothing was made."""
        return PlugInVersion.objects.filter(job=self.job_id).select_related("plugin__concept").first()


class CombinationPart(models.Model):
    """A version to be combined, and its share of the fee."""

    combination = models.ForeignKey(Combination, on_delete=models.PROTECT, related_name="parts")
    version = models.ForeignKey("catalog.PlugInVersion", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    share = models.PositiveIntegerField(help_text="In basis points of all.")

    class Meta:
        ordering = ("combination", "position")
        constraints = (
            models.UniqueConstraint(fields=("combination", "version"), name="combinations_part_once"),
            models.UniqueConstraint(
                fields=("combination", "position"), name="combinations_part_position_once"
            ),
            models.CheckConstraint(
                condition=Q(share__gte=1, share__lte=BASIS_POINTS), name="combinations_part_share_in_range"
            ),
        )

    def __str__(self) -> str:
        return str(self.version)

    @property
    def percent(self) -> float:
        return 100 * self.share / BASIS_POINTS


class CombinationPicture(GridPicture):
    of = models.ForeignKey(Combination, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("combinations:picture", args=[self.of_id, self.pk])
