"""The header of a safetensors file: its length in eight bytes, then JSON. Read without torch, and before any weights."""

import json
from typing import IO, Any

_LENGTH = 8  # bytes, little-endian


class BadHeader(Exception):
    """Say what was expected of the file, and what was found; whoever reads it names the file."""


def read_header(file: IO[bytes], most: int) -> tuple[dict[str, Any], int]:
    """Give the header, and at which byte of the file the weights begin.

    The file may be hostile: a header of more than `most` bytes is not read. Raises BadHeader.
    """
    start = file.read(_LENGTH)
    if len(start) < _LENGTH:
        raise BadHeader(f"expected a safetensors file, found {len(start)} bytes")
    length = int.from_bytes(start, "little")
    if length > most:
        raise BadHeader(f"expected a safetensors header of at most {most} bytes, found {length}")
    text = file.read(length)
    if len(text) < length:
        raise BadHeader(
            f"expected a header of {length} bytes, found {len(text)}: the file is cut off, or is not a safetensors file"
        )
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise BadHeader("expected a safetensors file, found a header that is not JSON") from None
    if not isinstance(header, dict):
        raise BadHeader("expected a safetensors file, found a header that is not a JSON object")
    return header, _LENGTH + length


def metadata_in(header: dict[str, Any]) -> dict[str, str]:
    """Give what a header says beside its tensors. Raises BadHeader."""
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise BadHeader("expected text metadata in the safetensors header, found something else")
    return metadata


def entries_in(header: dict[str, Any]) -> dict[str, Any]:
    """Give the entries of the tensors, by their names."""
    return {name: entry for name, entry in header.items() if name != "__metadata__"}
