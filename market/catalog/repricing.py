"""Stored prices of combined plug-ins, by which lists are filtered and ordered.

The database notes each change of a price or of an offered version, and the next sweep brings the stored prices up to date. The
price of a picture never comes from here: `market.catalog.combined` works it out at that moment.
"""

from __future__ import annotations

from django.db import transaction

from market.catalog.combined import parts_ask
from market.catalog.models import ConceptKind, PlugIn, PriceChange
from market.catalog.offering import versions_with

AT_ONCE = 200


def reprice_combined() -> int:
    """Store what the parts of combined plug-ins ask for now. Give how many changed."""
    with transaction.atomic():
        changes = list(PriceChange.objects.select_for_update(skip_locked=True).order_by("pk")[:AT_ONCE])
        if not changes:
            return 0
        with_them = versions_with(*{change.plugin_id for change in changes})
        combined = PlugIn.objects.filter(
            current_version__in=with_them, concept__kind=ConceptKind.COMBINATION
        ).with_everything()
        repriced = [plugin for plugin in combined.order_by("pk") if _kept_another(plugin)]
        PlugIn.objects.bulk_update(repriced, ["parts_micros"])
        PriceChange.objects.filter(pk__in=[change.pk for change in changes]).delete()
    return len(repriced)


def _kept_another(plugin: PlugIn) -> bool:
    before = plugin.parts_micros
    if plugin.current_version is not None:
        plugin.parts_micros = parts_ask(plugin, plugin.current_version)
    return plugin.parts_micros != before
