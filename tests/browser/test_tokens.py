"""The colours of tokens.css keep WCAG AA contrast, in light and in dark; no browser needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "market" / "pages" / "static" / "market"
PAIR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
TOKENS = {name: (light, dark) for name, light, dark in PAIR.findall((STATIC / "tokens.css").read_text())}
SIDES = ("light", "dark")

GROUNDS = ("paper", "surface", "surface-raised", "well")
# What is written on what. AA asks 4.5 of text.
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent", "accent-strong") for ground in GROUNDS),
    *((ink, ground) for ink in ("mark", "gold", "good", "warn", "bad", "info") for ground in GROUNDS[:3]),
    *((state, f"{state}-soft") for state in ("good", "warn", "bad", "info", "gold")),
    *(("ink", f"{state}-soft") for state in ("good", "warn", "bad", "info", "gold", "accent", "mark")),
    ("accent-strong", "accent-soft"),
    ("ink-soft", "accent-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
]
# Outlines of controls and the focus ring. AA asks 3 of what shows a control's shape.
SHAPES = [
    *((shape, ground) for shape in ("line-strong", "focus", "accent", "mark") for ground in GROUNDS[:3]),
    ("line-strong", "well"),
    ("focus", "accent-soft"),
]


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_twenty_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_stands_out_from_what_it_is_written_on(ink: str, ground: str, side: str) -> None:
    at = SIDES.index(side)
    ratio = contrast(TOKENS[ink][at], TOKENS[ground][at])
    assert ratio >= 4.5, f"--{ink} on --{ground} is {ratio:.2f} in {side}"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_controls_stand_out_from_what_they_lie_on(shape: str, ground: str, side: str) -> None:
    at = SIDES.index(side)
    ratio = contrast(TOKENS[shape][at], TOKENS[ground][at])
    assert ratio >= 3, f"--{shape} on --{ground} is {ratio:.2f} in {side}"


def test_only_the_tokens_name_colours() -> None:
    css = re.sub(r"/\*.*?\*/", "", (STATIC / "app.css").read_text(), flags=re.DOTALL)

    found = set(re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", css))

    assert found == {"#fff"}, "a QR code needs white; every other colour belongs into tokens.css"


def test_every_custom_property_in_use_is_a_token() -> None:
    css = (STATIC / "app.css").read_text()
    defined = set(re.findall(r"(--[a-z0-9-]+):", (STATIC / "tokens.css").read_text()))
    # A script sets these, so they are no choice of the design.
    defined |= set(re.findall(r'setProperty\("(--[a-z0-9-]+)"', (STATIC / "controls.js").read_text()))

    assert set(re.findall(r"var\((--[a-z0-9-]+)", css)) <= defined


def test_stylesheets_and_scripts_load_nothing_from_elsewhere() -> None:
    for path in STATIC.rglob("*.*"):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]+/|@import", text), path
