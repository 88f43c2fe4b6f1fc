"""Read from a file of any kind whether its content credentials forbid training: the training-mining assertion of C2PA or CAWG.

The assertion is found by its label in the manifest's boxes (JUMBF, ISO 19566-5), and read as CBOR or JSON. The signature is not
verified: who forges one forbids only what they send themselves. The file may be hostile; what cannot be read counts as forbidden.
Manifests that are compressed, or that lie outside of the file, are not read.

Sources: C2PA Technical Specification 1.4, "Training and data mining"; CAWG Training and Data Mining Assertion 1.0.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Any

_LABEL = re.compile(rb"(c2pa|cawg)\.training-mining(?:\.v[0-9]+)?(?:__[0-9]+)?\x00")
_CONTENT = re.compile(rb"cbor|json")
_NEAR = 96
"""The content box follows its label at once, or after a salt of at most 32 bytes with its header."""
MOST = 8
"""Assertions that are read of one file."""
LARGEST = 65_536
_DEPTH = 6
TRAINING = ("ai_generative_training", "ai_training")
"""The entries about what an addition does."""
FORBIDDEN = ("notAllowed", "constrained")


class _Unreadable(Exception):
    """This is no CBOR that an assertion is made of."""


def reservation_in(data: bytes) -> str:
    """Say which entry of a file's content credentials forbids to train with it: “cawg.ai_generative_training: notAllowed”. "" if none does."""
    content = _joined_segments(data) or data
    said = (_forbidden(content, found) for found in list(_LABEL.finditer(content))[:MOST])
    return next(filter(None, said), "")


def _forbidden(content: bytes, found: re.Match[bytes]) -> str:
    prefix = found[1].decode()
    box = _CONTENT.search(content, found.end(), found.end() + _NEAR)
    if box is None:
        return ""  # words in a text, not an assertion
    (length,) = struct.unpack(">I", content[box.start() - 4 : box.start()])
    body = content[box.end() : box.end() + max(0, min(length - 8, LARGEST))]
    try:
        said = json.loads(body) if box[0] == b"json" else _cbor(body, 0, 0)[0]
        entries = said["entries"]
        uses = {str(name): each["use"] for name, each in entries.items()}
    except (_Unreadable, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return f"{prefix}.training-mining: not readable"
    for name in (f"{prefix}.{each}" for each in TRAINING):
        if (use := uses.get(name)) in FORBIDDEN:
            return f"{name}: {use}"
    return ""


def _joined_segments(data: bytes) -> bytes:
    """Put the boxes together that a JPEG divides among its APP11 segments (ISO 18477-3). Empty for other files."""
    if not data.startswith(b"\xff\xd8"):
        return b""
    joined, place = [], 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        marker, (size,) = data[place + 1], struct.unpack(">H", data[place + 2 : place + 4])
        if marker == 0xDA or size < 2:  # the picture begins
            break
        segment = data[place + 4 : place + 2 + size]
        if marker == 0xEB and segment.startswith(b"JP"):
            # JP, the number of the box, the place in it, then the header of the box, repeated in each.
            joined.append(segment[8:] if segment[4:8] == b"\0\0\0\1" else segment[16:])
        place += 2 + size
    return b"".join(joined)


def _cbor(data: bytes, place: int, depth: int) -> tuple[Any, int]:
    """Read one value (RFC 8949) and give where the next one begins."""
    if place >= len(data) or depth > _DEPTH:
        raise _Unreadable
    kind, small = data[place] >> 5, data[place] & 31
    place += 1
    if small == 31 and kind in (4, 5):
        return _many(data, place, depth, kind, None)
    number = small
    if 24 <= small <= 27:
        size = 1 << (small - 24)
        if place + size > len(data):
            raise _Unreadable
        number, place = int.from_bytes(data[place : place + size], "big"), place + size
    elif small > 27:
        raise _Unreadable
    if kind in (2, 3):
        if place + number > len(data):
            raise _Unreadable
        raw = data[place : place + number]
        return (raw if kind == 2 else raw.decode("utf-8", "replace")), place + number
    if kind in (4, 5):
        return _many(data, place, depth, kind, number)
    if kind == 6:
        return _cbor(data, place, depth + 1)
    return (number if kind == 0 else None), place


def _many(data: bytes, place: int, depth: int, kind: int, count: int | None) -> tuple[Any, int]:
    items: list[Any] = []
    wanted = None if count is None else count * (2 if kind == 5 else 1)
    while wanted is None or len(items) < wanted:
        if wanted is None and data[place : place + 1] == b"\xff":
            place += 1
            break
        value, place = _cbor(data, place, depth + 1)
        items.append(value)
    if kind == 4:
        return items, place
    return {str(name): value for name, value in zip(items[::2], items[1::2], strict=False)}, place
