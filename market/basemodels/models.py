"""Base models, which everything is generated with, and their numbered releases."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

MAX_FEE_MICROS = 100_000_000  # 100 EUR a picture: a typing slip, not a price
FINGERPRINT = r"^[0-9a-f]{64}$"


class BaseModelQuerySet(models.QuerySet["BaseModel"]):
    def listed(self) -> BaseModelQuerySet:
        return self.filter(listed=True)


class BaseModel(models.Model):
    """A model that generates pictures. `source` is its diffusers directory; empty means the embedded one."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, max_length=4000)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="base_models")
    source = models.CharField(
        max_length=500,
        blank=True,
        help_text="Diffusers directory on the workers. Empty: the embedded base model.",
    )
    fingerprint = models.CharField(
        max_length=64, help_text="Identifies the weights. A plug-in fits one fingerprint."
    )
    architecture = models.CharField(max_length=60)
    resolution = models.PositiveIntegerField(help_text="Side of a picture, in pixels.")
    fee_micros = models.BigIntegerField(
        "fee per picture",
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_FEE_MICROS)],
        help_text="Micro-euros, paid to the model's owner for every picture.",
    )
    default_steps = models.PositiveSmallIntegerField(
        default=25, validators=[MinValueValidator(1), MaxValueValidator(200)]
    )
    default_guidance = models.FloatField(
        default=3.0, validators=[MinValueValidator(0.0), MaxValueValidator(30.0)]
    )
    example_subjects = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="Subjects the model knows, for samples and hints: “a fox”.",
    )
    example_styles = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="Styles the model knows by itself.",
    )
    listed = models.BooleanField(default=False, help_text="Shown, and open to additions and generation.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[BaseModelQuerySet] = BaseModelQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fee_micros__gte=0, fee_micros__lte=MAX_FEE_MICROS),
                name="basemodels_basemodel_fee_in_range",
            ),
            models.CheckConstraint(
                condition=Q(fingerprint__regex=FINGERPRINT), name="basemodels_basemodel_fingerprint_shape"
            ),
            models.CheckConstraint(
                condition=Q(resolution__gte=16), name="basemodels_basemodel_resolution_in_range"
            ),
            models.CheckConstraint(
                condition=Q(default_steps__gte=1, default_steps__lte=200),
                name="basemodels_basemodel_steps_in_range",
            ),
            models.CheckConstraint(
                condition=Q(default_guidance__gte=0.0, default_guidance__lte=30.0),
                name="basemodels_basemodel_guidance_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("basemodels:base", args=[self.slug])

    @property
    def is_embedded(self) -> bool:
        return self.source == ""

    def default_release(self) -> BaseRelease:
        return self.releases.get(is_default=True)


class BaseRelease(models.Model):
    """One numbered state of a base model's weights; the first is the model as it was registered."""

    base = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    is_default = models.BooleanField(default=False)
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["base", "number"]
        constraints = [
            models.UniqueConstraint(fields=["base", "number"], name="basemodels_baserelease_number_once"),
            models.UniqueConstraint(
                fields=["base"], condition=Q(is_default=True), name="basemodels_baserelease_one_default"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="basemodels_baserelease_numbered_from_one"
            ),
            models.CheckConstraint(
                condition=Q(fingerprint__regex=FINGERPRINT), name="basemodels_baserelease_fingerprint_shape"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base.name}, release {self.number}"
