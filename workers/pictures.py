"""Pictures as they are handed over: encoded for the market, decoded for the engine."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image

from market.extractions.grids import Grids
from pictures.still import on_white
from plugins_engine import Grid


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def grids_of(grids: Mapping[str, Grid]) -> Grids:
    return {
        title: (columns, [(prompt, [png(each) for each in pictures]) for prompt, pictures in rows])
        for title, (columns, rows) in grids.items()
    }


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return on_white(picture)
