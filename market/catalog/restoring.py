"""Plug-ins that bring a lost concept back, where nothing was lost: they would change no picture, so nobody pays for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from market.basemodels.models import BaseRelease
from market.catalog.models import PlugInVersion

Finder = Callable[[BaseRelease, Collection[PlugInVersion]], Iterable[PlugInVersion]]

_finders: list[Finder] = []


def register_unneeded(finder: Finder) -> None:
    """Let an app that takes concepts out of bases say which versions have nothing to bring back on a release.

    Called from `AppConfig.ready()`.
    """
    if finder not in _finders:
        _finders.append(finder)


def unneeded_on(release: BaseRelease, versions: Collection[PlugInVersion]) -> set[int]:
    """Give the ids of those versions that would change nothing on a release."""
    return {version.pk for finder in _finders for version in finder(release, versions)} if versions else set()
