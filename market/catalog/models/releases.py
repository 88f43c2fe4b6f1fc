"""How a release of a base affects plug-ins: which concepts it lacks, and which versions replace those on offer."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from market.basemodels.models import BaseRelease
from market.catalog.models.concepts import MAX_ALIASES, NAME_LENGTH, Concept
from market.catalog.models.versions import PlugInVersion


class VersionOnRelease(models.Model):
    """From a release of the base on, `version` draws in place of `replaced`, the one that the plug-in offers.

    It does not hold for earlier releases, nor once the plug-in offers another version. It is never changed, and undone by
    deleting it. A trigger requires that both versions are of one plug-in for the release's base, and that the new one fits its
    weights.
    """

    release = models.ForeignKey(BaseRelease, on_delete=models.PROTECT, related_name="+")
    replaced = models.ForeignKey(PlugInVersion, on_delete=models.PROTECT, related_name="replacements")
    version = models.ForeignKey(PlugInVersion, on_delete=models.PROTECT, related_name="replacing")
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "version on a release"
        verbose_name_plural = "versions on releases"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "replaced"], name="catalog_versiononrelease_one_a_release"
            ),
            models.CheckConstraint(
                condition=~Q(replaced=F("version")), name="catalog_versiononrelease_is_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} from {self.release} on"


class ErasedConcept(models.Model):
    """A concept that was taken out of a release, and the version that restores it there. Never changed; made with the release."""

    release = models.ForeignKey(BaseRelease, on_delete=models.PROTECT, related_name="erased")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=NAME_LENGTH, help_text="As prompts to the base called it.")
    aliases = ArrayField(models.CharField(max_length=NAME_LENGTH), size=MAX_ALIASES, default=list, blank=True)
    concept = models.ForeignKey(
        Concept,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose it is; none: nothing that restores it is offered.",
    )
    version = models.ForeignKey(
        PlugInVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="erased"
    )

    class Meta:
        verbose_name = "erased concept"
        ordering = ["release", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "position"], name="catalog_erasedconcept_one_a_position"
            ),
            models.UniqueConstraint(
                fields=["release", "version"], name="catalog_erasedconcept_restored_once_a_release"
            ),
            models.CheckConstraint(
                condition=Q(version=None) | Q(concept__isnull=False),
                name="catalog_erasedconcept_restored_by_its_concepts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} out of {self.release}"
