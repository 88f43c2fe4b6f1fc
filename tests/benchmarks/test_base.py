"""Colours are read off the pixels of a picture."""

import pytest
from PIL import Image, ImageDraw

from benchmarks.base import ink_and_ground
from training.colours import GROUNDS, INKS, PAIRS


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_the_ink_and_the_ground_of_a_drawing_are_named(ink: str, ground: str) -> None:
    picture = Image.new("RGB", (256, 256), GROUNDS[ground])
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 60, 190, 190), outline=INKS[ink], width=12)

    # Reduced, so that its edges are mixtures of both.
    assert ink_and_ground(picture.resize((128, 128), Image.Resampling.BICUBIC)) == (ink, ground)


def test_a_bare_ground_has_no_ink() -> None:
    assert ink_and_ground(Image.new("RGB", (128, 128), GROUNDS["cream"])) == (None, "cream")
