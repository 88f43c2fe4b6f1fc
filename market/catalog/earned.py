"""What a plug-in has earned its artist, for its page, if they show it."""

from __future__ import annotations

from market.catalog.models import PlugIn
from market.catalog.models.plugins import plugin_subject
from market.ledger.queries import earned_by_subject


def earned_so_far(plugin: PlugIn) -> int:
    """Sum what its owner was paid for pictures made with any of its versions. What it earned within combinations is theirs."""
    sums = earned_by_subject(plugin.owner)
    versions = plugin.versions.values_list("pk", flat=True)
    return sum(sums.get(plugin_subject(pk), 0) for pk in versions)


def shown_earnings(plugin: PlugIn) -> int | None:
    """Give what it earned, if its artist lets everybody see it."""
    return earned_so_far(plugin) if plugin.shows_earnings else None


def show_earnings(plugin: PlugIn, *, shown: bool) -> None:
    """Let everybody see what it earned, or nobody but its artist."""
    PlugIn.objects.filter(pk=plugin.pk).update(shows_earnings=shown)
    plugin.shows_earnings = shown
