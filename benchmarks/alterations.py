"""What somebody does to a picture that is not theirs, so that it is not recognised."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter, ImageOps

Picture = Image.Image
Turn = Image.Transpose


@dataclass(frozen=True)
class Around:
    """What an alteration may draw from: chance, other pictures, and a photograph."""

    chance: random.Random
    others: Sequence[Picture]
    photograph: Picture


def _turned_a_little(picture: Picture, around: Around) -> Picture:
    angle = around.chance.choice((-1, 1)) * around.chance.uniform(5, 30)
    return picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=picture.getpixel((0, 0)))


def _cropped(picture: Picture, side: float, x: float, y: float) -> Picture:
    """Keep a share of each side. x, y: where, 0 to 1."""
    width, height = (round(each * side) for each in picture.size)
    left, top = round((picture.width - width) * x), round((picture.height - height) * y)
    return picture.crop((left, top, left + width, top + height))


def _border(picture: Picture, around: Around) -> Picture:
    colour = around.chance.choice(("black", "navy", "gold", "white"))
    return ImageOps.expand(picture, round(picture.width * 0.2), fill=colour)


def _perspective(picture: Picture, around: Around) -> Picture:
    """Seen from the side: each corner comes in by up to 14% of a side."""
    width, height = picture.size
    come_in = [around.chance.uniform(0, 0.14) for _ in range(8)]
    here = ((0, 0), (width, 0), (width, height), (0, height))
    ways = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    there = [
        (x + way[0] * come_in[2 * n] * width, y + way[1] * come_in[2 * n + 1] * height)
        for n, ((x, y), way) in enumerate(zip(here, ways, strict=True))
    ]
    rows, wanted = [], []
    for (x, y), (u, v) in zip(here, there, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    numbers = np.linalg.solve(np.array(rows, float), np.array(wanted, float))
    ground = picture.getpixel((0, 0))
    return picture.transform(
        picture.size,
        Image.Transform.PERSPECTIVE,
        numbers.tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=ground,
    )


def _montage(picture: Picture, around: Around) -> Picture:
    """One of four."""
    width, height = picture.size
    large = Image.new("RGB", (2 * width, 2 * height), "white")
    place = around.chance.randrange(4)
    for number in range(4):
        shown = picture if number == place else around.chance.choice(around.others).resize(picture.size)
        large.paste(shown, (number % 2 * width, number // 2 * height))
    return large


def _in_a_photograph(picture: Picture, around: Around) -> Picture:
    large = around.photograph.copy()
    side = round(0.5 * large.height)
    small = picture.resize((side, side), Image.Resampling.LANCZOS)
    at = (around.chance.randrange(large.width - side), around.chance.randrange(large.height - side))
    large.paste(small, at)
    return large


def _jpeg(picture: Picture, quality: int) -> Picture:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality)
    return Image.open(target).convert("RGB")


def _recoloured(picture: Picture, around: Around) -> Picture:
    """Other hues, another ink and another paper."""
    numbers = np.array(picture.convert("HSV"))
    numbers[..., 0] += np.uint8(around.chance.choice((60, 85, 128, 170)))
    turned = np.asarray(Image.fromarray(numbers, "HSV").convert("RGB"), float) / 255
    ink = np.array(
        around.chance.choice(((0.4, 0.1, 0.15), (0.1, 0.2, 0.4), (0.1, 0.3, 0.1), (0.3, 0.1, 0.35)))
    )
    paper = np.array(around.chance.choice(((1, 0.95, 0.8), (0.85, 0.95, 1), (1, 0.9, 0.95))))
    return Image.fromarray(np.uint8(255 * np.clip(ink + turned * (paper - ink), 0, 1)))


def _noisy(picture: Picture, around: Around) -> Picture:
    """Gaussian noise of 25 of 255."""
    noise = np.random.default_rng(around.chance.randrange(1 << 30)).normal(0, 25, (*picture.size[::-1], 3))
    return Image.fromarray(np.uint8(np.clip(np.asarray(picture, float) + noise, 0, 255)))


def _several(picture: Picture, around: Around) -> Picture:
    """Mirrored, turned, cropped, recoloured and saved as a poor JPEG."""
    turned = ImageOps.mirror(picture).rotate(
        around.chance.uniform(-8, 8), Image.Resampling.BICUBIC, fillcolor=picture.getpixel((0, 0))
    )
    cropped = _cropped(turned, 0.9, around.chance.random(), around.chance.random())
    return _jpeg(_recoloured(cropped, around), 60)


ALTERATIONS: dict[str, Callable[[Picture, Around], Picture]] = {
    "turned_90": lambda picture, around: picture.transpose(Turn.ROTATE_90),
    "turned_180": lambda picture, around: picture.transpose(Turn.ROTATE_180),
    "turned_270": lambda picture, around: picture.transpose(Turn.ROTATE_270),
    "turned_5_to_30": _turned_a_little,
    "mirrored": lambda picture, around: ImageOps.mirror(picture),
    "upside_down": lambda picture, around: ImageOps.flip(picture),
    "cropped_to_60_percent_of_the_area": lambda picture, around: _cropped(
        picture, 0.775, around.chance.choice((0, 1)), around.chance.choice((0, 1))
    ),
    "cropped_to_60_percent_a_side_middle": lambda picture, around: _cropped(picture, 0.6, 0.5, 0.5),
    "cropped_to_60_percent_a_side_corner": lambda picture, around: _cropped(
        picture, 0.6, around.chance.choice((0, 1)), around.chance.choice((0, 1))
    ),
    "border": _border,
    "inverted": lambda picture, around: ImageOps.invert(picture),
    "perspective": _perspective,
    "montage_of_four": _montage,
    "in_a_photograph": _in_a_photograph,
    "jpeg_50": lambda picture, around: _jpeg(picture, 50),
    "a_quarter_of_the_size": lambda picture, around: picture.resize(
        (picture.width // 4, picture.height // 4), Image.Resampling.LANCZOS
    ),
    "recoloured": _recoloured,
    "grey": lambda picture, around: picture.convert("L").convert("RGB"),
    "noise": _noisy,
    "blur": lambda picture, around: picture.filter(ImageFilter.GaussianBlur(picture.width / 100)),
    "several_at_once": _several,
}
"""Each takes a picture, in RGB, and gives the altered one."""
