"""What a release no longer draws, for whoever has to know."""

from __future__ import annotations

from market.basemodels.models import BaseRelease
from market.extractions.models import BuildPart
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
