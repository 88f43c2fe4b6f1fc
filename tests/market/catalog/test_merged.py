"""Combined plug-ins: what their files say, which parts the market knows, and whose licence forbids them."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import pytest

from market.accounts.models import User
from market.basemodels.models import BaseModel
from market.catalog.file_headers import metadata_of
from market.catalog.merged import MAX_PARTS, parts_of, stated_parts
from market.catalog.models import PlugIn, PlugInPart, PlugInVersion
from market.jobs.lifecycle import BadResult
from market.refusals import Refused
from tests.market.stage import Weights, make_combined, make_part, make_plugin, merged_adapter, some_hash

pytestmark = pytest.mark.django_db

GOOD = {"name": "Ink", "tensors_sha256": some_hash("Ink"), "share_bps": 5000}


def said(*listed: Any) -> dict[str, str]:
    return {"plugin.merged_from": json.dumps(list(listed))}


def merged(*parts: tuple[str, int]) -> io.BytesIO:
    return io.BytesIO(merged_adapter(*((name, some_hash(name), share) for name, share in parts)))


@pytest.fixture
def ink(second_artist: User, base: BaseModel) -> PlugIn:
    return make_part(second_artist, base, "Ink")


def test_a_plugin_of_its_own_has_no_parts(artist: User) -> None:
    assert stated_parts({"modelspec.title": "Ink"}) == []


def test_parts_are_kept_with_the_version_as_the_file_states_them(
    artist: User, base: BaseModel, ink: PlugIn
) -> None:
    duet = make_combined(artist, base, "Duet", ("Ink", 3000), ("Elsewhere", 7000))
    assert list(PlugInPart.objects.values_list("version", "part", "name", "share")) == [
        (duet.current_version_id, ink.current_version_id, "Ink", 3000),
        (duet.current_version_id, None, "Elsewhere", 7000),
    ]


def test_a_part_is_known_by_the_hash_of_its_file_as_well(artist: User, ink: PlugIn) -> None:
    version = PlugInVersion.objects.get()
    part = {"name": "x", "file_sha256": f"0x{version.file_sha256.upper()}", "share_bps": 1}
    header = json.dumps({"__metadata__": said(part)}).encode()
    (found,) = parts_of(io.BytesIO(struct.pack("<Q", len(header)) + header), artist)
    assert found.version == version


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"plugin.merged_from": "no json"}, "cannot be read"),
        ({"plugin.merged_from": "[" * 100_000}, "cannot be read"),
        ({"plugin.merged_from": "{}"}, "cannot be read"),
        ({"plugin.merged_from": "[]"}, "cannot be read"),
        ({"modelspec.merged_from": "Ink, Clay"}, "not of which plug-ins"),
        (said("Ink"), "Part 1"),
        (said(GOOD | {"share_bps": 0}), "from 1 to 10000; found 0"),
        (said(GOOD | {"share_bps": -1}), "found -1"),
        (said(GOOD | {"share_bps": 10_001}), "found 10001"),
        (said(GOOD | {"share_bps": 0.5}), "found 0.5"),
        (said(GOOD | {"share_bps": True}), "found True"),
        (said(GOOD | {"share_bps": "5000"}), "whole number"),
        (said(GOOD | {"tensors_sha256": "abc"}), "64 hexadecimal digits"),
        (said(GOOD | {"tensors_sha256": 7}), "64 hexadecimal digits"),
        (said({"name": "Ink", "share_bps": 1}), "64 hexadecimal digits"),
        (said(GOOD, GOOD), "a part twice"),
        (said(*({"tensors_sha256": some_hash(str(n)), "share_bps": 1} for n in range(MAX_PARTS + 1))), "lists 33 parts"),
    ],
)  # fmt: skip
def test_a_list_of_parts_that_cannot_be_believed_is_refused(metadata: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        stated_parts(metadata)


@pytest.mark.parametrize("name", [None, 7, "", " \n", "\u202e"])
def test_a_part_without_a_name_gets_a_number(name: Any) -> None:
    (part,) = stated_parts(said(GOOD | {"name": name}))
    assert part.name == "Part 1"


def test_a_long_name_is_cut() -> None:
    (part,) = stated_parts(said(GOOD | {"name": "a" * 1000}))
    assert part.name == "a" * 120


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 9) + b"{}", struct.pack("<Q", 2) + b"[]"],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="no safetensors file"):
        metadata_of(io.BytesIO(content))


def test_metadata_that_is_no_text_is_refused() -> None:
    header = b'{"__metadata__": {"plugin.merged_from": []}}'
    with pytest.raises(Refused, match="no text"):
        metadata_of(io.BytesIO(struct.pack("<Q", len(header)) + header))


def test_a_licence_that_forbids_combination_is_refused(
    artist: User, second_artist: User, base: BaseModel
) -> None:
    make_part(second_artist, base, "Ink", allow_combination=False)
    with pytest.raises(Refused, match="“Ink” by Berta Brush does not allow it to be combined"):
        parts_of(merged(("Ink", 1), ("Elsewhere", 1)), artist)


def test_a_licence_that_forbids_combination_holds_for_the_parts_of_parts(
    artist: User, second_artist: User, stranger: User, base: BaseModel, ink: PlugIn
) -> None:
    make_combined(stranger, base, "Duet", ("Ink", 1), ("Elsewhere", 1))
    PlugIn.objects.filter(pk=ink.pk).update(allow_combination=False)
    with pytest.raises(Refused, match="“Ink” by Berta Brush"):
        parts_of(merged(("Duet", 1)), artist)


def test_artists_may_combine_their_own_whatever_its_licence_and_state(
    second_artist: User, base: BaseModel
) -> None:
    make_part(second_artist, base, "Ink", allow_combination=False, publish=False)
    (found,) = parts_of(merged(("Ink", 1)), second_artist)
    assert found.version is not None


@pytest.mark.parametrize("state", ["draft", "withdrawn"])
def test_what_is_not_on_the_market_is_not_combined_by_others(
    artist: User, second_artist: User, base: BaseModel, state: str
) -> None:
    ink = make_part(second_artist, base, "Ink", publish=state == "withdrawn")
    ink.withdraw()
    with pytest.raises(Refused, match="is not on the market"):
        parts_of(merged(("Ink", 1)), artist)


def test_a_licence_changed_while_the_worker_reads_the_file_is_heeded(
    artist: User, second_artist: User, base: BaseModel
) -> None:
    make_part(second_artist, base, "Ink", allow_combination=False)
    with pytest.raises(BadResult, match="does not allow it"):
        make_combined(artist, base, "Duet", ("Ink", 1))
    assert not PlugInPart.objects.exists()


def test_combinations_of_combinations_end_at_a_depth(artist: User, base: BaseModel, ink: PlugIn) -> None:
    inner = "Ink"
    for level in range(5):
        make_combined(artist, base, f"Level {level}", (inner, 1))
        inner = f"Level {level}"
    with pytest.raises(Refused, match="at most 5 levels"):
        parts_of(merged((inner, 1)), artist)


def test_combinations_of_combinations_end_at_a_width(artist: User, base: BaseModel) -> None:
    for number in range(8):
        make_part(artist, base, f"Part {number}")
    for number in range(12):
        make_combined(artist, base, f"Wide {number}", *((f"Part {each}", 1) for each in range(8)))
    with pytest.raises(Refused, match="100 plug-ins in all"):
        parts_of(merged(*((f"Wide {number}", 1) for number in range(12))), artist)


def test_of_two_with_the_same_weights_the_one_on_offer_is_the_part(
    artist: User, second_artist: User, base: BaseModel, ink: PlugIn
) -> None:
    ink.withdraw()
    weights = Weights(tensors_sha256=some_hash("Ink"))
    offered = make_plugin(second_artist, base, name="Ink anew", weights=weights)
    (found,) = parts_of(merged(("Ink", 1)), artist)
    assert found.version == offered.current_version
