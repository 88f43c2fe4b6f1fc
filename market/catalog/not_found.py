"""Why a search does not show a person's own plug-ins. Of anybody else's it says nothing, not even that they are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from market.accounts.models import User
from market.catalog.browsing import browse, filtered
from market.catalog.models import PlugIn, PlugInState
from market.catalog.offering import why_not_offered
from market.catalog.searching import search

MOST = 5
"""How many plug-ins are explained."""
OTHERS_FIRST = "Others match better, and a search shows only the best. Its name, other names and description are what it is found by."
FILTERED_OUT = {
    "kind": "It is no {kind}.",
    "base": "It is for another base model, {own_base}.",
    "family": "It is for another family of models: its base model is {own_base}.",
    "artist": "You searched for the plug-ins of another artist.",
    "max_price": "A picture costs more than that.",
    "commercial": "Its licence allows no commercial use.",
    "combination": "Its licence does not allow that it is combined.",
    "derivatives": "Its licence does not allow that pictures are edited.",
    "no_credit": "Its licence asks for credit.",
}


@dataclass(frozen=True)
class NotFound:
    """A plug-in of the person who searches, and why others who search the same do not find it."""

    plugin: PlugIn
    reasons: tuple[str, ...]


def not_found(person: object, chosen: dict[str, Any]) -> tuple[NotFound, ...]:
    """Give a person's own plug-ins that answer the words of a search and are not among what it found."""
    if not isinstance(person, User) or "q" not in chosen:
        return ()
    own = PlugIn.objects.filter(owner=person)
    if not own.exists():
        return ()
    # Ids first: the places of a search within a search would be those of its first one.
    shown = set(browse(chosen).order_by().filter(owner=person).values_list("pk", flat=True))
    meant = search(own, chosen["q"]).exclude(pk__in=shown).with_everything()
    return tuple(NotFound(plugin, tuple(_reasons(plugin, chosen))) for plugin in meant[:MOST])


def _reasons(plugin: PlugIn, chosen: dict[str, Any]) -> Iterator[str]:
    yield from (*_not_on_sale(plugin), *_filtered_out(plugin, chosen)) or (OTHERS_FIRST,)


def _not_on_sale(plugin: PlugIn) -> Iterator[str]:
    if plugin.state == PlugInState.WITHDRAWN:
        yield "You withdrew it from the market."
    elif plugin.state == PlugInState.DRAFT and plugin.current_version_id is None:
        yield "It is not on sale: it has no version yet."
    elif plugin.state == PlugInState.DRAFT:
        yield "It is not on sale: you have not published it."
    if why := why_not_offered(plugin):
        yield why
    if not plugin.base.listed:
        yield f"Its base model, {plugin.base.name}, is not on the market at present."


def _filtered_out(plugin: PlugIn, chosen: dict[str, Any]) -> Iterator[str]:
    this = PlugIn.objects.filter(pk=plugin.pk)
    for name, words in FILTERED_OUT.items():
        if name in chosen and not filtered(this, {name: chosen[name]}).exists():
            yield words.format(kind=chosen.get("kind"), own_base=plugin.base.name)
