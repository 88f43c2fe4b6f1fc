"""Combined plug-ins: read from a file what it was merged from, and find those parts among the market's plug-ins.

A file names each part, with the SHA-256 of its tensors (or of its file) and its share, under `plugin.merged_from` in the
safetensors metadata. The file may be hostile: nothing in it is believed but hashes that the market knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.db.models import Q

from market.accounts.models import User
from market.catalog.file_headers import chosen_metadata, header_alone, metadata_of
from market.catalog.models import PlugIn, PlugInPart, PlugInState, PlugInVersion
from market.catalog.models.versions import PART_NAME_LENGTH
from market.catalog.models.works import SHA256
from market.catalog.offering import barred_among
from market.catalog.royalties import MAX_DEPTH, parts_within
from market.decoding.children import Bounds, read_apart
from market.ledger.splits import BASIS_POINTS
from market.refusals import Refused

MAX_PARTS = 32
MAX_WAYS = 100
"""The most plug-ins that a version may consist of. Parts of parts count each time they occur."""
MAX_LISTED = 100_000
"""The most characters of the list of parts."""
_BOUNDS = Bounds(seconds=10, patience=60, most=0)
_LISTED, _NAMED = "plugin.merged_from", "modelspec.merged_from"
_SHAPE = "expected a list of parts, each with “name”, “tensors_sha256” and “share_bps”"


@dataclass(frozen=True)
class StatedPart:
    """What a file says about one part. `hashes` are those of its tensors or its file."""

    name: str
    share: int
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class FoundPart:
    """A stated part, and the market's version that it is, if any."""

    stated: StatedPart
    version: PlugInVersion | None


def parts_of(file: IO[bytes], by: User) -> list[FoundPart]:
    """Find the parts of a file that `by` brings. Raises Refused, also where a part's licence does not allow it."""
    return found_parts(stated_parts(metadata_of(file)), by)


def parts_stated_in(file: IO[bytes]) -> list[StatedPart]:
    """Read in a child process what a stranger's file says it was merged from. Raises Refused."""
    found, _ = read_apart(chosen_metadata, header_alone(file), {"names": [_LISTED, _NAMED]}, _BOUNDS)
    return stated_parts(found)


def found_parts(stated: Sequence[StatedPart], by: User) -> list[FoundPart]:
    """Find stated parts of a file that `by` brings. Raises Refused where a part's licence does not allow it."""
    known = _known([each for part in stated for each in part.hashes])
    found = [
        FoundPart(part, next((known[each] for each in part.hashes if each in known), None)) for part in stated
    ]
    reasons = refusals([part.version for part in found if part.version], by)
    if reasons:
        raise Refused(*reasons)
    return found


def rows_of(version: PlugInVersion, parts: Sequence[FoundPart]) -> list[PlugInPart]:
    return [
        PlugInPart(
            version=version, position=position, part=each.version, name=each.stated.name, share=each.stated.share
        )
        for position, each in enumerate(parts)
    ]  # fmt: skip


def stated_parts(metadata: Mapping[str, str]) -> list[StatedPart]:
    """Read what a file says it was merged from; empty for a plug-in of its own. Raises Refused."""
    if _LISTED not in metadata:
        if metadata.get(_NAMED, "").strip(" ,"):
            reason = (
                f"The file says that it was merged ({_NAMED}), but not of which plug-ins and in which shares: "
                f"“{_LISTED}” is missing. Combine them with a program that writes it."
            )
            raise Refused(reason)
        return []
    if len(metadata[_LISTED]) > MAX_LISTED:
        raise Refused(f"“{_LISTED}” in the file has more than {MAX_LISTED} letters.")
    try:
        listed = json.loads(metadata[_LISTED])
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not listed:
        raise Refused(f"“{_LISTED}” in the file cannot be read: {_SHAPE}.")
    if len(listed) > MAX_PARTS:
        raise Refused(f"The file lists {len(listed)} parts; at most {MAX_PARTS} are taken.")
    parts = [_stated(number, each) for number, each in enumerate(listed, start=1)]
    hashes = [each for part in parts for each in part.hashes]
    if len(set(hashes)) != len(hashes):
        raise Refused(f"“{_LISTED}” in the file lists a part twice. List each once, with all of its share.")
    return parts


def _stated(number: int, said: Any) -> StatedPart:
    wrong = f"Part {number} in “{_LISTED}” of the file: {_SHAPE}"
    if not isinstance(said, dict):
        raise Refused(f"{wrong}.")
    share = said.get("share_bps")
    if not isinstance(share, int) or isinstance(share, bool) or not 1 <= share <= BASIS_POINTS:
        raise Refused(f"{wrong}, the share a whole number from 1 to {BASIS_POINTS}; found {str(share)[:40]}.")
    hashes = [said[key] for key in ("tensors_sha256", "file_sha256") if said.get(key)]
    hashes = [each.lower().removeprefix("0x") if isinstance(each, str) else each for each in hashes]
    if not hashes or not all(isinstance(each, str) and re.fullmatch(SHA256, each) for each in hashes):
        raise Refused(f"{wrong}, the hash 64 hexadecimal digits.")
    name = said.get("name")
    letters = "".join(each for each in name if each.isprintable()) if isinstance(name, str) else ""
    return StatedPart(" ".join(letters.split())[:PART_NAME_LENGTH] or f"Part {number}", share, tuple(hashes))


def _known(hashes: Sequence[str]) -> dict[str, PlugInVersion]:
    """Find the versions with these hashes. If several have one hash, prefer an offered one, then the oldest."""
    versions = PlugInVersion.objects.filter(Q(tensors_sha256__in=hashes) | Q(file_sha256__in=hashes))
    versions = versions.select_related("plugin__concept", "plugin__owner")
    found: dict[str, PlugInVersion] = {}
    for each in sorted(versions, key=lambda one: (not one.plugin.is_published, one.pk)):
        for digest in (each.tensors_sha256, each.file_sha256):
            found.setdefault(digest, each)
    return found


def refusals(versions: Sequence[PlugInVersion], by: User) -> list[str]:
    """Say why a person cannot have a plug-in that is combined from these versions; empty if they can."""
    return list(_refusals(versions, by))


def _refusals(versions: Sequence[PlugInVersion], by: User) -> Iterator[str]:
    if len({version.pk for version in versions}) != len(versions):
        yield "A part is listed twice. List each once, with all of its share."
    within = parts_within(versions)
    deepest, ways = _measure(versions, within)
    if deepest > MAX_DEPTH or ways > MAX_WAYS:
        yield (
            f"These parts are combined of plug-ins that are combined themselves: at most {MAX_DEPTH} levels and {MAX_WAYS} "
            "plug-ins in all are taken."
        )
    barred = barred_among(versions)
    for version in versions:
        plugin = version.plugin
        if version.pk in barred:
            yield (
                f"The part “{plugin.name}” by {plugin.owner} is taken down, or was combined from a plug-in that is. "
                "Nobody may combine it at present."
            )
            continue
        if plugin.owner_id != by.pk and plugin.state != PlugInState.PUBLISHED:
            yield (
                f"The part “{plugin.name}” by {plugin.owner} is not on the market at present. Only its artist "
                "may combine it."
            )
    inner = [each.part for listed in within.values() for each in listed if each.part]
    everywhere: dict[int, PlugIn] = {each.plugin_id: each.plugin for each in (*versions, *inner)}
    for plugin in everywhere.values():
        if plugin.owner_id != by.pk and not plugin.allow_combination:
            yield (
                f"The licence of “{plugin.name}” by {plugin.owner} does not allow it to be combined. Leave it out, or ask "
                "its artist."
            )


def _measure(
    versions: Sequence[PlugInVersion], within: Mapping[int, Sequence[PlugInPart]], level: int = 1
) -> tuple[int, int]:
    """Give the levels and the number of plug-ins that a combination of these versions would have."""
    if level > MAX_DEPTH:
        return level, len(versions)
    deepest, ways = level, 0
    for version in versions:
        inner = [each.part for each in within.get(version.pk, ()) if each.part]
        if inner:
            below = _measure(inner, within, level + 1)
            deepest, ways = max(deepest, below[0]), ways + below[1]
        ways += 1
    return deepest, ways
