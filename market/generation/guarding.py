"""What a prompt asks for that a release no longer draws, and the plug-ins on sale that bring it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from market.basemodels.models import BaseRelease
from market.catalog.models import PlugIn, PlugInVersion
from market.catalog.royalties import plugins_in
from market.generation.limits import MAX_PROMPT
from market.generation.prompt_guard import Guarded, PromptGuard


@dataclass(frozen=True)
class Lost:
    """A concept that was taken out of a release: what calls it (its name first), what describes it, what brings it back.

    plugins: those of which one brings it back; they need not be on sale.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...] = ()
    plugins: tuple[int, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A lost concept that a prompt seems to ask for, in which words, and a plug-in on sale that brings it back."""

    name: str
    said: str
    plugin: PlugIn | None


_finders: list[Callable[[BaseRelease], Sequence[Lost]]] = []


def register_lost(finder: Callable[[BaseRelease], Sequence[Lost]]) -> None:
    """Let an app that takes concepts out of bases say which a release lacks. Called from `AppConfig.ready()`."""
    if finder not in _finders:
        _finders.append(finder)


def asked_for(release: BaseRelease, prompt: str, chosen: Sequence[PlugInVersion]) -> list[Asked]:
    """Give the lost concepts that a prompt seems to ask for and that none of the chosen versions, nor a part in one, brings back.

    Of what is typed, only so much is looked at as a request may have.
    """
    lost = tuple(each for finder in _finders for each in finder(release))
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
