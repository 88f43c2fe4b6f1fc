"""Read the header of a safetensors file without torch. The file may be hostile.

The engine has its own reader. A test of the workers checks that both accept and refuse the same files.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

MAX_HEADER = 16 * 1024**2
_LENGTH = 8  # bytes: of the JSON that follows, little-endian


class NotSafetensors(Exception):
    """The file has no valid header. The message says what was found instead."""


def header_bytes(file: IO[bytes]) -> bytes:
    """Give the header with its length before it, as it is in the file. Raises NotSafetensors."""
    start = file.read(_LENGTH)
    length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH else MAX_HEADER + 1
    if length > MAX_HEADER:
        raise NotSafetensors("it begins with no header")
    text = file.read(length)
    if len(text) < length:
        raise NotSafetensors("its header is longer than the file")
    return start + text


def header_of(file: IO[bytes]) -> dict[str, Any]:
    """Read the header: an entry for each tensor, and the metadata. Raises NotSafetensors."""
    text = header_bytes(file)[_LENGTH:]
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise NotSafetensors("its header cannot be read")
    return header


def metadata_in(header: dict[str, Any]) -> dict[str, str]:
    """Give a header's metadata. Raises NotSafetensors if it contains anything but text."""
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(each, str) for each in metadata.values()):
        raise NotSafetensors("its metadata is no text")
    return metadata
