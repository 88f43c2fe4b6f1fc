"""Offers: how plug-ins stand to a person on a release. Pages, prices and combinations all ask here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from market.accounts.models import User
from market.basemodels.models import BaseRelease
from market.catalog.combined import price_of
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.on_release import as_on, unneeded_on
from market.catalog.royalties import Royalty, royalties

NOT_OFFERED = "A chosen plug-in is not offered (any more). Remove it and choose another."


@dataclass(frozen=True)
class Offer:
    """A plug-in's version on a release, for one person.

    version: the one that draws there. None before there is any.
    price_micros: for a picture, whoever pays it. The payer's own part of it is not charged.
    royalties: who divides the price.
    needed: False if it would change nothing: it restores what the release never lost.
    usable: whether the person may draw with it.
    misfit: why its weights do not fit the release, in words for a person. "" if they fit.
    """

    plugin: PlugIn
    version: PlugInVersion | None
    price_micros: int
    royalties: Sequence[Royalty]
    needed: bool
    usable: bool
    misfit: str

    @property
    def refusal(self) -> str:
        """Why the person cannot draw with it. "" if they can."""
        return self.misfit if self.usable and self.version else NOT_OFFERED


def offers_on(
    release: BaseRelease, plugins: Iterable[PlugIn], person: User, prices_at: datetime | None = None
) -> list[Offer]:
    """Give the offer of each plug-in, in the given order. If a moment is given, prices are those just before it."""
    drawing = as_on(release, plugins)
    versions = [plugin.current_version for plugin in drawing if plugin.current_version is not None]
    divided = royalties(drawing)
    unneeded = unneeded_on(release, versions)
    usable = set(
        PlugIn.objects.usable_by(person)
        .filter(pk__in=[each.pk for each in drawing])
        .values_list("pk", flat=True)
    )
    return [
        Offer(
            plugin=plugin,
            version=version,
            price_micros=price_of(plugin, version, prices_at) if version else plugin.price_micros,
            royalties=divided.get(version.pk, []) if version else [],
            needed=version is None or version.pk not in unneeded,
            usable=plugin.pk in usable,
            misfit=_misfit(release, plugin, version),
        )
        for plugin in drawing
        for version in [plugin.current_version]
    ]


def _misfit(release: BaseRelease, plugin: PlugIn, version: PlugInVersion | None) -> str:
    if version is None:
        return f"“{plugin.name}” has no version yet."
    if plugin.base_id != release.base_id:
        return (
            f"“{plugin.name}” was made for {plugin.base.name}, not for {release}. "
            "Choose that base, or a plug-in made for this one."
        )
    if version.base_fingerprint != release.fingerprint:
        return (
            f"“{plugin.name}” was made for other weights of {plugin.base.name} than it has now. Leave it out."
        )
    if version.only_release is not None and version.only_release_id != release.pk:
        return (
            f"“{plugin.name}” was combined for release {version.only_release.number} of {plugin.base.name}: a part of it restores "
            f"what that release lacks. Release {release.number} is in use now; combine it again for that."
        )
    return ""
