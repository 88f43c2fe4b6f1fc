"""What subjects and references stand for, in words and with a link. Apps that make them register how.

"plugin-version:12" and "generation:<uuid>" are opaque to the ledger. The names it shows where nobody can
describe one are those written down with the entry when it was paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Described:
    """Something money was paid for. Subjects with one `group` are shown together, as versions of a plug-in are."""

    label: str
    href: str = ""
    group: str = ""


Describer = Callable[[Iterable[str]], Mapping[str, Described]]

_describers: dict[str, Describer] = {}


def register(prefix: str, describer: Describer) -> None:
    """Describe names of the form PREFIX:ID; the describer is given the ids. `market/wiring.py` lists them."""
    _describers[prefix] = describer


def describe(names: Iterable[str], fallback: Mapping[str, str] | None = None) -> dict[str, Described]:
    """Describe every name, in one call per prefix; where nobody can, by the fallback or the name itself."""
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
