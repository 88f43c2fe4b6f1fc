"""A picture's file says how it was made, and says it back."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from market.provenance import AI_GENERATED, BadPng, BadRecord, PlugInCredit, Record, embed, extract
from market.provenance.png import KEYWORD

RECORD = Record(
    request="0b0f5a52-0000-4000-8000-000000000001",
    picture=2,
    prompt="a fox, Riverink style — “quoted” <b>&amp; あ",
    negative_prompt="text",
    seed=2**40,
    steps=25,
    guidance=3.0,
    base_name="Little base",
    base_release=1,
    base_fingerprint="ab" * 32,
    plugins=(
        PlugInCredit("Riverink", "Ada & Artist <x>", 3, "cd" * 32, 0.8, commercial_use=False),
        PlugInCredit("Pip", "Berta Brush", 1, "ef" * 32, -0.5),
    ),
)


def png(colour: str = "red") -> bytes:
    target = BytesIO()
    Image.new("RGB", (64, 64), colour).save(target, "PNG")
    return target.getvalue()


def test_a_record_is_read_back_as_it_was_written() -> None:
    assert extract(embed(png(), RECORD)) == RECORD


def test_the_pixels_stay_and_other_programs_read_the_file() -> None:
    marked = embed(png(), RECORD)

    with Image.open(BytesIO(marked)) as picture:
        picture.load()
        assert picture.tobytes() == Image.new("RGB", (64, 64), "red").tobytes()
        said = json.loads(picture.info[KEYWORD])
    assert said["digital_source_type"] == AI_GENERATED
    assert said["prompt_sha256"] == RECORD.prompt_sha256
    assert said["credit"] == "Made with Ada & Artist <x> (“Riverink”), Berta Brush (“Pip”), Little base"


def test_the_xmp_packet_is_well_formed_and_marks_the_picture_as_generated() -> None:
    with Image.open(BytesIO(embed(png(), RECORD))) as picture:
        xmp = picture.info["XML:com.adobe.xmp"]
    packet = xmp[xmp.index("<x:xmpmeta") : xmp.index("<?xpacket end")]

    root = ET.fromstring(packet)  # noqa: S314  # written by us

    (description,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert (
        description.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"] == AI_GENERATED
    )
    artists = [item.text for item in root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")]
    assert artists[:2] == ["Ada & Artist <x>", "Berta Brush"]


def test_control_characters_in_names_do_not_break_the_packet() -> None:
    nasty = replace(RECORD, plugins=(replace(RECORD.plugins[0], artist="a\x00b\x1fc]]>"),))

    xmp = nasty.as_xmp()

    ET.fromstring(xmp[xmp.index("<x:xmpmeta") : xmp.index("<?xpacket end")])  # noqa: S314  # written by us


def test_a_second_record_takes_the_place_of_the_first() -> None:
    other = replace(RECORD, seed=7, plugins=())

    twice = embed(embed(png(), RECORD), other)

    assert extract(twice) == other
    assert twice.count(KEYWORD.encode()) == 1


def test_a_picture_without_a_record_has_none() -> None:
    assert extract(png()) is None


@pytest.mark.parametrize(
    "broken",
    [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", png()[:-6], png()[:40], png()[:-20] + b"\xff" * 20],
    ids=["empty", "gif", "signature", "cut at the end", "cut early", "checksum"],
)
def test_what_is_not_a_whole_png_is_refused(broken: bytes) -> None:
    with pytest.raises(BadPng):
        extract(broken)
    with pytest.raises(BadPng):
        embed(broken, RECORD)


def with_text(text: bytes, flags: bytes = b"\0\0") -> bytes:
    body = b"iTXt" + KEYWORD.encode() + b"\0" + flags + b"\0\0" + text
    plain = png()
    made = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return plain[:33] + made + plain[33:]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe", b"null", b"[]", b"{}", b'{"format": 2}', b"[" * 200_000, b"{" + b"x" * 300_000,
        json.dumps({**json.loads(RECORD.as_json()), "seed": "7"}).encode(),
        json.dumps({**json.loads(RECORD.as_json()), "picture": True}).encode(),
        json.dumps({**json.loads(RECORD.as_json()), "plugins": [{}]}).encode(),
        json.dumps({**json.loads(RECORD.as_json()), "plugins": None}).encode(),
        json.dumps({**json.loads(RECORD.as_json()), "prompt": "another"}).encode(),
    ],
)  # fmt: skip
def test_a_forged_or_broken_record_is_no_record(text: bytes) -> None:
    assert extract(with_text(text)) is None


def test_a_compressed_record_is_not_swollen() -> None:
    assert extract(with_text(zlib.compress(bytes(10_000_000)), b"\1\0")) is None


def test_a_record_that_is_too_long_is_not_written() -> None:
    with pytest.raises(BadRecord, match="at most"):
        embed(png(), replace(RECORD, prompt="x" * 300_000))


def test_a_plain_picture_credits_the_base_alone() -> None:
    assert replace(RECORD, plugins=()).credit_line() == "Made with Little base"
