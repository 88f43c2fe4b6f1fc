"""A file says that the market made its picture, whatever program saved it since."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image, PngImagePlugin

from market.provenance import embed, is_made_here
from market.provenance.png import KEYWORD, XMP_KEYWORD
from tests.market.provenance.test_records import RECORD, png


def saved(form: str, **options: object) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(target, form, **options)
    return target.getvalue()


def with_text(keyword: str, text: str, *, compressed: bool, international: bool = True) -> bytes:
    texts = PngImagePlugin.PngInfo()
    if international:
        texts.add_itxt(keyword, text, zip=compressed)
    else:
        texts.add_text(keyword, text, zip=compressed)
    return saved("PNG", pnginfo=texts)


def test_the_markets_own_file_says_so() -> None:
    assert is_made_here(embed(png(), RECORD))
    assert not is_made_here(png())


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "TIFF"])
def test_a_picture_saved_in_another_format_with_its_xmp_says_so(form: str) -> None:
    packet = RECORD.as_xmp().encode()

    assert is_made_here(saved(form, xmp=packet) if form != "TIFF" else saved(form, tiffinfo={700: packet}))


@pytest.mark.parametrize("compressed", [False, True])
def test_the_record_and_the_packet_are_read_compressed_or_not(compressed: bool) -> None:
    assert is_made_here(with_text(KEYWORD, RECORD.as_json(), compressed=compressed))
    assert is_made_here(with_text(XMP_KEYWORD, RECORD.as_xmp(), compressed=compressed))
    assert is_made_here(with_text(KEYWORD, "{}", compressed=compressed, international=False))


def test_a_packet_written_anew_with_elements_says_so() -> None:
    packet = b"<x:xmpmeta><y:CreatorTool>Copyright Plug-in Market</y:CreatorTool></x:xmpmeta>"

    assert is_made_here(saved("JPEG", xmp=packet))


def test_a_file_that_only_names_the_market_does_not_say_so() -> None:
    assert not is_made_here(saved("JPEG", comment=b"sold on Copyright Plug-in Market"))
    assert not is_made_here(with_text("Comment", "Copyright Plug-in Market", compressed=True))


@pytest.mark.parametrize("cut", [20, 60, 200, 900])
def test_a_file_that_breaks_off_is_no_error(cut: int) -> None:
    is_made_here(embed(png(), RECORD)[:cut])


def test_a_bomb_in_a_text_is_inflated_no_further_than_a_record_is_long() -> None:
    bomb = with_text("Comment", "x" * 50_000_000, compressed=True)

    assert len(bomb) < 200_000
    assert not is_made_here(bomb)
    assert not is_made_here(bomb.replace(zlib.compress(b"x"), b""))
