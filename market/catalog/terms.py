"""What a plug-in costs and allows, and the bounds that its parts set."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from market.basemodels.rises import bound, require_no_jump
from market.catalog.combined import parts_ask, price_of
from market.catalog.models import PlugIn
from market.catalog.models.plugins import MAX_PRICE_MICROS
from market.catalog.publishing import broader_than_parts
from market.ledger.money import formatted
from market.refusals import Reason, invalid


@dataclass(frozen=True)
class Terms:
    """What a plug-in costs and allows."""

    price_micros: int
    allow_commercial: bool = True
    allow_combination: bool = True
    allow_derivatives: bool = True
    require_credit: bool = True

    def __post_init__(self) -> None:
        """Raise Refused for an impossible price."""
        if not 0 <= self.price_micros <= MAX_PRICE_MICROS:
            raise invalid(f"A picture costs at most {formatted(MAX_PRICE_MICROS)}.", field="price_micros")

    @classmethod
    def of(cls, plugin: PlugIn) -> Terms:
        return cls(**{name: getattr(plugin, name) for name in cls.__dataclass_fields__})

    def as_fields(self) -> dict[str, Any]:
        return dict(vars(self))


def require_allowed(plugin: PlugIn, terms: Terms) -> None:
    """Raise Refused if a combined plug-in that is published, or was combined here, does not keep to its parts."""
    if reasons := list(_beyond_parts(plugin, terms)):
        raise invalid(*reasons)


def _beyond_parts(plugin: PlugIn, terms: Terms) -> Iterator[Reason]:
    wished = copy(plugin)
    for name, value in terms.as_fields().items():
        setattr(wished, name, value)
    # A new plug-in has no concept yet.
    combined = bool(plugin.concept_id) and plugin.concept.is_combination
    if combined and plugin.current_version is not None:
        least = price_of(wished, plugin.current_version)
        if terms.price_micros < least:
            yield Reason(
                f"At least {formatted(least)}: less would not pay its parts what they cost.", "price_micros"
            )
    if plugin.is_published or combined:
        yield from map(Reason, broader_than_parts(wished, plugin.current_version))


def change_terms(plugin: PlugIn, terms: Terms) -> None:
    """Keep the new terms. They hold for pictures from now on. Raises Refused."""
    with transaction.atomic():
        # Locked, so that two changes at once are judged one after the other.
        before = PlugIn.objects.select_for_update(no_key=True).get(pk=plugin.pk)
        require_allowed(plugin, terms)
        _require_no_jump(plugin, before, terms)
        _keep(plugin, terms)


def within_rise(plugin: PlugIn, micros: int) -> int:
    """Give a price. If it rises too much, give the most that the plug-in may cost now."""
    limit = bound(plugin.price_micros, offered=plugin.is_published, past=plugin.past_prices.all())
    return min(micros, limit.most) if limit else micros


def _require_no_jump(plugin: PlugIn, before: PlugIn, terms: Terms) -> None:
    """Raise Refused if the price rises more than it may in a day. A combined one may always cost what its parts ask for."""
    version = plugin.current_version if plugin.concept.is_combination else None
    require_no_jump(
        terms.price_micros,
        before.price_micros,
        offered=before.is_published,
        past=before.past_prices.all(),
        field="price_micros",
        free_to=parts_ask(plugin, version) if version else 0,
    )


def _keep(plugin: PlugIn, terms: Terms) -> None:
    changed = {name: value for name, value in terms.as_fields().items() if getattr(plugin, name) != value}
    for name, value in changed.items():
        setattr(plugin, name, value)
    if changed:
        # Only the changed fields: jobs may be writing to the same row.
        plugin.save(update_fields=list(changed))
