"""A picture file is read as it looks, whatever wrote it, or refused by what it is."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pictures.still import NotAStill, Sizes, on_white, read_still

ORIENTATION = 0x0112
RED, BLUE = (255, 0, 0), (0, 0, 255)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def halves(left: object = RED, right: object = BLUE, mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (96, 64), left)  # type: ignore[arg-type]  # a colour of the mode
    picture.paste(Image.new(mode, (48, 64), right), (48, 0))  # type: ignore[arg-type]  # the same
    return picture


def near(found: object, expected: tuple[int, ...], by: int = 12) -> bool:
    assert isinstance(found, tuple)
    return all(abs(one - other) <= by for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "HEIF", "BMP", "TIFF"])
def test_every_common_format_is_read(form: str) -> None:
    still = read_still(encoded(halves(), form))

    assert (still.format, still.picture.mode, still.picture.size) == (form, "RGB", (96, 64))
    assert near(still.picture.getpixel((10, 30)), RED)
    assert near(still.picture.getpixel((80, 30)), BLUE)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_picture_is_turned_as_its_camera_says(form: str) -> None:
    lying = halves()
    exif = lying.getexif()
    exif[ORIENTATION] = 6  # turn right: what is left gets up

    still = read_still(encoded(lying, form, exif=exif.tobytes()))

    assert still.picture.size == (64, 96)
    assert near(still.picture.getpixel((30, 10)), RED)
    assert near(still.picture.getpixel((30, 80)), BLUE)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_grey_of_sixteen_bits_keeps_its_shades(form: str) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (64, 1))

    picture = read_still(encoded(Image.fromarray(ramp), form)).picture

    assert [picture.getpixel((x, 0)) for x in (0, 128, 255)] == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]


def test_grey_in_fractions_keeps_its_shades() -> None:
    ramp = np.tile(np.linspace(0, 1, 256).astype(np.float32), (64, 1))

    picture = read_still(encoded(Image.fromarray(ramp), "TIFF")).picture

    assert [picture.getpixel((x, 0)) for x in (0, 128, 255)] == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]


def test_colours_are_brought_to_srgb_by_the_files_profile() -> None:
    lab = ImageCms.createProfile("LAB")
    shades = Image.new("LAB", (64, 64), (200, 60, 190))
    expected = ImageCms.profileToProfile(shades, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert expected is not None

    assert read_still(encoded(shades, "TIFF")).picture.getpixel((3, 3)) == expected.getpixel((3, 3))


def test_a_wide_profile_moves_colours_and_a_broken_one_does_not() -> None:
    picture = Image.new("RGB", (64, 64), (60, 200, 60))

    wide = read_still(encoded(picture, "PNG", icc_profile=wide_profile())).picture
    broken = read_still(encoded(picture, "PNG", icc_profile=b"no profile")).picture

    found = wide.getpixel((0, 0))
    assert isinstance(found, tuple)
    assert found[0] < 30, "a wide gamut's green is less red in sRGB"
    assert broken.getpixel((0, 0)) == (60, 200, 60)


def test_clear_parts_of_palettes_and_greys_are_clear() -> None:
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    clear = encoded(palette, "PNG", transparency=1)
    half = encoded(palette, "PNG", transparency=bytes([255, 128]))
    grey = encoded(Image.new("LA", (64, 64), (0, 128)), "PNG")
    one_colour = encoded(Image.new("RGB", (64, 64), (9, 9, 9)), "PNG", transparency=(9, 9, 9))

    assert on_white(read_still(clear).picture).getpixel((0, 0)) == (255, 255, 255)
    assert near(on_white(read_still(half).picture).getpixel((0, 0)), (127, 255, 127), 2)
    assert near(on_white(read_still(grey).picture).getpixel((0, 0)), (127, 127, 127), 2)
    assert on_white(read_still(one_colour).picture).getpixel((0, 0)) == (255, 255, 255)


def test_what_is_fully_clear_hides_no_colour() -> None:
    assert read_still(encoded(Image.new("RGBA", (64, 64), (1, 2, 3, 0)), "PNG")).picture.getpixel((0, 0)) == (
        0,
        0,
        0,
        0,
    )


def test_inks_for_print_are_read() -> None:
    still = read_still(encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG"))

    assert near(still.picture.getpixel((0, 0)), RED, 20)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_refused_by_name(form: str) -> None:
    data = encoded(
        Image.new("RGB", (64, 64), RED), form, save_all=True, append_images=[Image.new("RGB", (64, 64), BLUE)]
    )

    assert why(data) == "animated"


def test_a_file_of_several_pages_is_refused_by_name() -> None:
    data = encoded(halves(), "TIFF", save_all=True, append_images=[halves(BLUE, RED)])

    assert why(data) == "several pages"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unknown"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown"),
        (b"%PDF-1.7", "unknown"),
        (b"8BPS\0\1" + bytes(100), "unknown"),
        (encoded(halves(), "PNG")[:-30], "damaged"),
        (encoded(halves(), "JPEG")[:300], "damaged"),
        (encoded(halves(), "HEIF")[:-100], "damaged"),
        (encoded(halves(), "TIFF")[:-5000], "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_reason(data: bytes, reason: str) -> None:
    assert why(data) in {reason, "unknown"}


def test_a_size_is_refused_before_any_pixel_is_decoded() -> None:
    sizes = Sizes(most_pixels=1000, most_side=500, least_side=10)

    assert why(header_of(40_000, 40_000)) == "too large"
    assert why(header_of(600, 1), sizes) == "too large"
    assert why(header_of(9, 9), sizes) == "too small"


def why(data: bytes, sizes: Sizes = Sizes()) -> str:  # noqa: B008  # it cannot change
    with pytest.raises(NotAStill) as refused:
        read_still(data, sizes)
    return refused.value.why


def header_of(width: int, height: int) -> bytes:
    """Make a PNG that says a size and has no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def wide_profile() -> bytes:
    """Make a matrix profile of display primaries wider than sRGB's, with a gamma of 2.2."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65_536)) for value in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(78),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += padded
    size = offset + len(body)
    head = (
        struct.pack(">I", size)
        + b"\0\0\0\0"
        + b"\x02\x40\0\0"
        + b"mntrRGB XYZ "
        + bytes(12)
        + b"acsp"
        + bytes(28)
    )
    head += fixed(0.9642, 1.0, 0.8249) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body
