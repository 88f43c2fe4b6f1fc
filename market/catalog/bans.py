"""What plug-ins must not be used for, with what the plug-ins in them bring along."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from market.catalog.models import BannedUse, PlugIn, PlugInVersion
from market.catalog.royalties import parts_within


def bans_on(versions: Collection[PlugInVersion]) -> list[BannedUse]:
    """Give the bans that bind whoever uses these versions: of their plug-ins, and of the plug-ins that they were combined from.

    A part's ban counts where it was there when the combination around the part was asked for. Whoever paid for that combination
    keeps what they paid for.
    """
    within = parts_within(versions)
    asked_at = dict(PlugInVersion.objects.filter(pk__in=within).values_list("pk", "job__created_at"))
    # By the plug-in of a part: when the latest combination around it was asked for.
    latest: dict[int, datetime] = {}
    for around, listed in within.items():
        for each in listed:
            if each.part:
                plugin = each.part.plugin_id
                latest[plugin] = max(latest.get(plugin, asked_at[around]), asked_at[around])
    direct = {version.plugin_id for version in versions}
    found = BannedUse.objects.filter(plugin__in={*direct, *latest}).select_related(
        "plugin__concept", "plugin__owner"
    )
    return [each for each in found if each.plugin_id in direct or each.since <= latest[each.plugin_id]]


def bans_of(plugin: PlugIn) -> list[BannedUse]:
    """Give what a plug-in must not be used for now. Its own come first."""
    if plugin.current_version is None:
        return list(plugin.banned_uses.select_related("plugin__concept", "plugin__owner"))
    return sorted(bans_on([plugin.current_version]), key=lambda each: (each.plugin_id != plugin.pk, each.pk))
