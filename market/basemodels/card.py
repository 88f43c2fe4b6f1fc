"""Read a base model's card: card.json in its diffusers directory, plain data written by whoever trained it.

    {
      "name": "…", "description": "…",
      "fingerprint": "64 hexadecimal digits, as `python -m plugins_engine info` prints it",
      "architecture": "…", "resolution": 64, "default_steps": 25, "default_guidance": 3.0,
      "subjects": ["a fox", …], "styles": ["Noto", …],
      "figures": [{"name": "…", "value": 0.93, "target": 0.9, "unit": "%", "note": "…"}, …],
      "data": [{"name": "…", "artist": "…", "licence": "…", "source": "https://…"}, …],
      "held_out": ["…", …]
    }

All but the fingerprint may be absent. Figures with the unit "%" are fractions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "card.json"
LONGEST = 200_000  # bytes of a card that is kept
PROMPTS_FILE_NAME = "prompts.json"  # {"subjects": […], "styles": […]}, where the card names none


class BadCard(ValueError):
    """The card is missing or says something that cannot be used."""


@dataclass(frozen=True)
class Figure:
    """One measured number, ready to show."""

    name: str
    value: str
    target: str = ""
    note: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class DataSet:
    name: str
    artist: str = ""
    licence: str = ""
    source: str = ""


@dataclass(frozen=True)
class Card:
    name: str = ""
    description: str = ""
    fingerprint: str = ""
    architecture: str = "Stable Diffusion"
    resolution: int = 64
    default_steps: int = 25
    default_guidance: float = 3.0
    subjects: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    data: list[DataSet] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)


def read_card(directory: Path) -> Card:
    """Read DIRECTORY/card.json. Raises BadCard, naming the file and what was expected."""
    return parse_card(read_said(directory))


def read_said(directory: Path) -> dict[str, Any]:
    """Give what DIRECTORY/card.json says, and the prompts beside it, unread. Raises BadCard."""
    path = directory / FILE_NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        prompts = _prompts(directory)
    except FileNotFoundError:
        raise BadCard(f"{path}: not found; expected the card of a base model") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadCard(f"{path}: expected JSON in UTF-8, {error}") from None
    if not isinstance(found, dict):
        raise BadCard(f"{path}: expected a JSON object, found {type(found).__name__}")
    return prompts | found


def parse_card(said: dict[str, Any]) -> Card:
    """Make a card from what was read. Raises BadCard for what cannot be used."""
    try:
        return _card(said)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BadCard(f"{FILE_NAME}: {error}") from error


def require_storable(said: dict[str, Any]) -> None:
    """Raise BadCard for a card that the database could not keep."""
    try:
        written = json.dumps(said, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadCard(f"{FILE_NAME}: expected plain text and finite numbers ({error})") from None
    if len(written) > LONGEST:
        raise BadCard(f"{FILE_NAME}: expected at most {LONGEST} bytes, found {len(written)}")
    if "\\u0000" in json.dumps(said):
        raise BadCard(f"{FILE_NAME}: expected plain text, found a NUL character")


def _prompts(directory: Path) -> dict[str, Any]:
    path = directory / PROMPTS_FILE_NAME
    if not path.exists():
        return {}
    known = json.loads(path.read_text(encoding="utf-8"))
    return {"subjects": list(known["subjects"]), "styles": list(known["styles"])}


def spread_out(items: Sequence[str], count: int) -> list[str]:
    """Take at most `count` of the items, evenly spread: lists are often alphabetical."""
    step = max(1.0, len(items) / count)
    return [items[int(number * step)] for number in range(min(count, len(items)))]


def _card(found: dict[str, Any]) -> Card:
    fingerprint = str(found.get("fingerprint", ""))
    if fingerprint and not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
        raise ValueError(f"fingerprint: expected 64 hexadecimal digits, found {fingerprint!r}")
    return Card(
        name=str(found.get("name", "")),
        description=str(found.get("description", "")),
        fingerprint=fingerprint,
        architecture=str(found.get("architecture", Card.architecture)),
        resolution=int(found.get("resolution", Card.resolution)),
        default_steps=int(found.get("default_steps", Card.default_steps)),
        default_guidance=float(found.get("default_guidance", Card.default_guidance)),
        subjects=[str(each) for each in found.get("subjects", [])],
        styles=[str(each) for each in found.get("styles", [])],
        figures=_figures(found.get("figures", [])),
        data=[_data_set(each) for each in found.get("data", [])],
        held_out=[str(each) for each in found.get("held_out", [])],
    )


def _data_set(entry: dict[str, Any]) -> DataSet:
    said = {key: str(entry.get(key, "")) for key in ("name", "artist", "licence", "source")}
    if not said["source"].startswith(("https://", "http://")):
        said["source"] = ""  # it becomes a link
    return DataSet(**said)


def _figures(found: Any) -> list[Figure]:
    if isinstance(found, dict):
        found = [{"name": name.replace("_", " "), "value": value} for name, value in found.items()]
    return [_figure(entry) for entry in found]


def _figure(entry: dict[str, Any]) -> Figure:
    value, target, unit = entry["value"], entry.get("target"), str(entry.get("unit", ""))
    met = entry.get("met")
    return Figure(
        name=str(entry["name"]),
        value=write_number(value, unit),
        target="" if target is None else write_number(target, unit),
        note=str(entry.get("note", "")),
        met=met if isinstance(met, bool) else None,
    )


def write_number(value: Any, unit: str = "") -> str:
    """Write a figure as people read it: `0.931, "%"` is “93.1%”."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value}"
    if unit == "%":
        return f"{100 * value:.1f}%"
    written = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f"{written} {unit}".strip()
