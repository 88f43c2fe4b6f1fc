"""Plug-ins on one release of their base: the version of each that draws there, and those with no effect there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy

from market.basemodels.models import BaseRelease
from market.catalog.models import ErasedConcept, PlugIn, PlugInVersion, VersionOnRelease


def as_on(release: BaseRelease, plugins: Iterable[PlugIn]) -> list[PlugIn]:
    """Give plug-ins whose current version is the one that draws on a release. Read them, but never save them.

    A replacement made on an earlier release also holds on this one, until there is another.
    """
    listed = list(plugins)
    placed = VersionOnRelease.objects.filter(
        replaced__in=[plugin.current_version_id for plugin in listed if plugin.current_version_id],
        release__base=release.base_id,
        release__number__lte=release.number,
        version__base_fingerprint=release.fingerprint,
    )
    latest = {
        each.replaced_id: each.version
        for each in placed.select_related("version").order_by("release__number")
    }
    return [_drawing(plugin, latest.get(plugin.current_version_id or 0)) for plugin in listed]


def _drawing(plugin: PlugIn, version: PlugInVersion | None) -> PlugIn:
    if version is None:
        return plugin
    drawing = copy(plugin)
    drawing.current_version = version
    return drawing


def restores(version: PlugInVersion) -> bool:
    """Whether a version, or a part of it, restores what was taken out of a base."""
    return version.only_release_id is not None or version.erased.exists()


def unneeded_on(release: BaseRelease, versions: Collection[PlugInVersion]) -> set[int]:
    """Give the ids of versions that would change nothing on a release: they restore a concept it never lost."""
    erased = ErasedConcept.objects.filter(version__in=versions)
    return set(erased.values_list("version", flat=True)) - set(
        erased.filter(release=release).values_list("version", flat=True)
    )
