"""Putting a plug-in on the market: what must be true before anybody can use it."""

from __future__ import annotations

from market.accounts.models import User
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.offering import barred_among, bars_to_a_version
from market.catalog.royalties import parts_within
from market.refusals import Refused


def obstacles(plugin: PlugIn, by: User) -> list[str]:
    """Say why the plug-in cannot be published now; empty when it can."""
    found = []
    if plugin.owner_id != by.pk or not by.is_artist:
        found.append("Only its artist can publish a plug-in.")
    if plugin.current_version is None:
        found.append("There is no version yet: the addition has to finish first.")
    elif not plugin.current_version.fits_its_base:
        found.append(
            f"Version {plugin.current_version.number} was made for other weights of {plugin.base.name}. "
            "Start the addition again."
        )
    if not plugin.base.listed:
        found.append(f"{plugin.base.name} is not offered at present.")
    if not plugin.concept.is_combination and not plugin.concept.has_current_affirmation():
        found.append("Affirm your rights to the concept again: the text has changed since.")
    found += bars_to_a_version(plugin.concept, by)
    if plugin.taken_down_at is None and plugin.current_version and barred_among([plugin.current_version]):
        found.append("A plug-in that it was combined from is taken down. Combine it again without that one.")
    return found + broader_than_parts(plugin, plugin.current_version)


def broader_than_parts(plugin: PlugIn, version: PlugInVersion | None) -> list[str]:
    """Say what a combined plug-in's licence allows that the licence of another artist's part does not."""
    if version is None:
        return []
    inner = [each.part for listed in parts_within([version]).values() for each in listed if each.part]
    parts = {each.plugin_id: each.plugin for each in inner if each.plugin.owner_id != plugin.owner_id}
    found = []
    for part in parts.values():
        named = f"“{part.name}” by {part.owner}, a part of this plug-in,"
        if plugin.allow_commercial and not part.allow_commercial:
            found.append(f"{named} allows no commercial use: switch it off here, too.")
        if plugin.allow_derivatives and not part.allow_derivatives:
            found.append(f"{named} allows no edits: switch derivatives off here, too.")
        if part.require_credit and not plugin.require_credit:
            found.append(f"{named} requires credit: require it here, too.")
    return found


def publish(plugin: PlugIn, by: User) -> None:
    """Offer the plug-in to everybody. Publishing twice is no error. Raises Refused."""
    reasons = obstacles(plugin, by)
    if reasons:
        raise Refused(*reasons)
    plugin.publish()


def use_version(plugin: PlugIn, version: PlugInVersion) -> None:
    """Make another version the one that pictures are made with from now on. Raises Refused."""
    if version.base_fingerprint != plugin.base.fingerprint:
        raise Refused(f"Version {version.number} was made for other weights of {plugin.base.name}.")
    if plugin.is_published and (reasons := broader_than_parts(plugin, version)):
        raise Refused(*reasons)
    PlugIn.objects.filter(pk=plugin.pk).update(current_version=version)
    plugin.current_version = version
