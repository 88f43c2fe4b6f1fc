"""Base models, which everything is generated with, and their numbered releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.basemodels.models.uploads import BaseUpload
from market.jobs.models import Job
from market.jobs.states import JobState

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.basemodels.models.checks import BaseCheck

MAX_FEE_MICROS = 100_000_000  # 100 EUR a picture: a typing slip, not a price
FINGERPRINT = r"^[0-9a-f]{64}$"


SMALLEST_SIDE = 16
"""The smallest side, in pixels, of a base's pictures."""


class Licence(models.TextChoices):
    """What others may do with a base's weights, by the names that SPDX gives licences, where it has one."""

    APACHE = "Apache-2.0", "Apache 2.0"
    MIT = "MIT", "MIT"
    CC0 = "CC0-1.0", "CC0 1.0"
    CC_BY = "CC-BY-4.0", "CC BY 4.0"
    CC_BY_SA = "CC-BY-SA-4.0", "CC BY-SA 4.0"
    CC_BY_NC = "CC-BY-NC-4.0", "CC BY-NC 4.0"
    CC_BY_NC_SA = "CC-BY-NC-SA-4.0", "CC BY-NC-SA 4.0"
    OPENRAIL_M = "LicenseRef-CreativeML-OpenRAIL-M", "CreativeML Open RAIL-M"
    OPENRAIL_PLUS_M = "LicenseRef-CreativeML-OpenRAIL++-M", "CreativeML Open RAIL++-M"
    OTHER = "LicenseRef-Other", "Another, as said below"
    OTHER_NC = "LicenseRef-Other-NonCommercial", "Another, which forbids commercial use, as said below"


NON_COMMERCIAL = (Licence.CC_BY_NC, Licence.CC_BY_NC_SA, Licence.OTHER_NC)
"""Licences under which nothing may be sold. A market sells pictures."""
NOT_TO_BE_SOLD = "Its licence forbids commercial use, so pictures of it cannot be sold. If you hold other rights, state their licence."


class BaseModelQuerySet(models.QuerySet["BaseModel"]):
    def listed(self) -> BaseModelQuerySet:
        return self.filter(listed=True)


class BaseModel(models.Model):
    """A model that generates pictures. It comes from a directory on the workers (`source`) or an upload, or is the embedded one.

    Its first check fills in fingerprint and architecture; until then they are empty.
    """

    slug = models.SlugField(
        max_length=60,
        unique=True,
        help_text="Its public address: bases/address/",
        error_messages={"unique": "Another base model has this address. Choose another one."},
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, max_length=4000)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="base_models")
    source = models.CharField(
        max_length=500,
        blank=True,
        help_text="Diffusers directory on the workers, or hub:NAME@COMMIT. Empty: the embedded base model.",
    )
    upload = models.OneToOneField(
        BaseUpload, on_delete=models.PROTECT, null=True, blank=True, related_name="base"
    )
    next_upload = models.OneToOneField(
        BaseUpload,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="next_base",
        help_text="Another upload whose weights are to follow, once they are checked and its owner confirms them.",
    )
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="Identifies the weights. A plug-in fits one fingerprint."
    )
    family = models.CharField(max_length=60, blank=True, help_text="Of models: “SDXL”.")
    architecture = models.CharField(max_length=60, blank=True)
    samplers = ArrayField(
        models.CharField(max_length=20),
        default=list,
        blank=True,
        help_text="Names of those that it can be drawn with. Empty: not known yet.",
    )
    takes_negative_prompts = models.BooleanField(
        default=True, help_text="Whether a picture can be steered away from words."
    )
    takes_weighted_words = models.BooleanField(
        default=True, help_text="Whether a weight such as (fox:1.3) changes what is drawn."
    )
    resolution = models.PositiveIntegerField(default=0, help_text="Side of a picture, in pixels.")
    check_job = models.ForeignKey(
        Job,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The latest job that checks, or checked, its weights.",
    )
    licence = models.CharField(
        max_length=60,
        choices=Licence.choices,
        blank=True,
        help_text="What others may do with the weights. Of the pictures, the licences of plug-ins speak.",
    )
    licence_url = models.CharField(
        "address of the licence",
        max_length=300,
        blank=True,
        validators=[URLValidator(["https", "http"])],
        help_text="Where its text can be read.",
    )
    licence_text = models.TextField("text of the licence", blank=True, max_length=40_000)
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
    max_steps = models.PositiveSmallIntegerField(
        "most steps",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text="Of one picture. Empty: as many as the market allows.",
    )
    max_pictures = models.PositiveSmallIntegerField(
        "most pictures a request",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Empty: as many as the market allows.",
    )
    max_waiting = models.PositiveIntegerField(
        "most unfinished requests",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="Of all people together; further ones are refused until one is done. Empty: no limit.",
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

    releases: RelatedManager[BaseRelease]
    checks: RelatedManager[BaseCheck]

    objects: ClassVar[BaseModelQuerySet] = BaseModelQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(fee_micros__gte=0, fee_micros__lte=MAX_FEE_MICROS),
                name="basemodels_basemodel_fee_in_range",
            ),
            models.CheckConstraint(
                condition=Q(fingerprint__regex=FINGERPRINT) | Q(fingerprint="", listed=False),
                name="basemodels_basemodel_fingerprint_shape",
            ),
            # Unique for bases, not for releases: several releases may have the same weights.
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=~Q(fingerprint=""),
                name="basemodels_basemodel_weights_once",
            ),
            models.CheckConstraint(
                condition=Q(resolution__gte=SMALLEST_SIDE) | Q(fingerprint=""),
                name="basemodels_basemodel_resolution_in_range",
            ),
            models.CheckConstraint(
                condition=Q(source="") | Q(upload__isnull=True), name="basemodels_basemodel_one_source"
            ),
            models.CheckConstraint(
                condition=Q(next_upload__isnull=True)
                | (Q(upload__isnull=False) & ~Q(next_upload=F("upload")) & ~Q(fingerprint="")),
                name="basemodels_basemodel_next_upload_follows_another",
            ),
            models.CheckConstraint(
                condition=Q(max_steps__isnull=True)
                | Q(max_steps__gte=F("default_steps"), max_steps__lte=200),
                name="basemodels_basemodel_max_steps_in_range",
                violation_error_message="The steps to begin with cannot be more than the most steps.",
            ),
            models.CheckConstraint(
                condition=Q(max_pictures__isnull=True) | Q(max_pictures__gte=1, max_pictures__lte=100),
                name="basemodels_basemodel_max_pictures_in_range",
            ),
            models.CheckConstraint(
                condition=Q(max_waiting__isnull=True) | Q(max_waiting__gte=1, max_waiting__lte=100_000),
                name="basemodels_basemodel_max_waiting_in_range",
            ),
            models.CheckConstraint(
                condition=Q(licence="") | Q(licence__in=Licence.values),
                name="basemodels_basemodel_licence_known",
            ),
            models.CheckConstraint(
                condition=~Q(licence__in=(Licence.OTHER, Licence.OTHER_NC))
                | ~Q(licence_url="", licence_text=""),
                name="basemodels_basemodel_other_licence_is_said",
                violation_error_message="Give the address or the text of the licence.",
            ),
            models.CheckConstraint(
                condition=Q(listed=False) | ~Q(licence__in=NON_COMMERCIAL),
                name="basemodels_basemodel_listed_may_be_sold",
                violation_error_message=NOT_TO_BE_SOLD,
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

    def clean(self) -> None:
        """Refuse to list a base that passed no check. A listed base stays so until somebody takes it off."""
        if self.listed and not BaseModel.objects.listed().filter(pk=self.pk).exists():
            reasons = self.obstacles_to_listing()
            if reasons:
                raise ValidationError({"listed": reasons})

    @property
    def is_embedded(self) -> bool:
        return self.source == "" and self.upload_id is None

    @property
    def may_be_sold(self) -> bool:
        """Whether its licence allows commercial use."""
        return self.licence not in NON_COMMERCIAL

    @property
    def is_checking(self) -> bool:
        return self.check_job is not None and not self.check_job.has_ended

    def default_release(self) -> BaseRelease:
        return self.releases.get(is_default=True)

    def latest_check(self) -> BaseCheck | None:
        """The last check that passed, if one did."""
        return self.checks.order_by("-pk").first()

    def other_weights(self) -> BaseCheck | None:
        """The latest check, if it found other weights than those of the release in use and they can still be had."""
        latest = self.latest_check()
        if latest is None or latest.fingerprint == self.fingerprint:
            return None
        if self.upload_id is not None and latest.job.parameters.get("upload") != str(self.next_upload_id):
            return None
        return latest

    def upload_of(self, fingerprint: str) -> BaseUpload | None:
        """Give the upload that holds certain weights of this base; None for a base that was not uploaded."""
        releases = self.releases.filter(fingerprint=fingerprint, upload__isnull=False)
        release = releases.select_related("upload").order_by("-number").first()
        return release.upload if release else self.upload

    def obstacles_to_listing(self) -> list[str]:
        """Say why the base cannot be listed; empty when it can. The embedded base comes checked."""
        if not self.may_be_sold:
            return [NOT_TO_BE_SOLD]
        if self.is_embedded or self._latest_check_is_of_others():
            return []
        if self.check_job is None:
            return ["Its weights were not checked yet. Have them checked first."]
        if self.is_checking:
            return ["It is being checked just now. It can be listed when it has passed."]
        if self.check_job.state != JobState.SUCCEEDED:
            return [f"It did not pass its last check: {self.check_job.error or 'it was cancelled.'}"]
        if self.other_weights() is not None:
            return [
                "The last check found other weights than before. Confirm them, or restore the former ones."
            ]
        return []

    def _latest_check_is_of_others(self) -> bool:
        """Whether the latest check was of an upload that is not in use: uploads in use passed theirs earlier."""
        asked = self.check_job.parameters.get("upload") if self.check_job else None
        return (
            asked not in (None, str(self.upload_id))
            and self.checks.filter(fingerprint=self.fingerprint).exists()
        )


class BaseRelease(models.Model):
    """One numbered state of a base model's weights; the first is the model as it was registered."""

    base = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    upload = models.ForeignKey(
        BaseUpload,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="releases",
        help_text="Where its weights are, if they were uploaded. Never changed.",
    )
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
