"""The works and controls that a claim is measured on, and the signed report of what was found."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.fields.files import FieldFile
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

SHA256 = r"^[0-9a-f]{64}$"


class PictureSort(models.TextChoices):
    WORK = "work", "Work"
    CONTROL = "control", "Control"


def picture_path(picture: ClaimPicture, filename: str) -> str:
    """Give a file a random name: the visitor's name for it never reaches the storage."""
    return f"claims/{picture.claim_id}/{uuid.uuid4().hex}.{filename.rsplit('.', 1)[-1]}"


def drawing_path(pair: EvidencePair, filename: str) -> str:
    return f"claims/drawings/{uuid.uuid4().hex}.png"


class ClaimPicture(models.Model):
    """A work that a claim is about, or a control. It is a copy: deleting the work does not change the claim."""

    claim = models.ForeignKey("claims.Claim", on_delete=models.PROTECT, related_name="pictures")
    sort = models.CharField(max_length=8, choices=PictureSort.choices)
    work = models.ForeignKey(
        "catalog.Work", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    caption = models.CharField(max_length=200)
    file = models.FileField(upload_to=picture_path, max_length=200)
    thumbnail = models.FileField(upload_to=picture_path, max_length=200)
    content_type = models.CharField(max_length=40)
    pixels_sha256 = models.CharField(max_length=64)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "pixels_sha256"], name="claims_claimpicture_once_a_claim"
            ),
            models.CheckConstraint(
                condition=Q(sort__in=[sort.value for sort in PictureSort]),
                name="claims_claimpicture_sort_known",
            ),
            models.CheckConstraint(condition=~Q(caption=""), name="claims_claimpicture_has_a_caption"),
            models.CheckConstraint(
                condition=Q(pixels_sha256__regex=SHA256), name="claims_claimpicture_pixels_sha256_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.caption

    @property
    def thumbnail_url(self) -> str:
        return reverse("claims:picture", args=[self.claim_id, self.pk])

    def files(self) -> list[FieldFile]:
        return [self.file, self.thumbnail]


class EvidenceReport(models.Model):
    """What was measured, as it was signed. The database also refuses changes.

    `content` is the report as canonical JSON. `signed_note` names the claim and the SHA-256 of those bytes.
    """

    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="evidence_report")
    content = models.TextField()
    sha256 = models.CharField(max_length=64)
    signed_note = models.TextField()
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    pairs: RelatedManager[EvidencePair]

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex=SHA256), name="claims_evidencereport_sha256_shape"
            ),
            models.CheckConstraint(
                condition=~Q(content="") & ~Q(signed_note=""), name="claims_evidencereport_is_signed"
            ),
        ]

    def __str__(self) -> str:
        return f"evidence report {self.sha256[:12]}"


class EvidencePair(models.Model):
    """A picture of the claim beside the generated picture that came nearest to it. Never changed, like its report."""

    report = models.ForeignKey(EvidenceReport, on_delete=models.PROTECT, related_name="pairs")
    picture = models.ForeignKey(ClaimPicture, on_delete=models.PROTECT, related_name="pairs")
    distance = models.FloatField(help_text="0 to 1.")
    prompt = models.CharField(max_length=500)
    seed = models.BigIntegerField()
    drawing = models.FileField(upload_to=drawing_path, max_length=200)
    drawing_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["distance", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["report", "picture"], name="claims_evidencepair_once_a_report"),
            models.CheckConstraint(
                condition=Q(distance__gte=0, distance__lte=1), name="claims_evidencepair_distance_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.picture}, {self.distance:.3f}"

    @property
    def drawing_url(self) -> str:
        return reverse("claims:drawing", args=[self.picture.claim_id, self.pk])
