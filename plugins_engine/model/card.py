"""What a base says of itself: the card.json beside its weights."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugins_engine.errors import BadBase

UNKNOWN_SIDE = 128  # of latents, where neither config nor card says it
MAX_SIZE = 4096  # pixels


def read_card(path: Path) -> dict[str, Any]:
    """Read a base's card; nothing where it has none. Raises BadBase."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadBase(f"{path}: expected JSON, found something else ({error})") from error
    if not isinstance(found, dict):
        raise BadBase(f"{path}: expected a JSON object, found {type(found).__name__}")
    return found


def said_resolution(card: Mapping[str, Any], path: Path, pixels_per_latent: int) -> float:
    """Give the side in pixels that a card says, else the usual one. Raises BadBase for one that nothing could draw."""
    found = number(card, path, "resolution", UNKNOWN_SIDE * pixels_per_latent)
    if not 1 <= found <= MAX_SIZE:
        raise BadBase(f"{path}: expected a resolution of at most {MAX_SIZE}, found {found:g}")
    return found


def number(card: Mapping[str, Any], path: Path, name: str, otherwise: float) -> float:
    """Give a number that a card says, else another. Raises BadBase for what is none."""
    found = card.get(name, otherwise)
    try:
        number = float(found)
    except (ValueError, TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadBase(f"{path}: expected a number as {name}, found {found!r}")
    return number
