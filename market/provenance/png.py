"""Text in PNG files, written and read chunk by chunk. The pixels are never decoded, so never changed.

W3C PNG, section 5: a signature, then chunks of length, type, data and CRC-32; iTXt holds UTF-8.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

from market.provenance.record import BadRecord, Record

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = "copyright-plug-in-market"
XMP_KEYWORD = "XML:com.adobe.xmp"
MAX_TEXT = 256 * 1024  # bytes of a record; ours have a few thousand


class BadPng(ValueError):
    """The bytes are not a whole PNG file."""


def embed(png: bytes, record: Record) -> bytes:
    """Put a record into a PNG, in place of any earlier one. The pixels stay as they are."""
    kept, end = [], b""
    for kind, data, whole in _chunks(png):
        if kind == b"IEND":
            end = whole
        elif _keyword(kind, data) not in {KEYWORD, XMP_KEYWORD}:
            kept.append(whole)
    texts = [_text_chunk(KEYWORD, record.as_json()), _text_chunk(XMP_KEYWORD, record.as_xmp())]
    # Before the pixels, for programs that do not read a file to its end.
    return b"".join([SIGNATURE, kept[0], *texts, *kept[1:], end])


def extract(png: bytes) -> Record | None:
    """Read the record of a PNG, or None if it has none that this version can read. Raises BadPng."""
    for kind, data, _whole in _chunks(png):
        if _keyword(kind, data) == KEYWORD:
            with suppress(BadRecord, UnicodeDecodeError, ValueError):
                return Record.from_json(_text_of(data))
    return None


def texts(png: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each text of a PNG with its keyword, at most MAX_TEXT bytes of it. Raises BadPng."""
    for kind, data, _whole in _chunks(png):
        if keyword := _keyword(kind, data):
            yield keyword, _plain(kind, data.partition(b"\0")[2])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield each chunk's type, data and whole bytes, up to IEND. Anything after that is not the picture."""
    if not png.startswith(SIGNATURE):
        raise BadPng("expected a PNG file: its signature is missing")
    at = len(SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(png):
            raise BadPng("the PNG file ends in the middle of a chunk")
        (length,) = struct.unpack_from(">I", png, at)
        end = at + 12 + length
        if end > len(png):
            raise BadPng("the PNG file ends in the middle of a chunk")
        if at == len(SIGNATURE) and png[at + 4 : at + 8] != b"IHDR":
            raise BadPng("expected the PNG file to begin with its header")
        kind, data = png[at + 4 : at + 8], png[at + 8 : end - 4]
        if zlib.crc32(png[at + 4 : end - 4]) != struct.unpack_from(">I", png, end - 4)[0]:
            raise BadPng(f"the checksum of chunk {kind!r} is wrong")
        yield kind, data, png[at:end]
        at = end


def _keyword(kind: bytes, data: bytes) -> str:
    if kind not in {b"iTXt", b"tEXt", b"zTXt"}:
        return ""
    return data.split(b"\0", 1)[0].decode("latin-1")


def _text_chunk(keyword: str, text: str) -> bytes:
    # keyword, compression flag and method, language, translated keyword, text
    data = keyword.encode("latin-1") + b"\0" + b"\0\0" + b"\0" + b"\0" + text.encode()
    if len(data) > MAX_TEXT:
        raise BadRecord(f"the record has {len(data)} bytes; at most {MAX_TEXT} are written")
    body = b"iTXt" + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _text_of(data: bytes) -> str:
    """The text of an iTXt chunk in the form we write: not compressed."""
    _keyword_bytes, rest = data.split(b"\0", 1)
    if len(rest) > MAX_TEXT or rest[:1] != b"\0":
        raise BadRecord("the record is compressed or too long")
    _language, _translated, text = rest[2:].split(b"\0", 2)
    return text.decode()


def _plain(kind: bytes, rest: bytes) -> bytes:
    """Take the text from what follows the keyword in a chunk of any of the three kinds. What is damaged is no text."""
    compressed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    if kind == b"zTXt":
        rest = rest[1:]  # the method, of which there is one
    elif kind == b"iTXt":
        # the flag and the method, then a language and the keyword in it
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not compressed:
        return rest[:MAX_TEXT]
    try:
        return zlib.decompressobj().decompress(rest, MAX_TEXT)
    except zlib.error:
        return b""
