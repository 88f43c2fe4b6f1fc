"""Facets: what a search could be narrowed to, and how many plug-ins would be left.

Of a facet that is chosen already, the other values are counted as if it were not. So a person can change their mind about one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.browsing import LICENCES, PRICE, narrowed
from market.catalog.models import ConceptKind, PlugIn
from market.catalog.models.plugins import PlugInQuerySet
from market.ledger.money import formatted

MOST_VALUES = 8
"""How many values of a facet are given, those with the most plug-ins."""
PRICES = (0, 20_000, 50_000, 100_000, 500_000)
"""Micro-euros for a picture: at most so much."""
TITLES = {
    "kind": "Kind", "base": "Base model", "family": "Family of models", "max_price": "Price of a picture", "licence": "Licence",
    "artist": "Artist",
}  # fmt: skip
LICENCE_TITLES = {
    "commercial": "Commercial use", "combination": "May be combined", "derivatives": "May be edited", "no_credit": "No credit required",
}  # fmt: skip
ON = "on"

_COUNT = """
SELECT GROUPING(kind_, base_, family_, artist_), kind_, base_, family_, artist_, count(*),
       count(*) FILTER (WHERE commercial_), count(*) FILTER (WHERE combination_),
       count(*) FILTER (WHERE derivatives_), count(*) FILTER (WHERE NOT credit_), {prices}
  FROM ({found}) found
 GROUP BY GROUPING SETS ((kind_), (base_), (family_), (artist_), ())
"""
# In what GROUPING gives, a column that is not grouped by has its bit set.
_GROUPED = {0b0111: "kind", 0b1011: "base", 0b1101: "family", 0b1110: "artist"}
_COLUMNS = {
    "kind_": F("concept__kind"), "base_": F("base_id"), "family_": F("base__family"), "artist_": F("owner_id"),
    "commercial_": F("allow_commercial"), "combination_": F("allow_combination"), "derivatives_": F("allow_derivatives"),
    "credit_": F("require_credit"), "price_": PRICE,
}  # fmt: skip

Counts = dict[str, Counter[Any]]


@dataclass(frozen=True)
class Value:
    """One value of a facet: `parameter`=`value` in an address narrows to it. count: how many plug-ins it leaves."""

    parameter: str
    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Facet:
    name: str
    title: str
    values: tuple[Value, ...]


def facets_of(chosen: dict[str, Any]) -> tuple[Facet, ...]:
    """Give the facets of what is chosen in a BrowseForm. Those that would not narrow it are left out."""
    now = _counted(chosen)
    counts = {
        name: _counted({other: value for other, value in chosen.items() if other != name})[name]
        if name in chosen
        else now[name]
        for name in ("kind", "base", "family", "artist", "max_price")
    }
    facets = (
        Facet("kind", TITLES["kind"], _of(counts["kind"], "kind", chosen, dict(ConceptKind.choices))),
        Facet("base", TITLES["base"], tuple(_bases(counts["base"], chosen))),
        Facet("family", TITLES["family"], _of(counts["family"], "family", chosen)),
        Facet("max_price", TITLES["max_price"], tuple(_prices(counts["max_price"], chosen))),
        Facet("licence", TITLES["licence"], tuple(_licences(now["licence"], chosen))),
        Facet("artist", TITLES["artist"], tuple(_artists(counts["artist"], chosen))),
    )
    return tuple(
        facet for facet in facets if len(facet.values) > 1 or any(each.chosen for each in facet.values)
    )


def _counted(chosen: dict[str, Any]) -> Counts:
    counts: Counts = {name: Counter() for name in TITLES}
    for row in _rows(narrowed(PlugIn.objects.published(), chosen)):
        grouping, values, many, more = row[0], row[1:5], row[5], row[6:]
        if name := _GROUPED.get(grouping):
            (value,) = [each for each in values if each is not None]
            counts[name][value] = many
        else:
            counts["licence"] = Counter(dict(zip(LICENCES, more, strict=False)))
            counts["max_price"] = Counter(dict(zip(PRICES, more[len(LICENCES) :], strict=True)))
    return counts


def _rows(found: PlugInQuerySet) -> list[Any]:
    try:
        sql, parameters = found.order_by().values(**_COLUMNS).query.sql_with_params()
    except EmptyResultSet:
        return []
    prices = ", ".join(f"count(*) FILTER (WHERE price_ <= {most})" for most in PRICES)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(prices=prices, found=sql), parameters)
        return list(cursor.fetchall())


def _of(
    counts: Counter[Any], name: str, chosen: dict[str, Any], labels: dict[str, str] | None = None
) -> tuple[Value, ...]:
    now = chosen.get(name)
    return tuple(
        Value(name, value, (labels or {}).get(value, value), count, value == now)
        for value, count in _most(counts, now)
        if value
    )


def _most(counts: Counter[Any], now: Any) -> Iterable[tuple[Any, int]]:
    """The commonest values, and the chosen one however rare it is."""
    most = sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))[:MOST_VALUES]
    return most if now is None or now in dict(most) else [*most, (now, counts[now])]


def _bases(counts: Counter[Any], chosen: dict[str, Any]) -> Iterator[Value]:
    now = chosen.get("base")
    most = _most(counts, now and now.pk)
    known = BaseModel.objects.in_bulk([pk for pk, _ in most])
    for pk, count in most:
        yield Value("base", known[pk].slug, known[pk].name, count, known[pk] == now)


def _artists(counts: Counter[Any], chosen: dict[str, Any]) -> Iterator[Value]:
    now = chosen.get("artist")
    most = _most(counts, now and now.pk)
    known = User.objects.in_bulk([pk for pk, _ in most])
    for pk, count in most:
        yield Value("artist", known[pk].handle, str(known[pk]), count, known[pk] == now)


def _prices(counts: Counter[Any], chosen: dict[str, Any]) -> Iterator[Value]:
    """Prices that leave some and not all, and the chosen one."""
    now, before = chosen.get("max_price"), 0
    for most in PRICES:
        if counts[most] > before or most == now:
            label = f"At most {formatted(most)}" if most else "Free"
            yield Value("max_price", f"{most / 1_000_000:g}", label, counts[most], most == now)
        before = counts[most]


def _licences(counts: Counter[Any], chosen: dict[str, Any]) -> Iterator[Value]:
    for name in LICENCES:
        if counts[name] or name in chosen:
            yield Value(name, ON, LICENCE_TITLES[name], counts[name], name in chosen)
