"""Builds: they turn the approved extractions of a base into a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from market.basemodels.models import FINGERPRINT
from market.catalog.models.works import SHA256
from market.extractions.models.extractions import Extraction, adapter_path
from market.extractions.models.grids import GridPicture

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from market.extractions.models.retests import Retest


class BuildState(models.TextChoices):
    BUILDING = "building", "Being built"
    READY = "ready", "Ready"
    FAILED = "failed", "Not built"


class ReleaseBuild(models.Model):
    """The making of a release: a base's approved extractions are merged into one eraser and tested as a whole.

    While it runs only the merged eraser is kept, so that another attempt need not merge again. All else is written together
    with the release, in one transaction, and is never changed.
    """

    base = models.ForeignKey("basemodels.BaseModel", on_delete=models.PROTECT, related_name="builds")
    base_fingerprint = models.CharField(max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    job = models.OneToOneField("jobs.Job", on_delete=models.PROTECT, related_name="release_build")
    state = models.CharField(max_length=10, choices=BuildState.choices, default=BuildState.BUILDING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    eraser_file = models.FileField(upload_to=adapter_path, max_length=200, blank=True)
    eraser_file_sha256 = models.CharField(max_length=64, blank=True)
    eraser_tensors_sha256 = models.CharField(max_length=64, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    release = models.OneToOneField(
        "basemodels.BaseRelease", null=True, blank=True, on_delete=models.PROTECT, related_name="build"
    )

    parts: RelatedManager[BuildPart]
    grid: RelatedManager[BuildPicture]
    retests: RelatedManager[Retest]

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in BuildState]),
                name="extractions_releasebuild_state_known",
            ),
            models.CheckConstraint(
                condition=Q(base_fingerprint__regex=FINGERPRINT),
                name="extractions_releasebuild_fingerprint_shape",
            ),
            models.UniqueConstraint(
                fields=("base",), condition=Q(state="building"), name="extractions_releasebuild_one_at_a_time_a_base"
            ),
            models.CheckConstraint(
                condition=Q(state="ready", release__isnull=False) | (~Q(state="ready") & Q(release=None)),
                name="extractions_releasebuild_ready_with_its_release",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready")
                | (
                    Q(eraser_file_sha256__regex=SHA256, eraser_tensors_sha256__regex=SHA256)
                    & ~Q(eraser_file="")
                ),
                name="extractions_releasebuild_ready_with_its_eraser",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"build {self.pk} of {self.base}"

    def get_absolute_url(self) -> str:
        return reverse("extractions:build", args=[self.pk])


class BuildPart(models.Model):
    """An extraction in a build, and the plug-in that restores its concept on that release.

    For a single extraction that is the extraction's own plug-in. With others, it is fitted to their combined eraser.
    """

    build = models.ForeignKey(ReleaseBuild, on_delete=models.PROTECT, related_name="parts")
    extraction = models.ForeignKey(Extraction, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveSmallIntegerField()
    plugin_file = models.FileField(upload_to=adapter_path, max_length=200, blank=True)
    plugin_tensors_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("build", "position")
        constraints = (
            models.UniqueConstraint(fields=("build", "extraction"), name="extractions_buildpart_once_a_build"),
            models.UniqueConstraint(fields=("build", "position"), name="extractions_buildpart_one_a_position"),
            models.CheckConstraint(
                condition=Q(plugin_file="", plugin_tensors_sha256="")
                | (~Q(plugin_file="") & Q(plugin_tensors_sha256__regex=SHA256)),
                name="extractions_buildpart_file_with_its_hash",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.extraction.name} in {self.build}"


class BuildPicture(GridPicture):
    of = models.ForeignKey(ReleaseBuild, on_delete=models.PROTECT, related_name="grid")

    @property
    def url(self) -> str:
        return reverse("extractions:build_picture", args=[self.of_id, self.pk])
