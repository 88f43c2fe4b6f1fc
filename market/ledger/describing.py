"""Describe subjects and references in words, with a link. The apps that make them register how.

"plugin-version:12" and "generation:<uuid>" are opaque to the ledger. If no app can describe one, the ledger shows the name that
was written down with the entry when it was paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Described:
    """Something money was paid for. Subjects with the same `group` are shown together, like versions of a plug-in."""

    label: str
    href: str = ""
    group: str = ""


Describer = Callable[[Iterable[str]], Mapping[str, Described]]

_describers: dict[str, Describer] = {}


def register(prefix: str, describer: Describer) -> None:
    """Register how to describe names of the form PREFIX:ID. The describer gets the ids. `market/wiring.py` lists the describers."""
    _describers[prefix] = describer


def describe(names: Iterable[str], fallback: Mapping[str, str] | None = None) -> dict[str, Described]:
    """Describe every name, in one call per prefix. If no app can, use the fallback or the name itself."""
    by_prefix: dict[str, set[str]] = {}
    wanted = set(names)
    for name in wanted:
        prefix, _, rest = name.partition(":")
        by_prefix.setdefault(prefix, set()).add(rest)
    described: dict[str, Described] = {}
    for prefix, ids in by_prefix.items():
        known = _describers[prefix](ids) if prefix in _describers else {}
        described |= {f"{prefix}:{pk}": found for pk, found in known.items()}
    for name in wanted - described.keys():
        described[name] = Described(label=(fallback or {}).get(name) or name or "Other", group=name)
    return described
