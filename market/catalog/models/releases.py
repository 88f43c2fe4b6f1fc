"""Which version of a plug-in draws on a release of its base, where that is another than the one it offers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from market.basemodels.models import BaseRelease
from market.catalog.models.plugins import PlugInVersion


class VersionOnRelease(models.Model):
    """From a release of the base on, a version draws in the place of the one that the plug-in offers, `replaced`.

    It says nothing of releases before, and nothing once the plug-in offers another version. Never changed; taken back by
    deleting it. A trigger holds both versions to one plug-in of the release's base, and the new one to its weights.
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
