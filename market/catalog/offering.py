"""Whether a plug-in may be offered at all, whatever its artist wants: takedowns, also of parts, and suspensions."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import connection

from market.accounts.models import User
from market.catalog.models import BarredVersion, Concept, PlugIn, PlugInPart, PlugInVersion, Suspension

_WITH_ALL_PARTS = """
WITH RECURSIVE inside(version_id) AS (
    SELECT current_version_id FROM catalog_plugin WHERE id = ANY(%s) AND current_version_id IS NOT NULL
    UNION
    SELECT part.part_id FROM inside JOIN catalog_pluginpart part ON part.version_id = inside.version_id
     WHERE part.part_id IS NOT NULL
)
SELECT id FROM catalog_plugin
 WHERE id IN (SELECT plugin_id FROM catalog_pluginversion JOIN inside ON version_id = id)
 ORDER BY id FOR KEY SHARE
"""


def hold_off_takedowns(plugins: Collection[int]) -> None:
    """Wait for running takedowns of these plug-ins or their parts, and make later takedowns wait for this transaction.

    So a takedown finds every request made before it, and no request is made after it. Requests do not wait for each other.
    """
    if plugins:
        with connection.cursor() as cursor:
            cursor.execute(_WITH_ALL_PARTS, [list(plugins)])


def versions_with(*plugins: PlugIn | int) -> set[int]:
    """Give the versions of plug-ins, and all versions combined from them at any depth."""
    found: set[int] = set()
    level = set(PlugInVersion.objects.filter(plugin__in=plugins).values_list("pk", flat=True))
    while level:
        found |= level
        level = set(PlugInPart.objects.filter(part__in=level).values_list("version", flat=True)) - found
    return found


def why_not_offered(plugin: PlugIn) -> str:
    """Say in neutral words what keeps a plug-in from the market although its artist offers it. "" if nothing does."""
    if plugin.taken_down_at is not None:
        return f"It is taken down at present: {plugin.taken_down_words}."
    if BarredVersion.objects.filter(version=plugin.current_version_id).exists():
        return "It was combined from plug-ins one of which is taken down at present."
    if is_suspended(plugin.owner):
        return "The plug-ins of its artist are not offered at present."
    return ""


def is_suspended(person: User) -> bool:
    return Suspension.objects.open().filter(person=person).exists()


def bars_to_a_version(concept: Concept, by: User) -> list[str]:
    """Say why nothing new of a concept may be made or published, whatever else holds. Empty when it may."""
    found = []
    if is_suspended(by):
        found.append(
            "Your publishing is suspended. “Takedowns and strikes” on your desk says why, and what you can do."
        )
    down = concept.plugins.exclude(taken_down_at=None).select_related("base").first()
    if down is not None:
        found.append(
            f"The plug-in of {concept.name} for {down.base.name} is taken down. “Takedowns and strikes” on your desk says why."
        )
    return found


def barred_among(versions: Iterable[PlugInVersion]) -> set[int]:
    """Give the ids of those that may not be used."""
    wanted = [version.pk for version in versions]
    return set(BarredVersion.objects.filter(version__in=wanted).values_list("version", flat=True))


def is_taken_down_copy(*digests: str) -> bool:
    """Whether weights with one of these hashes, of the file or of the tensors, are taken down under any owner and name."""
    barred = PlugInVersion.objects.filter(pk__in=BarredVersion.objects.values("version"))
    return (
        barred.filter(tensors_sha256__in=digests).exists() or barred.filter(file_sha256__in=digests).exists()
    )
