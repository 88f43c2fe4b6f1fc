"""What a worker found when it opened a base's weights, and the pictures it drew with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.basemodels.models.bases import FINGERPRINT, BaseModel
from market.jobs.models import Job

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class BaseCheck(models.Model):
    """A passed check. A check that did not pass is a failed job, which says why. Never changed."""

    base = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="checks")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="base_check")
    fingerprint = models.CharField(max_length=64)
    family = models.CharField(max_length=60, blank=True)
    architecture = models.CharField(max_length=60)
    samplers = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    takes_negative_prompts = models.BooleanField(default=True)
    takes_weighted_words = models.BooleanField(default=True)
    resolution = models.PositiveIntegerField()
    memory_needed = models.BigIntegerField(help_text="Bytes, estimated before loading.")
    memory_there = models.BigIntegerField(help_text="Bytes that were free on the worker.")
    device = models.CharField(max_length=40)
    card = models.JSONField(default=dict, blank=True, help_text="Its card.json, as it was then.")
    checked_at = models.DateTimeField(default=timezone.now, editable=False)

    samples: RelatedManager[BaseSample]

    class Meta:
        verbose_name = "check of a base model"
        verbose_name_plural = "checks of base models"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fingerprint__regex=FINGERPRINT), name="basemodels_basecheck_fingerprint_shape"
            ),
            models.CheckConstraint(
                condition=Q(resolution__gte=16), name="basemodels_basecheck_resolution_in_range"
            ),
            models.CheckConstraint(
                condition=Q(memory_needed__gte=1, memory_needed__lte=F("memory_there")),
                name="basemodels_basecheck_fits_in_memory",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base.name}, checked on {self.checked_at:%Y-%m-%d}"


class BaseSample(models.Model):
    """A picture drawn in a check, with the plain base. Never changed."""

    check_of = models.ForeignKey(BaseCheck, on_delete=models.PROTECT, related_name="samples")
    position = models.PositiveSmallIntegerField()
    prompt = models.CharField(max_length=500)
    seed = models.BigIntegerField()
    file = models.FileField(upload_to="bases/samples", max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    class Meta:
        verbose_name = "sample of a base model"
        verbose_name_plural = "samples of base models"
        ordering = ["check_of", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["check_of", "position"], name="basemodels_basesample_position_once"
            ),
            models.CheckConstraint(
                condition=Q(width__gte=1, height__gte=1), name="basemodels_basesample_has_pixels"
            ),
        ]

    def __str__(self) -> str:
        return self.prompt

    @property
    def url(self) -> str:
        return reverse("basemodels:sample", args=[self.check_of.base.slug, self.pk])
