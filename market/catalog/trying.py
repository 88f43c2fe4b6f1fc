"""On which release of its base a new version is tried."""

from __future__ import annotations

from market.basemodels.models import BaseRelease


def release_to_try(plugin: int, fingerprint: str) -> BaseRelease:
    """Give the release that a plug-in for these weights is tried on: the one in use, else the latest."""
    releases = BaseRelease.objects.select_related("base").filter(
        base__plugins=plugin, fingerprint=fingerprint
    )
    return releases.order_by("-is_default", "-number")[:1].get()
