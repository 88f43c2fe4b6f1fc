"""Rules that the market and the engine both need, and cannot give each other: they say the same."""

from __future__ import annotations

import io
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.basemodels import prompts
from market.generation.orders import has_weights
from market.ledger.splits import BASIS_POINTS, split
from market.safetensors import MAX_HEADER, NotSafetensors, header_of, metadata_in
from plugins_engine import styled, trigger_phrase
from plugins_engine.adapters import lora_file, sources
from plugins_engine.errors import BadPrompt
from plugins_engine.model.weighted_prompts import parse_prompt
from plugins_engine.safetensors_header import BadHeader, read_header
from plugins_engine.safetensors_header import metadata_in as metadata_of


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_style_is_asked_for_in_the_same_words(subject: str, style: str) -> None:
    assert prompts.styled(subject, style) == styled(subject, style)
    assert prompts.style_called(style) == trigger_phrase(style, "style")


@given(st.text("()\\:1.5- a", max_size=24))
def test_weighted_words_are_found_in_the_same_places(prompt: str) -> None:
    try:
        weighted = not parse_prompt(prompt).is_plain
    except BadPrompt:
        weighted = True
    assert has_weights(prompt) or not weighted


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any))
def test_shares_are_rounded_alike(weights: list[int]) -> None:
    assert sources.BASIS_POINTS == BASIS_POINTS
    assert sources.shares_of(weights) == [share for _, share in split(BASIS_POINTS, list(enumerate(weights)))]


def written(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


WHOLE = json.dumps({"__metadata__": {"a": "b"}, "x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})


@pytest.mark.parametrize(
    "content",
    [
        written(WHOLE.encode()),
        written(b"{}"),
        written(b"{}  "),
        written(b'{"__metadata__": {}}'),
        written(b'{"__metadata__": {"a": 1}}'),
        written(b'{"__metadata__": []}'),
        written(b'{"__metadata__": null}'),
        written(b"[]"),
        written(b"null"),
        written(b"{"),
        written(b"[" * 100_000),
        written("{}".encode("utf-16")),
        written(b"{}", 1000),
        written(b"{}", 2**63),
        written(b"{}", MAX_HEADER + 1),
        written(b""),
        b"",
        b"1234567",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
    ],
)
def test_the_same_files_are_read_and_refused(content: bytes) -> None:
    assert lora_file.MAX_HEADER == MAX_HEADER
    by_engine: dict[str, str] | None
    by_market: dict[str, str] | None
    try:
        header, _ = read_header(io.BytesIO(content), lora_file.MAX_HEADER)
        by_engine = metadata_of(header)
    except BadHeader:
        by_engine = None
    try:
        by_market = metadata_in(header_of(io.BytesIO(content)))
    except NotSafetensors:
        by_market = None
    assert by_market == by_engine
