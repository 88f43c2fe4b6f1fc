"""What a prompt seems to want: plug-ins that it names, also misspelt, and those whose concepts mean much the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery
from django.db.models import F

from market.catalog.models import PlugIn
from market.catalog.models.plugins import PlugInQuerySet
from market.catalog.searching import Tuning, Typed, ranked, read
from market.word_vectors import exists

MOST = 3
"""How many are suggested."""
CANDIDATES = 500
"""How many plug-ins with a word of the prompt in their names are looked at."""
NAME_WORDS = 40
"""How many words of a prompt are looked for in names."""
MISSPELT = Tuning(spelt_alike=0.65)
MEANT = Tuning(means_alike=0.45, as_alike_as_best=0.8)
"""Stricter than a search: nobody asked for these."""


@dataclass(frozen=True)
class Suggestion:
    """A plug-in, and the words of the prompt that name it. Without such words the whole prompt describes it."""

    plugin: PlugIn
    said: str = ""


def suggested(plugins: PlugInQuerySet, prompt: str) -> list[Suggestion]:
    """Give those of some plug-ins that a prompt seems to want: what it names first, then what it describes."""
    typed = read(prompt)
    if typed is None:
        return []
    words = _words(prompt)
    named = dict(_named(plugins, words))
    wanted = list(named)
    rare = tuple(word for word in words if len(word) > 3 and not word.isdigit() and not exists(word))
    spoken = " ".join(named.values()).split()
    misspelt = Typed(words="", terms=tuple(word for word in rare if word not in spoken)[:3])
    wanted += ranked(plugins, misspelt, MISSPELT, ["names"])[:MOST]
    wanted += ranked(plugins, typed, MEANT, ["meaning"])[:MOST]
    best = list(dict.fromkeys(wanted))[:MOST]
    known = plugins.with_everything().in_bulk(best)
    return [Suggestion(known[pk], named.get(pk, "")) for pk in best if pk in known]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _named(plugins: PlugInQuerySet, words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Find names and aliases that stand in the prompt as they are, the longest first."""
    asked = [word for word in dict.fromkeys(words) if len(word) > 1][:NAME_WORDS]
    if not asked:
        return
    # A and B are the weights of names and aliases. The words are letters and digits alone.
    query = SearchQuery(" | ".join(f"'{word}':AB" for word in asked), search_type="raw", config="simple")
    rows = plugins.order_by().filter(concept__search_document=query)
    prompt, found = f" {' '.join(words)} ", []
    for pk, names in rows.values_list("pk", F("concept__search_names"))[:CANDIDATES]:
        spoken = [" ".join(_words(name)) for name in names.split(" | ")]
        if said := max((name for name in spoken if name and f" {name} " in prompt), key=len, default=""):
            found.append((pk, said))
    yield from sorted(found, key=lambda each: (-len(each[1]), each[0]))[:MOST]
