"""Messages between a web process and its children: a header in JSON, then bytes. They are plain data, so nothing in them is run."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

LENGTH = struct.Struct(">I")
LONGEST_HEADER = 4_000_000


class Ended(Exception):
    """The other side is gone, or sent something that is no message."""


def send(stream: IO[bytes], said: dict[str, Any], parts: Sequence[bytes] = ()) -> None:
    """Write a message: a JSON header, and parts that are bytes."""
    header = json.dumps({"said": said, "sizes": [len(each) for each in parts]}).encode()
    stream.write(LENGTH.pack(len(header)) + header)
    for each in parts:
        stream.write(each)
    stream.flush()


def receive(stream: IO[bytes], *, most: int) -> tuple[dict[str, Any], list[bytes]]:
    """Read a message. Its parts may have at most so many bytes together. Raises Ended."""
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    if length > LONGEST_HEADER:
        raise Ended(f"a header of {length} bytes")
    try:
        header = json.loads(_exactly(stream, length))
        said, sizes = dict(header["said"]), [int(each) for each in header["sizes"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Ended(f"no header: {error}") from None
    if any(each < 0 for each in sizes) or sum(sizes) > most:
        raise Ended(f"parts of {sum(sizes)} bytes")
    return said, [_exactly(stream, each) for each in sizes]


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise Ended("the end of what is said")
    return data
