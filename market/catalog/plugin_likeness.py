"""Nobody earns from another's plug-in: what an uploaded file does is compared with every plug-in for its base.

Hashes know a file that is the same to the bit. A copy with its factors scaled, sorted, rounded, of another rank, or mixed with something else,
has other hashes and draws the same pictures. A sketch finds those that may be alike; a worker then says exactly how much of the
file they explain. Plug-ins that its owner made themself are taken as known. What the file names as its parts is paid for, so it is only
seen that each has its share.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from market.audit.recording import record
from market.catalog.merged import FoundPart
from market.catalog.models import PlugIn, PlugInSketch, PlugInVersion, SketchKey
from market.catalog.offering import barred_among
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job

NEAR = 0.15
"""The least estimated likeness at which a plug-in is looked at. Estimates err by about .05; the demo's plug-ins have at most .055."""
MOST_COMPARED = 24
"""The most plug-ins of others that a file is compared with exactly, and the most of its owner."""
PART = 0.1
"""The least share of what a file does, explained by others', that is no chance: any one of the demo's plug-ins explains at most .012 of another."""
WHOLE = 0.5
"""The least such share at which the file is a copy, and not a mixture."""
UNDERSTATED = 0.25
"""By how much a named part may explain more than its stated share: how a combination was fitted, and what the parts have in common, shift it."""
NOTHING = "The file changes nothing: all of its differences are zero."
COPY = (
    "These weights are a plug-in of another artist already. Only its artist can offer it; if it is yours, write to the "
    "market's administrators."
)
TAKEN_DOWN = "These weights are those of a plug-in that is taken down, or was combined from one: they are not taken again."


@dataclass(frozen=True)
class Compared:
    """What a file is compared with: its owner's own plug-ins, the parts that it names with their shares (0 to 1), and those of others."""

    own: Sequence[PlugInVersion]
    stated: Sequence[tuple[PlugInVersion, float]]
    others: Sequence[PlugInVersion]


@dataclass(frozen=True)
class Likeness:
    """What a worker found. total: how much of the file others explain together. The rest is by version, each by itself."""

    total: float = 0.0
    others: Mapping[int, float] = field(default_factory=dict)
    stated: Mapping[int, float] = field(default_factory=dict)


def sketch_key() -> bytes:
    """Give the secret that this market's sketches are made with. It is made once: with another one no sketch would compare."""
    found, _ = SketchKey.objects.get_or_create(pk=1, defaults={"key": secrets.token_bytes(32)})
    return bytes(found.key)


def without_sketch(fingerprint: str) -> list[PlugInVersion]:
    """List versions for a base that have no sketch yet, so that a worker makes them: those of before there were any, and seeded ones."""
    return list(
        PlugInVersion.objects.filter(base_fingerprint=fingerprint, sketch__isnull=True)
        .select_related("plugin__base")
        .order_by("pk")
    )


def keep_sketch(version: PlugInVersion, sketch: Sequence[float]) -> None:
    """Keep a version's sketch. Another worker may have kept it meanwhile: it is the same."""
    PlugInSketch.objects.get_or_create(version=version, defaults={"sketch": list(sketch)})


def to_compare(job: Job, fingerprint: str, sketch: Sequence[float], parts: Sequence[FoundPart]) -> Compared:
    """Choose what an uploaded file is compared with. parts: those that it names."""
    whole = sum(part.stated.share for part in parts)
    stated = [(part.version, part.stated.share / whole) for part in parts if part.version is not None]
    named = {version.pk for version, _ in stated}
    near = PlugInSketch.objects.nearest(fingerprint, sketch, NEAR).exclude(version__in=named)
    made_alone = {"version__plugin__owner": job.owner_id, "version__parts_count": 0}
    own, others = (
        _versions(some[:MOST_COMPARED].values_list("version", flat=True))
        for some in (near.filter(**made_alone), near.exclude(**made_alone))
    )
    # What was taken down is nobody's to offer again, its owner's neither.
    barred = barred_among(own)
    return Compared(
        [each for each in own if each.pk not in barred],
        [(version, share) for version, share in stated if version.plugin.owner_id != job.owner_id],
        [*others, *(each for each in own if each.pk in barred)],
    )


def _versions(ids: Iterable[int]) -> list[PlugInVersion]:
    found = PlugInVersion.objects.select_related("plugin__base").in_bulk(list(ids))
    return list(found.values())


def require_own(job: Job, compared: Compared, found: Likeness) -> None:
    """Refuse a file that is, or has in it, what it may not. Raises BadResult.

    The reason does not say whose plug-in it is; the audit log does.
    """
    reason = _reason(compared, found)
    if not reason:
        return
    with transaction.atomic():
        record(
            "plugin.refused_as_alike",
            by=job.owner,
            target=PlugIn.objects.get(pk=job.parameters["plugin"]),
            details={
                "explained": round(found.total, 3),
                "by_versions": {str(pk): round(share, 3) for pk, share in found.others.items()},
                "stated_parts": {str(pk): round(share, 3) for pk, share in found.stated.items()},
            },
        )
    raise BadResult(reason)


def _reason(compared: Compared, found: Likeness) -> str:
    if found.total >= PART:
        alike = [each for each in compared.others if found.others.get(each.pk, 0.0) >= PART]
        if barred_among(alike):
            return TAKEN_DOWN
        if found.total >= WHOLE:
            return COPY
        return (
            f"About {found.total:.0%} of what this file does is what plug-ins of other artists on this market do, and the file does not name them "
            "as its parts. Combine plug-ins on the market, where their artists are paid, or leave those out."
        )
    for version, share in compared.stated:
        measured = found.stated.get(version.pk, 0.0)
        if measured > share + UNDERSTATED:
            return (
                f"The file names “{version.plugin.name}” as {share:.0%} of it, but about {measured:.0%} of what it does is that plug-in. Combine them on "
                "the market, or name the share that it has."
            )
    return ""
