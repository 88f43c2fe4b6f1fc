"""Find what a prompt asks for that a release no longer draws, and the plug-ins on sale that bring it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from market.basemodels.models import BaseRelease
from market.catalog.models import ErasedConcept, PlugIn, PlugInVersion
from market.catalog.royalties import plugins_in
from market.generation.limits import MAX_PROMPT
from market.generation.prompt_guard import Guarded, PromptGuard


@dataclass(frozen=True)
class Lost:
    """A concept that was taken out of a release: what calls it (its name first), what describes it, what brings it back.

    plugins: any of them brings it back. They need not be on sale.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...] = ()
    plugins: tuple[int, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A lost concept that a prompt seems to ask for, the words that do so, and a plug-in on sale that brings it back."""

    name: str
    said: str
    plugin: PlugIn | None


def lost_on(release: BaseRelease) -> tuple[Lost, ...]:
    """Give the concepts that were taken out of a release, as their artists name and describe them now."""
    erased = ErasedConcept.objects.filter(release=release).select_related("concept", "version")
    return tuple(map(_lost, erased.order_by("position")))


def _lost(erased: ErasedConcept) -> Lost:
    concept, version = erased.concept, erased.version
    named = [erased.name, *erased.aliases, *([concept.name, *concept.aliases] if concept else [])]
    description = concept.description.strip() if concept else ""
    return Lost(
        names=tuple(dict.fromkeys(filter(None, named))),
        descriptions=(description,) if description else (),
        plugins=(version.plugin_id,) if version else (),
    )


def asked_for(release: BaseRelease, prompt: str, chosen: Sequence[PlugInVersion]) -> list[Asked]:
    """Give the lost concepts that a prompt seems to ask for, unless a chosen version or a part of one brings them back.

    Of long text, only the first part is looked at, as much as a request may have.
    """
    lost = lost_on(release)
    if not lost or not prompt.strip():
        return []
    mentions = _guard(lost).find(prompt[:MAX_PROMPT])
    brought = plugins_in(chosen) if mentions else set()
    found = []
    for mention in mentions:
        concept = lost[mention.concept]
        if not brought.intersection(concept.plugins):
            plugin = PlugIn.objects.published().filter(pk__in=concept.plugins, base=release.base_id).first()
            found.append(Asked(concept.names[0], mention.said, plugin))
    return found


@lru_cache(maxsize=16)
def _guard(lost: tuple[Lost, ...]) -> PromptGuard:
    return PromptGuard([Guarded(number, each.names, each.descriptions) for number, each in enumerate(lost)])
