"""Headers of safetensors files, whole and hostile."""

from __future__ import annotations

import io
import json
import struct

import pytest
import safetensors.torch
import torch

from plugins_engine.safetensors_header import BadHeader, entries_in, metadata_in, read_header


def test_a_header_says_where_the_weights_begin() -> None:
    content = safetensors.torch.save({"a": torch.ones(3)}, metadata={"made": "here"})
    header, begin = read_header(io.BytesIO(content), 1000)
    assert metadata_in(header) == {"made": "here"}
    assert entries_in(header) == {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}
    assert content[begin:] == torch.ones(3).numpy().tobytes()


def written(header: bytes, length: int | None = None) -> io.BytesIO:
    return io.BytesIO(struct.pack("<Q", len(header) if length is None else length) + header)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (io.BytesIO(b"1234567"), "found 7 bytes"),
        (written(b"{}", 2**63), "of at most 1000 bytes"),
        (written(b"{}", 500), "cut off"),
        (written(b"{"), "not JSON"),
        (written(b"[" * 999), "not JSON"),
        (written(b"\xff\xfe{}"), "not JSON"),
        (written(b"[]"), "not a JSON object"),
    ],
)
def test_anything_else_is_refused_with_what_was_found(file: io.BytesIO, said: str) -> None:
    with pytest.raises(BadHeader, match=said):
        read_header(file, 1000)


@pytest.mark.parametrize("metadata", [[], "text", {"a": 1}, None])
def test_metadata_is_text(metadata: object) -> None:
    header, _ = read_header(written(json.dumps({"__metadata__": metadata}).encode()), 1000)
    with pytest.raises(BadHeader, match="text metadata"):
        metadata_in(header)
