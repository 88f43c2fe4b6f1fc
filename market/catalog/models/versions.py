"""A plug-in's versions: their weights, the samples that show what they draw, and the parts that they were combined from."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from market.basemodels.models import FINGERPRINT, BaseRelease
from market.catalog.models.plugins import PlugIn
from market.catalog.models.works import SHA256
from market.jobs.models import Job
from market.ledger.splits import BASIS_POINTS

PART_NAME_LENGTH = 120
CHANGELOG_LENGTH = 200


def version_path(version: PlugInVersion, filename: str) -> str:
    return f"plugins/{version.plugin_id}/{uuid.uuid4().hex}.safetensors"


def sample_path(sample: PlugInSample, filename: str) -> str:
    return f"plugins/{sample.version.plugin_id}/samples/{uuid.uuid4().hex}.png"


def plain_path(sample: PlugInSample, filename: str) -> str:
    return f"plugins/{sample.version.plugin_id}/samples/{uuid.uuid4().hex}-plain.png"


class PlugInVersion(models.Model):
    """The weights that one addition or upload made. The database also refuses changes."""

    plugin = models.ForeignKey(PlugIn, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    file = models.FileField(upload_to=version_path, max_length=200)
    byte_size = models.PositiveIntegerField()
    file_sha256 = models.CharField(max_length=64)
    tensors_sha256 = models.CharField(max_length=64)
    base_fingerprint = models.CharField(max_length=64)
    rank = models.PositiveIntegerField()
    figures = models.JSONField(default=dict, blank=True)
    works_count = models.PositiveIntegerField(help_text="0: it was uploaded as a file, or combined.")
    parts_count = models.PositiveSmallIntegerField(
        default=0, help_text="How many parts its file says it was combined from."
    )
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="plugin_version")
    affirmation = models.ForeignKey(
        "catalog.RightsAffirmation",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="plugin_versions",
        help_text="None of what was combined on the market: there are no works, and the parts have their own.",
    )
    only_release = models.ForeignKey(
        BaseRelease,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The one release it is for: a part of it restores what that release lacks. None: all of these weights.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "plug-in version"
        ordering = ["plugin", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["plugin", "number"], name="catalog_pluginversion_number_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1), name="catalog_pluginversion_numbered_from_one"
            ),
            models.CheckConstraint(
                condition=Q(file_sha256__regex=SHA256, tensors_sha256__regex=SHA256),
                name="catalog_pluginversion_hash_shapes",
            ),
            models.CheckConstraint(
                condition=Q(base_fingerprint__regex=FINGERPRINT),
                name="catalog_pluginversion_fingerprint_shape",
            ),
            models.CheckConstraint(
                condition=Q(rank__gte=1, byte_size__gte=1), name="catalog_pluginversion_has_weights"
            ),
            models.CheckConstraint(
                condition=Q(affirmation__isnull=False) | Q(parts_count__gte=2, works_count=0),
                name="catalog_pluginversion_affirmed_or_combined",
            ),
            models.CheckConstraint(
                condition=Q(only_release__isnull=True) | Q(parts_count__gte=2),
                name="catalog_pluginversion_one_release_if_combined",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plugin}, version {self.number}"

    def divided_parts(self) -> list[tuple[PlugInPart, float]]:
        """Pair the parts of a combined version with each one's percentage of its fee."""
        listed = list(self.parts.select_related("part__plugin__concept", "part__plugin__owner"))
        whole = sum(each.share for each in listed)
        return [(each, 100 * each.share / whole) for each in listed]

    @property
    def fits_its_base(self) -> bool:
        """Whether the base model still has the weights for which this version was made."""
        return self.base_fingerprint == self.plugin.base.fingerprint


class PlugInOriginal(models.Model):
    """The file of an upload as it came, so that a better reader can read it again. Nobody is given it.

    `reading` is the engine's number for the reading that the version is known to agree with. A later reading that does not agree
    says by how much (`differs`, as a share of the effect), or why it refuses the file.
    """

    version = models.OneToOneField(PlugInVersion, on_delete=models.PROTECT, related_name="original")
    file = models.FileField(max_length=200)
    sha256 = models.CharField(max_length=64)
    reading = models.PositiveSmallIntegerField()
    differs = models.FloatField(null=True, blank=True)
    refusal = models.TextField(blank=True)
    job = models.ForeignKey(
        Job,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The latest job that read it again.",
    )

    class Meta:
        verbose_name = "file of an upload"
        verbose_name_plural = "files of uploads"
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=SHA256), name="catalog_original_hash_shape"),
            models.CheckConstraint(
                condition=Q(differs__isnull=True) | Q(refusal=""), name="catalog_original_one_finding"
            ),
        ]

    def __str__(self) -> str:
        return f"file of {self.version}"

    @property
    def is_misread(self) -> bool:
        """Whether the version is not what its file is read as by now."""
        return self.differs is not None or self.refusal != ""


class PlugInSample(models.Model):
    """A picture made with a version when it was new, to show what it does."""

    version = models.ForeignKey(PlugInVersion, on_delete=models.PROTECT, related_name="samples")
    position = models.PositiveSmallIntegerField()
    prompt = models.CharField(max_length=500)
    seed = models.BigIntegerField()
    file = models.FileField(upload_to=sample_path, max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    plain = models.FileField(
        upload_to=plain_path,
        max_length=200,
        blank=True,
        help_text="What the base draws of the same prompt and seed without the version. Empty: it was not drawn.",
    )

    class Meta:
        verbose_name = "sample"
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="catalog_pluginsample_position_once")
        ]

    def __str__(self) -> str:
        return self.prompt

    @property
    def url(self) -> str:
        return reverse("catalog:sample", args=[self.version.plugin_id, self.pk])

    @property
    def plain_url(self) -> str:
        """The address of the base's own picture; empty if it was not drawn."""
        return reverse("catalog:plain_sample", args=[self.version.plugin_id, self.pk]) if self.plain else ""


class ChangelogLine(models.Model):
    """What is new in a version, in its artist's words, for everybody to read. The artist may change it; the version stays."""

    version = models.OneToOneField(
        PlugInVersion, on_delete=models.PROTECT, primary_key=True, related_name="changelog_line"
    )
    text = models.CharField(max_length=CHANGELOG_LENGTH)
    written_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "line of a changelog"
        verbose_name_plural = "lines of changelogs"
        constraints = [
            models.CheckConstraint(
                condition=Q(text__regex=r"\S") & ~Q(text__regex=r"[\n\r]"),
                name="catalog_changelogline_is_a_line",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class PlugInPart(models.Model):
    """One plug-in that a version was combined from. It gets `share` divided by the sum of the version's shares.

    A row without a `part` is a plug-in that this market does not have: its share is the version's owner's. Rows are never
    changed. They are written together with the version, which counts its parts. A part is older than the version that contains
    it, so nothing is a part of itself.
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
