"""Nobody earns from another's plug-in: what an uploaded file does is compared with every plug-in for its base.

Hashes know a file that is the same to the bit. A copy with its factors scaled, sorted, rounded, of another rank, or mixed with something else,
has other hashes and draws the same pictures. A sketch finds those that may be alike; a worker then says exactly how much of the
file each of them explains. What the file names as its parts, and its owner's own plug-ins, are taken as known before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from market.audit.recording import record
from market.catalog.models import PlugIn, PlugInSketch, PlugInVersion
from market.catalog.offering import barred_among
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job

NEAR = 0.15
"""The least estimated cosine at which a plug-in is looked at. Estimates err by about .05."""
MOST_COMPARED = 60
"""The most plug-ins that a file is compared with exactly."""
PART = 0.1
"""The least share of what a file does that is a part of it: a cosine of .32. The demo's plug-ins, which have nothing in common, have at most .04."""
WHOLE = 0.5
"""The least share at which the file is a copy, and not a mixture."""
COPY = (
    "These weights are a plug-in of another artist already. Only its artist can offer it; if it is yours, write to the "
    "market's administrators."
)
TAKEN_DOWN = "These weights are those of a plug-in that is taken down, or was combined from one: they are not taken again."


@dataclass(frozen=True)
class Compared:
    """What a file is compared with. given: what is known to be in it: its stated parts, and plug-ins of its owner."""

    others: Sequence[PlugInVersion]
    given: Sequence[PlugInVersion]


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


def to_compare(job: Job, fingerprint: str, sketch: Sequence[float], stated: Sequence[str]) -> Compared:
    """Choose what an uploaded file is compared with. stated: hashes of its parts, as it names them."""
    near = PlugInSketch.objects.nearest(fingerprint, sketch, NEAR).values_list("version", flat=True)
    versions = PlugInVersion.objects.select_related("plugin__base").in_bulk(list(near[:MOST_COMPARED]))
    found = [versions[pk] for pk in near[:MOST_COMPARED] if pk in versions]
    barred = barred_among(found)
    known = [
        each
        for each in found
        if each.pk not in barred
        and (
            each.plugin.owner_id == job.owner_id
            or each.tensors_sha256 in stated
            or each.file_sha256 in stated
        )
    ]
    return Compared([each for each in found if each not in known], known)


def require_own(job: Job, shares: Mapping[int, float]) -> None:
    """Refuse a file that is, or has in it, what it may not. shares: by the id of a version of others, how much of the file it explains.

    Raises BadResult. The reason does not say whose plug-in it is; the audit log does.
    """
    found = {pk: share for pk, share in shares.items() if share >= PART}
    if not found:
        return
    with transaction.atomic():
        record(
            "plugin.refused_as_alike",
            by=job.owner,
            target=PlugIn.objects.get(pk=job.parameters["plugin"]),
            details={"explained_by_versions": {str(pk): round(share, 3) for pk, share in found.items()}},
        )
    if barred_among(PlugInVersion.objects.filter(pk__in=found)):
        raise BadResult(TAKEN_DOWN)
    if max(found.values()) >= WHOLE:
        raise BadResult(COPY)
    percent = round(100 * min(1.0, sum(found.values())))
    raise BadResult(
        f"About {percent}% of what this file does is what plug-ins of other artists on this market do, and the file does not name them as its "
        "parts. Combine plug-ins on the market, where their artists are paid, or leave those out."
    )
