"""What a release no longer draws, and what it never lost, for whoever has to know."""

from __future__ import annotations

from collections.abc import Collection

from market.basemodels.models import BaseRelease
from market.catalog.models import PlugInVersion
from market.extractions.models import BuildPart, Extraction
from market.generation.guarding import Lost


def lost_on(release: BaseRelease) -> list[Lost]:
    """Give the concepts that were taken out of a release, in the order in which they were."""
    parts = BuildPart.objects.filter(build__release=release).select_related(
        "extraction__version", "extraction__concept"
    )
    found = []
    for part in parts.order_by("position"):
        extraction = part.extraction
        concept, version = extraction.concept, extraction.version
        names = dict.fromkeys(
            [extraction.name, *extraction.aliases, *([concept.name, *concept.aliases] if concept else [])]
        )
        description = concept.description.strip() if concept else ""
        found.append(
            Lost(
                tuple(filter(None, names)),
                (description,) if description else (),
                (version.plugin_id,) if version else (),
            )
        )
    return found


def restores(version: PlugInVersion) -> bool:
    """Whether a version restores what was taken out of a base, by itself or by a part."""
    return version.only_release_id is not None or Extraction.objects.filter(version=version).exists()


def never_lost_on(release: BaseRelease, versions: Collection[PlugInVersion]) -> list[PlugInVersion]:
    """Give the versions whose concept was taken out of the base, but not of this release: they have nothing to restore there."""
    extracted = Extraction.objects.filter(version__in=versions).exclude(parts__build__release=release)
    found = set(extracted.values_list("version", flat=True))
    return [version for version in versions if version.pk in found]
