"""The works an artist uploads, and records of uploads refused because they match another artist's work."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, IntegerField, Q, Value
from django.db.models.fields.files import FieldFile
from django.urls import reverse
from django.utils import timezone

from market.catalog.models.concepts import Concept

SHA256 = r"^[0-9a-f]{64}$"
CAPTION_LENGTH = 200


class HammingDistance(Func):
    """Count the bits in which a 64-bit hash column differs from a given hash, in SQL."""

    template = "bit_count((%(expressions)s)::bit(64))::integer"
    arg_joiner = " # "
    output_field = IntegerField()

    def __init__(self, column: str, perceptual_hash: int) -> None:
        super().__init__(F(column), Value(perceptual_hash, output_field=models.BigIntegerField()))


def work_path(work: Work, filename: str) -> str:
    """Give a file a random name: the visitor's name for it never reaches the storage."""
    return f"works/{work.concept_id}/{uuid.uuid4().hex}.{filename.rsplit('.', 1)[-1]}"


class WorkQuerySet(models.QuerySet["Work"]):
    def near(self, perceptual_hash: int, *, within: int) -> WorkQuerySet:
        """Works whose hash differs in at most `within` of 64 bits, the nearest first, with `distance`."""
        return (
            self.annotate(distance=HammingDistance("perceptual_hash", perceptual_hash))
            .filter(distance__lte=within)
            .order_by("distance", "pk")
        )

    def for_training(self) -> WorkQuerySet:
        """Works that an addition may learn from: neither their artist nor their file forbids it."""
        return self.filter(Q(reservation="") | Q(lifted_at__isnull=False), concept__not_for_training=False)


class Work(models.Model):
    """One picture of a concept, re-encoded by us. Private to its artist."""

    concept = models.ForeignKey(Concept, on_delete=models.PROTECT, related_name="works")
    # The concept's artist again, for the constraint that one picture belongs to one artist.
    artist = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="works")
    file = models.FileField(upload_to=work_path, max_length=200)
    thumbnail = models.FileField(upload_to=work_path, max_length=200)
    caption = models.CharField(
        max_length=CAPTION_LENGTH, blank=True, help_text="What the picture shows, in a few words: “a fox”."
    )
    original_name = models.CharField(max_length=120, blank=True)
    content_type = models.CharField(max_length=40)
    byte_size = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    pixels_sha256 = models.CharField(max_length=64)
    perceptual_hash = models.BigIntegerField(help_text="64 bits, as a signed number.")
    colour_grid = models.BinaryField(
        help_text="16 x 16 colours, to confirm that two hashes mean one picture."
    )
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)
    reservation = models.CharField(
        max_length=80,
        blank=True,
        editable=False,
        help_text="What in the file's content credentials forbids to train with it.",
    )
    lifted_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its artist said that the credentials are their own, and lifted that.",
    )

    objects: ClassVar[WorkQuerySet] = WorkQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        ordering = ["uploaded_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["concept", "pixels_sha256"], name="catalog_work_once_a_concept"),
            ExclusionConstraint(
                name="catalog_work_pixels_belong_to_one_artist",
                expressions=[("pixels_sha256", RangeOperators.EQUAL), ("artist", RangeOperators.NOT_EQUAL)],
            ),
            models.CheckConstraint(
                condition=Q(pixels_sha256__regex=SHA256), name="catalog_work_pixels_sha256_shape"
            ),
            models.CheckConstraint(
                condition=Q(width__gte=1, height__gte=1, byte_size__gte=1), name="catalog_work_has_pixels"
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None) | ~Q(reservation=""), name="catalog_work_lifts_what_is_reserved"
            ),
        ]

    def __str__(self) -> str:
        return self.caption or self.original_name or f"Work {self.pk}"

    @property
    def url(self) -> str:
        return reverse("catalog:work_file", args=[self.concept_id, self.pk])

    @property
    def thumbnail_url(self) -> str:
        return reverse("catalog:work_thumbnail", args=[self.concept_id, self.pk])

    @property
    def is_reserved(self) -> bool:
        """Whether its file forbids training, and its artist has not lifted that."""
        return self.reservation != "" and self.lifted_at is None

    def files(self) -> list[FieldFile]:
        return [self.file, self.thumbnail]


def refused_path(refusal: UploadRefusal, filename: str) -> str:
    return f"refused/{uuid.uuid4().hex}.{filename.rsplit('.', 1)[-1]}"


class UploadRefusal(models.Model):
    """An upload refused because it matches a picture in the market, and the dispute about it that an admin decides.

    The uploader is not told whose picture it is; admins are. Without an artist, the market made the picture.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_refusals"
    )
    concept = models.ForeignKey(Concept, on_delete=models.CASCADE, related_name="upload_refusals")
    matched_work = models.ForeignKey(
        Work, on_delete=models.SET_NULL, null=True, related_name="upload_refusals"
    )
    matched_artist = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="matched_upload_refusals"
    )
    matched_look = models.ForeignKey(
        "catalog.PictureLook", on_delete=models.SET_NULL, null=True, related_name="upload_refusals"
    )
    distance = models.PositiveSmallIntegerField(
        null=True, help_text="Bits of 64 that differ; 0 also for equal pixels. Empty: found by its outlines."
    )
    likeness = models.FloatField(null=True, help_text="How alike the outlines are: 1 is the same.")
    cover = models.FloatField(
        null=True, help_text="How much of the matched picture's outlines were compared."
    )
    original_name = models.CharField(max_length=120, blank=True)
    picture = models.FileField(
        upload_to=refused_path, max_length=200, blank=True, help_text="The upload, small."
    )
    pixels_sha256 = models.CharField(max_length=64)
    perceptual_hash = models.BigIntegerField()
    refused_at = models.DateTimeField(default=timezone.now, editable=False)
    is_taken = models.BooleanField(
        null=True, help_text="Whether its sender may upload it. Empty: not decided."
    )
    decision = models.TextField(max_length=2000, blank=True, help_text="Why. Its sender reads it.")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-refused_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(distance__lte=64), name="catalog_uploadrefusal_distance_in_range"
            ),
            models.CheckConstraint(
                condition=Q(is_taken=None, decision="", decided_by=None, decided_at=None)
                | (
                    Q(is_taken__isnull=False, decided_by__isnull=False, decided_at__isnull=False)
                    & ~Q(decision="")
                ),
                name="catalog_uploadrefusal_decided_with_a_reason",
            ),
        ]
        indexes = [models.Index("person", "pixels_sha256", name="catalog_uploadrefusal_again")]

    def __str__(self) -> str:
        return f"{self.original_name or 'upload'} by {self.person}"

    def get_absolute_url(self) -> str:
        return reverse("disputes:upload", args=[self.pk])
