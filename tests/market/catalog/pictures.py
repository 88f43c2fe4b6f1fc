"""Pictures that tests upload: drawn, so that each seed gives a drawing of its own."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw

SIDE = 96


def drawing(seed: int, *, size: tuple[int, int] = (SIDE, SIDE), ground: str = "white") -> Image.Image:
    """Draw a few shapes in colours and places that depend on the seed alone."""
    chance = random.Random(seed)  # a test's drawing
    picture = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(picture)
    width, height = size
    for _ in range(6):
        x, y = chance.randrange(width), chance.randrange(height)
        w, h = chance.randrange(width // 6, width // 2), chance.randrange(height // 6, height // 2)
        colour = tuple(chance.randrange(220) for _ in range(3))
        shape = chance.choice([pen.ellipse, pen.rectangle])
        shape((x - w // 2, y - h // 2, x + w // 2, y + h // 2), fill=colour)
    return picture


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    target = BytesIO()
    picture.save(target, form, **options)
    return target.getvalue()


def decoded(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def png(seed: int, **options: Any) -> bytes:
    return encoded(drawing(seed), "PNG", **options)


def sent(data: bytes, name: str = "work.png", content_type: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type)
