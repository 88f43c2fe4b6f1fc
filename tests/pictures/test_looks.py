"""What is kept of a picture, and telling by it whether another picture shows it, altered."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from pictures.alike import Found, Probe, compare, is_alike
from pictures.looks import (
    GRID,
    KEPT_POINTS,
    MOST_POINTS,
    REDUCED,
    Look,
    NotALook,
    look_at,
    mirrored,
    orientations,
    reduced,
    shape_of,
    sheet,
)

Alter = Callable[[Image.Image], Image.Image]


def drawing(seed: int, side: int = 256) -> Image.Image:
    """Draw shapes and lines, enough that no two seeds could be taken for each other."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = chance.randrange(side // 8, side * 7 // 8), chance.randrange(side // 8, side * 7 // 8)
        w, h = chance.randrange(side // 16, side // 4), chance.randrange(side // 16, side // 4)
        colour = tuple(chance.randrange(200) for _ in range(3))
        shape = chance.choice([pen.ellipse, pen.rectangle])
        shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=colour)
        pen.line([(chance.randrange(side), chance.randrange(side)) for _ in range(2)], fill=colour, width=4)
    return picture


def probe(picture: Image.Image) -> Probe:
    return Probe(look_at(picture), sheet(picture))


def recognised(picture: Image.Image, known: Image.Image) -> bool:
    look = Look.unpacked(look_at(known).packed())
    return is_alike(compare(probe(picture), look), look)


def montage(picture: Image.Image) -> Image.Image:
    large = Image.new("RGB", (512, 512), "white")
    for number in range(4):
        large.paste(picture if number == 2 else drawing(900 + number), (number % 2 * 256, number // 2 * 256))
    return large


def seen_from_the_side(picture: Image.Image) -> Image.Image:
    numbers = (1.1, 0.08, -20.0, 0.05, 1.15, -12.0, 0.0003, 0.0004)
    return picture.transform(
        picture.size, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC, fillcolor="white"
    )


def noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 25, (picture.height, picture.width, 3))
    return Image.fromarray(np.clip(np.asarray(picture, float) + noise, 0, 255).astype(np.uint8))


ALTERED: dict[str, Alter] = {
    "turned to the side": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned upside down": lambda picture: picture.transpose(Image.Transpose.ROTATE_180),
    "turned a little": lambda picture: picture.rotate(17, expand=True, fillcolor="white"),
    "mirrored": ImageOps.mirror,
    "cropped to 60 percent of each side": lambda picture: picture.crop((10, 10, 164, 164)),
    "with a border": lambda picture: ImageOps.expand(picture, 50, "navy"),
    "as a negative": ImageOps.invert,
    "in perspective": seen_from_the_side,
    "in a montage": montage,
    "at a quarter of the size": lambda picture: picture.resize((64, 64), Image.Resampling.LANCZOS),
    "with its colours changed about": lambda picture: Image.merge("RGB", picture.split()[::-1]),
    "in grey": lambda picture: picture.convert("L").convert("RGB"),
    "with noise": noisy,
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_picture_is_recognised(how: str) -> None:
    original = drawing(1)

    assert recognised(ALTERED[how](original), original)


def test_different_drawings_are_not_taken_for_each_other() -> None:
    drawings = [drawing(seed) for seed in range(20, 28)]

    assert not any(recognised(one, other) for one, other in itertools.combinations(drawings, 2))


def test_a_plain_sign_is_not_recognised_in_anothers_plain_sign() -> None:
    """Two artists' hearts, or moons, are much alike."""
    one, other = Image.new("RGB", (256, 256), "white"), Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(one).rounded_rectangle((40, 90, 216, 166), 30, fill="black")
    ImageDraw.Draw(other).rounded_rectangle((30, 70, 220, 190), 20, fill="navy")

    assert not recognised(one, other)


def test_an_oval_is_not_recognised_in_another_oval() -> None:
    one, other = Image.new("RGB", (256, 256), "white"), Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(one).ellipse((40, 90, 216, 166), fill="black")
    ImageDraw.Draw(other).ellipse((60, 30, 200, 230), fill="navy")

    assert not recognised(one, other)


def test_a_part_of_both_in_common_does_not_make_them_one_picture() -> None:
    assert not is_alike(Found(likeness=0.99, cover=0.3, own=0.3), look_at(drawing(1)))
    assert is_alike(Found(likeness=0.99, cover=0.3, own=1.0), look_at(drawing(1)))


def test_a_part_that_is_too_small_is_not_recognised() -> None:
    assert not is_alike(Found(likeness=1.0, cover=0.2, own=1.0), look_at(drawing(1)))


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (1, 1), "red"),
        Image.new("RGB", (300, 300), "white"),
        Image.new("RGB", (16_000, 64), "white"),
        Image.new("RGB", (1, 5_000), "black"),
        Image.effect_noise((300, 300), 200).convert("RGB"),
    ],
    ids=["a pixel", "a blank sheet", "a ribbon", "a hair", "noise"],
)
def test_pictures_of_nothing_are_looked_at_and_are_like_nothing(picture: Image.Image) -> None:
    known, look = look_at(drawing(1)), look_at(picture)

    assert Look.unpacked(look.packed()).size == look.size
    assert len(look.points) <= MOST_POINTS
    assert not is_alike(compare(probe(picture), known), known)
    assert not is_alike(compare(probe(drawing(1)), look), look)


def test_two_blank_sheets_are_not_alike() -> None:
    blank = look_at(Image.new("RGB", (200, 200), "white"))

    assert not is_alike(compare(probe(Image.new("RGB", (99, 99), "white")), blank), blank)
    assert not shape_of(blank).any()


def test_a_look_is_read_back_as_it_was_written_with_its_strongest_points() -> None:
    look = look_at(drawing(3))

    back = Look.unpacked(look.packed())

    assert back.size == look.size
    assert np.array_equal(back.outlines, look.outlines)
    assert np.allclose(back.points, look.points[:KEPT_POINTS])
    assert np.array_equal(back.descriptions, look.descriptions[:KEPT_POINTS])


@pytest.mark.parametrize("data", [b"", b"\0" * 9, b"\xff" * 400, look_at(drawing(3)).packed()[:-1]])
def test_bytes_that_are_no_look_are_refused(data: bytes) -> None:
    with pytest.raises(NotALook):
        Look.unpacked(data)


def test_the_points_of_a_mirrored_picture_follow_from_those_of_the_picture() -> None:
    picture = drawing(4)
    expected, told = look_at(ImageOps.mirror(picture)), mirrored(look_at(picture))

    short, other = reduced(expected.descriptions), reduced(told.descriptions)

    assert np.median((short @ other.T).max(axis=1)) > 0.99
    assert short.shape == (len(expected.points), REDUCED)


def test_a_turned_drawing_has_one_of_the_eight_shapes() -> None:
    shape = shape_of(look_at(drawing(5)))
    turned = shape_of(look_at(drawing(5).transpose(Image.Transpose.TRANSPOSE)))

    assert shape.shape == (GRID, GRID)
    assert max(float((turned * each).sum()) for each in orientations(shape)) > 0.95
