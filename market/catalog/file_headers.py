"""What a plug-in's file says of itself in its header. A stranger's file is read in a child process."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any

from market.refusals import Refused
from market.safetensors import NotSafetensors, header_bytes, header_of, metadata_in

_WRONG = "The file is no safetensors file: export the plug-in as .safetensors."


def metadata_of(file: IO[bytes]) -> dict[str, str]:
    """Read the metadata in a safetensors file's header. Raises Refused if it is no such file."""
    try:
        header = header_of(file)
    except NotSafetensors:
        raise Refused(_WRONG) from None
    try:
        return metadata_in(header)
    except NotSafetensors:
        raise Refused("The metadata in the file's header is no text: export the plug-in again.") from None


def chosen_metadata(header: bytes, options: dict[str, Any]) -> tuple[dict[str, str], tuple[bytes, ...]]:
    """Read the requested metadata, in a child process."""
    metadata = metadata_of(BytesIO(header))
    return {name: metadata[name] for name in options["names"] if name in metadata}, ()


def header_alone(file: IO[bytes]) -> bytes:
    """Give a file's header, and nothing of the weights. Raises Refused."""
    try:
        return header_bytes(file)
    except NotSafetensors:
        raise Refused(_WRONG) from None
