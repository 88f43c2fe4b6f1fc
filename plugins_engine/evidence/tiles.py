"""How far apart two pictures are, tile by tile."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import pixels_of

Array = NDArray[np.float64]


def picture_tiles(base: BaseCheckpoint, pictures: Sequence[Image.Image], tiles: int) -> Array:
    """Cut pictures at the base's size into tiles: (n, tiles x tiles, values), 0 to 1."""
    size = base.resolution
    if size % tiles:
        raise BadRequest(f"tiles {tiles}: expected a divisor of the base's {size} pixels")
    pixels = (pixels_of(base, pictures, flip=False) + 1) / 2
    cut = pixels.unfold(2, size // tiles, size // tiles).unfold(3, size // tiles, size // tiles)
    found: Array = cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2).numpy().astype(np.float64)
    return found


def tile_distances(first: Array, second: Array) -> Array:
    """Give the distances (n, m) of pictures as tiles, (n, tiles, values) and (m, tiles, values), values 0 to 1.

    The distance of two tiles is the root mean square difference of their values, that of two pictures their worst tile's.
    """
    worst = np.zeros((len(first), len(second)))
    for a, b in zip(first.swapaxes(0, 1), second.swapaxes(0, 1), strict=True):
        squares = (a**2).mean(1)[:, None] + (b**2).mean(1)[None] - 2 * (a @ b.T) / a.shape[1]
        worst = np.maximum(worst, squares)
    distances: Array = np.sqrt(np.maximum(worst, 0.0))
    return distances
