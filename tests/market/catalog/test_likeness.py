"""Recognising a picture again, and not mistaking others for it."""

from __future__ import annotations

import itertools

import pytest
from PIL import Image, ImageEnhance, ImageOps

from market.catalog.likeness import Likeness, distance, is_copy, is_repeat, likeness, spread
from tests.market.catalog.pictures import decoded, drawing, encoded


def altered(picture: Image.Image) -> dict[str, Image.Image]:
    return {
        "half the size": picture.resize((picture.width // 2, picture.height // 2)),
        "thrice the size": picture.resize((picture.width * 3, picture.height * 3)),
        "saved as a poor JPEG": decoded(encoded(picture, "JPEG", quality=50)),
        "in grey": picture.convert("L").convert("RGB"),
        "darker": ImageEnhance.Brightness(picture).enhance(0.8),
        "with less contrast": ImageEnhance.Contrast(picture).enhance(0.7),
        "with pale colours": ImageEnhance.Color(picture).enhance(0.3),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_altered_copies_are_recognised(seed: int) -> None:
    original = drawing(seed, size=(128, 128))

    for how, copy in altered(original).items():
        assert is_copy(likeness(original), likeness(copy)), how


def test_different_drawings_are_not_copies() -> None:
    drawings = [likeness(drawing(seed)) for seed in range(60)]

    assert not any(is_copy(one, other) for one, other in itertools.combinations(drawings, 2))


def test_a_mirrored_copy_matches_the_mirrored_picture() -> None:
    original = drawing(4)

    assert is_copy(likeness(ImageOps.mirror(ImageOps.mirror(original))), likeness(original))
    assert not is_copy(likeness(ImageOps.mirror(original)), likeness(original))


def test_within_a_concept_another_colour_is_another_work() -> None:
    red, blue = Image.new("RGB", (96, 96), "white"), Image.new("RGB", (96, 96), "white")
    red.paste((200, 30, 30), (20, 20, 70, 60))
    blue.paste((30, 64, 200), (20, 20, 70, 60))

    assert is_copy(likeness(red), likeness(blue))
    assert not is_repeat(likeness(red), likeness(blue))
    assert is_repeat(likeness(red), likeness(red.resize((192, 192))))


def test_a_hash_fits_a_signed_64_bit_column() -> None:
    for seed in range(30):
        value = likeness(drawing(seed)).perceptual_hash
        assert -(2**63) <= value < 2**63


def test_the_distance_counts_bits_of_signed_hashes() -> None:
    assert distance(0, 0) == 0
    assert distance(-1, 0) == 64
    assert distance(-1, -2) == 1
    assert distance(2**63 - 1, -(2**63)) == 64


def test_a_blank_grid_is_like_nothing() -> None:
    blank = Likeness(0, bytes(768))

    assert not is_copy(blank, blank)
    assert spread(Image.new("RGB", (64, 64), "white")) == 0
