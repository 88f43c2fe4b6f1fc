"""What a file's content credentials say of training is read, whatever kind of file it is."""

from __future__ import annotations

import json
import struct

import pytest

from market.provenance import reservation_in


def cbor(value: object) -> bytes:
    """Write maps and short texts as CBOR."""
    if isinstance(value, dict):
        return bytes([0xA0 | len(value)]) + b"".join(cbor(each) for pair in value.items() for each in pair)
    text = str(value).encode()
    return (bytes([0x60 | len(text)]) if len(text) < 24 else bytes([0x78, len(text)])) + text


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def assertion(label: str, uses: dict[str, str], *, as_json: bool = False) -> bytes:
    """The boxes of a training-mining assertion, as a manifest has them."""
    said = {"entries": {name: {"use": use} for name, use in uses.items()}}
    content = box(b"json", json.dumps(said).encode()) if as_json else box(b"cbor", cbor(said))
    described = box(b"jumd", b"\0" * 16 + b"\3" + label.encode() + b"\0")
    return box(b"jumb", described + content)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("use", ["notAllowed", "constrained"])
@pytest.mark.parametrize("entry", ["ai_generative_training", "ai_training"])
@pytest.mark.parametrize("of", ["c2pa", "cawg"])
def test_an_assertion_that_forbids_training_is_read(of: str, entry: str, use: str, as_json: bool) -> None:
    boxes = assertion(
        f"{of}.training-mining", {f"{of}.data_mining": "allowed", f"{of}.{entry}": use}, as_json=as_json
    )
    assert reservation_in(b"\x89PNG" + boxes + b"rest") == f"{of}.{entry}: {use}"


def test_what_is_allowed_or_about_something_else_forbids_nothing() -> None:
    allowed = {"c2pa.ai_generative_training": "allowed", "c2pa.data_mining": "notAllowed"}
    assert reservation_in(assertion("c2pa.training-mining", allowed)) == ""
    assert reservation_in(b"a text about c2pa.training-mining\0 and no more") == ""
    assert reservation_in(b"") == ""


def test_any_of_several_assertions_forbids() -> None:
    boxes = assertion("c2pa.training-mining", {"c2pa.ai_training": "allowed"}) + assertion(
        "cawg.training-mining__1", {"cawg.ai_training": "notAllowed"}
    )
    assert reservation_in(boxes) == "cawg.ai_training: notAllowed"


def test_boxes_that_a_jpeg_divides_are_put_together() -> None:
    boxes = assertion("cawg.training-mining", {"cawg.ai_generative_training": "notAllowed"})
    cut = boxes.index(b"cbor") + 12
    header = boxes[:8]
    first, second = boxes[:cut], header + boxes[cut:]
    segments = b"".join(
        b"\xff\xeb" + struct.pack(">H", len(part) + 10) + b"JP\0\1" + struct.pack(">I", number) + part
        for number, part in ((1, first), (2, second))
    )
    jpeg = b"\xff\xd8" + segments + b"\xff\xda"
    assert reservation_in(jpeg) == "cawg.ai_generative_training: notAllowed"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 40, b"\xa1" * 40, b"\xbf", b"\x9f" * 200, b"\xa1\x67entries\x01", b"\x7b" + b"\xff" * 8, cbor({"x": "y"})],
)  # fmt: skip
def test_an_assertion_that_cannot_be_read_counts_as_forbidden(content: bytes) -> None:
    described = box(b"jumd", b"\0" * 16 + b"\3cawg.training-mining\0")
    assert reservation_in(box(b"jumb", described + box(b"cbor", content))) == (
        "cawg.training-mining: not readable"
    )
