"""Who divides a plug-in's fee: its owner, its co-owners, and for a combined one those of its parts at any depth.

The fee of a version without parts goes to its owner, less what its co-owners have accepted. The fee of a combined version is
first divided among its parts by their shares. Each known part's share is divided further, as that part's own fee would be. What
no known part takes is the version's own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from market.accounts.models import User
from market.catalog.models import CoOwnerTerms, PlugIn, PlugInPart, PlugInVersion
from market.ledger.splits import BASIS_POINTS

MAX_DEPTH = 5
"""The most levels of parts within parts. An upload with more is refused."""

PartsOf = Mapping[int, Sequence[PlugInPart]]


@dataclass(frozen=True)
class Royalty:
    """One person's part of a fee: `weight` of the sum of all weights. `through` names the parts through which it comes."""

    person: User
    weight: int
    through: str
    percent: float


@dataclass(frozen=True)
class _Claim:
    """A part of a fee on one way to one person: the parts that it comes through, the innermost first."""

    person: User
    part: Fraction
    way: tuple[PlugIn, ...] = ()


def royalties(plugins: Iterable[PlugIn]) -> dict[int, list[Royalty]]:
    """Give who divides the fee of each plug-in's offered version now, by the version's id.

    The highest part comes first. A plug-in without a version is left out.
    """
    wanted = []
    for plugin in plugins:
        if plugin.current_version is not None:
            plugin.current_version.plugin = plugin  # already here
            wanted.append(plugin.current_version)
    parts = parts_within(wanted)
    shares = CoOwnerTerms.objects.sharing(_plugins(wanted, parts))
    return {version.pk: _summed(_claims(version, parts, shares)) for version in wanted}


def royalties_through(parts: Sequence[tuple[PlugInVersion, int]]) -> list[Royalty]:
    """Give who would divide the fee of a plug-in that is combined from these versions, each with its share."""
    versions = [version for version, _ in parts]
    within = parts_within(versions)
    shares = CoOwnerTerms.objects.sharing(_plugins(versions, within))
    whole = sum(share for _, share in parts)
    return _summed(
        [
            _Claim(claim.person, Fraction(share, whole) * claim.part, (*claim.way, version.plugin))
            for version, share in parts
            for claim in _claims(version, within, shares)
        ]
    )


def earned_by_way_of(plugin: PlugIn, versions: Collection[PlugInVersion]) -> dict[tuple[int, int], Fraction]:
    """Give, by version and person, the fraction of that person's royalty for the version that comes through a plug-in in it.

    It is 1 for all that the plug-in's own versions pay. People who get nothing through it are left out.
    """
    within = parts_within(versions)
    shares = CoOwnerTerms.objects.sharing(_plugins(versions, within))
    whole: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    through: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for version in versions:
        for claim in _claims(version, within, shares):
            whole[version.pk, claim.person.pk] += claim.part
            if version.plugin_id == plugin.pk or plugin in claim.way:
                through[version.pk, claim.person.pk] += claim.part
    return {place: part / whole[place] for place, part in through.items() if part}


def royalties_of(plugin: PlugIn) -> list[Royalty]:
    """Give who divides the fee of one plug-in; empty before its first version."""
    return next(iter(royalties([plugin]).values()), [])


def parts_within(versions: Collection[PlugInVersion]) -> dict[int, list[PlugInPart]]:
    """Give the parts of these versions, and level by level the parts of those, by the version's id."""
    found: dict[int, list[PlugInPart]] = {}
    level = {version.pk for version in versions if version.parts_count}
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return found
        rows = PlugInPart.objects.filter(version__in=level).select_related(
            "part__plugin__concept", "part__plugin__owner"
        )
        for each in rows.order_by("position"):
            found.setdefault(each.version_id, []).append(each)
        level = {
            each.part.pk
            for pk in level
            for each in found.get(pk, [])
            if each.part and each.part.parts_count and each.part.pk not in found
        }
    raise RecursionError(f"plug-ins are combined of combined ones more than {MAX_DEPTH} levels deep")


def plugins_in(versions: Collection[PlugInVersion]) -> set[int]:
    """Give the ids of these versions' plug-ins and of the plug-ins in them, at any depth."""
    return _plugins(versions, parts_within(versions))


def _plugins(versions: Collection[PlugInVersion], parts: PartsOf) -> set[int]:
    inner = [each.part for listed in parts.values() for each in listed if each.part]
    return {each.plugin_id for each in (*versions, *inner)}


def _claims(
    version: PlugInVersion, parts: PartsOf, shares: Mapping[int, Sequence[CoOwnerTerms]]
) -> list[_Claim]:
    listed = parts.get(version.pk)
    if not listed:
        return _own_claims(version, shares)
    whole = sum(each.share for each in listed)
    claims = []
    for each in listed:
        fraction = Fraction(each.share, whole)
        within = (each.part.plugin,) if each.part else ()
        inner = _claims(each.part, parts, shares) if each.part else _own_claims(version, shares)
        claims += [_Claim(claim.person, fraction * claim.part, (*claim.way, *within)) for claim in inner]
    return claims


def _own_claims(version: PlugInVersion, shares: Mapping[int, Sequence[CoOwnerTerms]]) -> list[_Claim]:
    """Divide the plug-in's own part among its owner and co-owners."""
    given = shares.get(version.plugin_id, ())
    kept = BASIS_POINTS - sum(each.share_bps for each in given)
    return [
        _Claim(version.plugin.owner, Fraction(kept, BASIS_POINTS)),
        *(_Claim(each.person, Fraction(each.share_bps, BASIS_POINTS)) for each in given),
    ]


def _summed(claims: Sequence[_Claim]) -> list[Royalty]:
    """Add up each person's claims, as whole weights over one denominator."""
    total: dict[int, Fraction] = defaultdict(Fraction)
    ways: dict[int, dict[str, None]] = defaultdict(dict)
    people = {claim.person.pk: claim.person for claim in claims}
    for claim in claims:
        total[claim.person.pk] += claim.part
        if claim.way:
            ways[claim.person.pk][" in ".join(each.name for each in claim.way)] = None
    denominator = math.lcm(*(part.denominator for part in total.values()))
    return [
        Royalty(
            person=people[pk],
            weight=int(part * denominator),
            through=" and ".join(ways[pk]),
            percent=float(100 * part),
        )
        for pk, part in sorted(total.items(), key=lambda each: (-each[1], each[0]))
    ]
