"""What a safetensors file says of itself in its header. The file may be hostile: one that a stranger sent is read in a child."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from typing import IO, Any

from market.refusals import Refused

MAX_HEADER = 16 * 1024**2
_LENGTH = 8
_WRONG = "The file is no safetensors file: export the plug-in as .safetensors."


def metadata_of(file: IO[bytes]) -> dict[str, str]:
    """Read the metadata in a safetensors file's header. Raises Refused if it is no such file."""
    header = header_of(file)[_LENGTH:]
    try:
        said = json.loads(header)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Refused(_WRONG)
    metadata = said.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(each, str) for each in metadata.values()):
        raise Refused("The metadata in the file's header is no text: export the plug-in again.")
    return metadata


def chosen_metadata(header: bytes, options: dict[str, Any]) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """Read the metadata that is asked for, in a child."""
    metadata = metadata_of(BytesIO(header))
    return {name: metadata[name] for name in options["names"] if name in metadata}, ()


def header_of(file: IO[bytes]) -> bytes:
    """Give the header with its length before it, and nothing of the weights. Raises Refused."""
    start = file.read(_LENGTH)
    length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH else MAX_HEADER + 1
    header = file.read(length) if length <= MAX_HEADER else b""
    if length > MAX_HEADER or len(header) != length:
        raise Refused(_WRONG)
    return start + header
