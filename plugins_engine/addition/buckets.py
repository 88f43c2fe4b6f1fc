"""Aspect ratio buckets: works are learned from in shapes near their own, each with about as many pixels as the base's own pictures.

A square cut loses what stands at the ends of a wide or a tall work. The idea is NovelAI's (2022), and other trainers follow it.
"""

import math
from collections.abc import Sequence

from PIL import Image

from plugins_engine.model.base import BaseCheckpoint

Shape = tuple[int, int]  # width and height in pixels

_PARTS = 8  # sides are multiples of one part in so many of the base's own side: 64 pixels where that is 512
_LONGEST = 2  # times the base's own side


def buckets_of(base: BaseCheckpoint) -> list[Shape]:
    """Give the shapes for a base: its own square, and those from 1:4 to 4:1 that have hardly fewer pixels and no more."""
    own = base.resolution
    smallest, step, largest = base.sides
    unit = max(step, own // _PARTS // step * step)
    least = max(unit, -(-smallest // unit) * unit, own // _LONGEST // unit * unit)
    most = own * _LONGEST if largest is None else min(own * _LONGEST, largest)
    found = {(own, own)}
    for short in range(least, own, unit):
        long = min(own * own // short, most) // unit * unit
        if long > short:
            found |= {(short, long), (long, short)}
    return sorted(found)


def bucket_for(picture: Image.Image, buckets: Sequence[Shape]) -> Shape:
    """Give the bucket whose proportions are nearest to a picture's."""
    ratio = math.log(picture.width / picture.height)
    return min(buckets, key=lambda shape: (abs(math.log(shape[0] / shape[1]) - ratio), shape))
