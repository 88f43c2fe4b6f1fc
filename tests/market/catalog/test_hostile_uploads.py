"""Uploads that are wrong or meant to do harm: each is refused with its reason, or made harmless."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from market.catalog.pictures import CleanPicture, Limits, clean
from market.catalog.reading import display_name
from market.refusals import Refused
from pictures.captions import caption_of_name
from tests.market.catalog.pictures import decoded, drawing, encoded, png

LIMITS = Limits(max_bytes=2_000_000, max_pixels=4_000_000)


def taken(data: bytes) -> CleanPicture:
    return clean(data, LIMITS)


def refused(data: bytes) -> str:
    with pytest.raises(Refused) as refusal:
        clean(data, LIMITS)
    return str(refusal.value)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bare_png(width: int, height: int, body: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_an_empty_file_is_refused() -> None:
    assert "empty" in refused(b"")


def test_a_file_that_is_too_large_is_refused_with_both_sizes() -> None:
    reason = refused(b"x" * 2_000_001)

    assert "2.0 MB" in reason


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_refused_as_damaged(form: str) -> None:
    whole = encoded(drawing(1, size=(400, 400)), form)

    assert "damaged" in refused(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(100),
        b"\x7fELF" + bytes(100),
        b"plain words",
        bytes(1000),
    ],
    ids=["svg", "html", "pdf", "zip", "elf", "text", "zeros"],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(data: bytes) -> None:
    assert "not a PNG, JPEG, WebP" in refused(data)


@pytest.mark.parametrize("form", ["ICO", "PPM", "PCX"])
def test_a_picture_of_another_format_is_refused(form: str) -> None:
    assert "not a PNG, JPEG, WebP" in refused(encoded(drawing(1), form))


@pytest.mark.parametrize(
    ("form", "kept"),
    [("GIF", "png"), ("BMP", "png"), ("TIFF", "png"), ("AVIF", "webp"), ("HEIF", "webp"), ("JPEG", "webp")],
)
def test_pictures_of_other_common_formats_are_kept_as_our_own(form: str, kept: str) -> None:
    picture = taken(encoded(drawing(1), form))

    assert (picture.extension, picture.width) == (kept, drawing(1).width)


def test_only_a_png_signature_is_no_picture() -> None:
    assert refused(b"\x89PNG\r\n\x1a\n" + bytes(64))


@pytest.mark.parametrize("side", [2_001, 50_000, 2**31 - 1])
def test_huge_dimensions_are_refused_before_a_pixel_is_decoded(side: int) -> None:
    reason = refused(bare_png(side, side))

    assert "megapixels" in reason


def test_a_long_thin_picture_within_the_pixel_cap_is_refused_by_its_side() -> None:
    assert "pixels a side" in refused(bare_png(20_000, 64))


def test_a_decompression_bomb_is_refused() -> None:
    rows = zlib.compress(bytes(60_000_000))

    assert len(rows) < 100_000
    assert "megapixels" in refused(bare_png(5_000, 4_000, rows))


def test_a_text_chunk_that_swells_is_refused() -> None:
    swollen = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))
    whole = png(1)
    bomb = whole[:33] + swollen + whole[33:]

    assert "damaged" in refused(bomb)


def test_a_picture_that_is_too_small_is_refused_with_its_size() -> None:
    assert "40 x 90" in refused(encoded(drawing(1, size=(40, 90))))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_an_animated_picture_is_refused(form: str) -> None:
    frames = [drawing(1), drawing(2)]

    assert "animated" in refused(
        encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    )


def test_of_a_camera_file_with_several_pictures_the_first_is_taken() -> None:
    frames = [drawing(1), drawing(2)]
    picture = taken(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:], quality=95))

    difference = np.abs(np.asarray(decoded(picture.data), float) - np.asarray(frames[0], float)).mean()
    assert difference < 12


@pytest.mark.parametrize("ground", ["white", "black"])
def test_a_blank_sheet_is_refused(ground: str) -> None:
    assert "blank" in refused(encoded(Image.new("RGB", (100, 100), ground)))


def test_white_on_transparent_is_blank_on_paper() -> None:
    picture = Image.new("RGBA", (100, 100), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (20, 20, 60, 60))

    assert "blank" in refused(encoded(picture))


def test_what_is_appended_to_a_picture_is_not_kept() -> None:
    payload = b"PK\x03\x04 <script>alert(1)</script> <?php system($_GET[0]); ?>"
    picture = taken(png(1) + payload)

    assert b"script" not in picture.data
    assert b"php" not in picture.data


def test_what_is_hidden_in_metadata_is_not_kept() -> None:
    marked = drawing(1)
    exif = marked.getexif()
    exif[0x010E] = "taken at home <script>"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    for form in ("JPEG", "PNG", "WEBP"):
        picture = taken(encoded(marked, form, exif=exif))

        read = decoded(picture.data)
        assert b"script" not in picture.data
        assert not read.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile", "dpi"} & set(read.info)


def test_colours_hidden_under_full_transparency_are_not_kept() -> None:
    picture = Image.new("RGBA", (80, 80), (200, 10, 10, 0))
    picture.paste((10, 90, 10, 255), (20, 20, 60, 60))

    kept = np.asarray(decoded(taken(encoded(picture)).data))

    assert kept[0, 0].tolist() == [0, 0, 0, 0]
    assert kept[30, 30].tolist() == [10, 90, 10, 255]


def test_the_cameras_orientation_is_applied() -> None:
    upright = drawing(1, size=(120, 80))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    picture = taken(encoded(upright, "PNG", exif=exif))

    assert (picture.width, picture.height) == (80, 120)
    turned = upright.transpose(Image.Transpose.ROTATE_270)
    assert decoded(picture.data).tobytes() == turned.tobytes()


def test_damaged_exif_data_does_not_lose_the_picture() -> None:
    picture = taken(encoded(drawing(1), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x01"))

    assert (picture.width, picture.height) == (96, 96)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_plain_picture_is_re_encoded_as_png_or_webp(form: str) -> None:
    original = drawing(3)
    picture = taken(encoded(original, form))

    read = decoded(picture.data)
    assert read.format == ("PNG" if form == "PNG" else "WEBP")
    assert picture.content_type == f"image/{(read.format or '').lower()}"
    assert np.abs(np.asarray(read.convert("RGB"), float) - np.asarray(original, float)).mean() < 10
    assert decoded(picture.thumbnail).format == "WEBP"


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    picture = taken(encoded(drawing(1).convert("CMYK"), "JPEG"))

    assert decoded(picture.data).mode == "RGB"


def test_a_16_bit_grey_png_keeps_its_greys() -> None:
    deep = np.tile(np.linspace(0, 65535, 100).astype(np.uint16), (100, 1))
    picture = taken(encoded(Image.fromarray(deep)))

    grey = np.asarray(decoded(picture.data).convert("L"))
    assert grey[0, 0] == 0
    assert grey[0, -1] == 255
    assert abs(int(grey[0, 50]) - 129) <= 2


def test_a_palette_with_transparency_keeps_it() -> None:
    picture = drawing(1).quantize(16)
    picture.info["transparency"] = picture.getpixel((0, 0))
    kept = decoded(taken(encoded(picture, "PNG", transparency=picture.info["transparency"])).data)

    assert kept.mode == "RGBA"
    assert kept.getpixel((0, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_mode_of_png_is_taken(mode: str) -> None:
    assert decoded(taken(encoded(drawing(1).convert(mode))).data).mode in {"RGB", "RGBA"}


def test_an_embedded_colour_profile_is_applied_and_a_broken_one_is_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = drawing(1)

    for embedded in (profile, b"not a profile" * 20):
        kept = decoded(taken(encoded(original, "PNG", icc_profile=embedded)).data)
        assert np.abs(np.asarray(kept, float) - np.asarray(original, float)).mean() < 2


def test_the_same_pixels_have_the_same_hash_in_every_lossless_form() -> None:
    original = drawing(5)
    forms = [
        png(5),
        png(5, compress_level=0),
        encoded(original.convert("RGBA")),
        encoded(original, "WEBP", lossless=True),
    ]

    assert len({taken(form).pixels_sha256 for form in forms}) == 1


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\ada\\fox.png", "fox.png"),
        ("a\x00b\n\u202egnp.exe", "abgnp.exe"),
        ("", "unnamed file"),
        (None, "unnamed file"),
        ("...", "unnamed file"),
        ("x" * 500 + ".png", "x" * 120),
    ],
)
def test_of_a_name_only_the_harmless_part_is_shown(sent: str | None, shown: str) -> None:
    assert display_name(sent) == shown


@pytest.mark.parametrize(
    ("name", "caption"),
    [("red-fox.png", "red fox"), ("Red_Fox_02.png", "red fox"), ("IMG_2041.JPG", ""), ("unnamed file", "")],
)
def test_a_caption_is_guessed_from_a_telling_name(name: str, caption: str) -> None:
    assert caption_of_name(name) == caption
