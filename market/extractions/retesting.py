"""Published plug-ins on a new release: which are drawn again, with which prompts, and when one counts as dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from market.basemodels.models import BaseRelease
from market.basemodels.samples import SAMPLE_SEED
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.on_release import as_on
from market.catalog.versions import sample_prompts

MOST_MOVED = 0.1
"""Root mean square difference of pixels, 0 to 1, of a sample drawn on both releases. From about this value it is another picture."""
MOST_LOST = 0.1
"""Share of the samples in which the judge saw the concept before but does not now."""


def has_dropped(figures: Mapping[str, Any]) -> bool:
    """Decide whether it dropped: by the counts if a judge knows the concept, else by how far the pictures moved."""
    accuracy = figures.get("accuracy")
    if accuracy:
        return bool(accuracy["before"] - accuracy["after"] > MOST_LOST)
    return bool(figures["moved"] > MOST_MOVED)


def on_sale(release: BaseRelease) -> list[PlugInVersion]:
    """List the versions that buyers draw with on a release and that fit its weights."""
    plugins = PlugIn.objects.published().filter(base=release.base_id).order_by("pk")
    found = plugins.select_related("current_version__plugin__concept", "current_version__plugin__base")
    versions = [plugin.current_version for plugin in as_on(release, found)]
    # A combination for one release is offered on no other, so there is nothing to test.
    return [
        each
        for each in versions
        if each and each.base_fingerprint == release.fingerprint and each.only_release_id is None
    ]


def samples_of(version: PlugInVersion) -> list[tuple[str, int]]:
    """Give the prompts and seeds that a version is drawn again with: those of its samples."""
    samples: list[tuple[str, int]] = [(each.prompt, each.seed) for each in version.samples.all()]
    if samples:
        return samples
    prompts = sample_prompts(version.plugin.concept, version.plugin.base)
    return [(prompt, SAMPLE_SEED + i) for i, prompt in enumerate(prompts)]
