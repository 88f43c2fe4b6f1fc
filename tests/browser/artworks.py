"""Works to upload, drawn here: one character, a round-eared bear, in poses and colours that clearly differ."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 192
COATS = ("#8c5a33", "#c98f4e", "#5b5f73", "#a3483a", "#3f6b52")
GROUNDS = ("#f4e3c1", "#cfe3ea", "#fbd9c9", "#e3e0f0", "#dfeacb")
# Where the head is, and how large: five pictures that no duplicate check takes for one another.
HEADS = ((96, 96, 58), (70, 120, 44), (124, 84, 40), (92, 70, 34), (104, 128, 52))


def bears(folder: Path) -> list[Path]:
    """Draw five pictures into `folder`, named by what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_bear(folder / f"a bear {number + 1}.png", number) for number in range(len(HEADS))]


def _bear(path: Path, number: int) -> Path:
    x, y, radius = HEADS[number]
    picture = Image.new("RGB", (SIDE, SIDE), GROUNDS[number])
    draw = ImageDraw.Draw(picture)
    coat = COATS[number]

    def disc(cx: float, cy: float, r: float, colour: str) -> None:
        draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=colour)

    if number % 2:
        draw.rectangle((0, 150, SIDE, SIDE), fill="#6a8f5a")
    if number >= 2:
        disc(30 + 30 * number, 36, 18, "#e8b23a")
    for side in (-1, 1):
        disc(x + side * radius * 0.75, y - radius * 0.75, radius * 0.36, coat)
        disc(x + side * radius * 0.75, y - radius * 0.75, radius * 0.18, "#f0c9a8")
    disc(x, y, radius, coat)
    disc(x, y + radius * 0.35, radius * 0.45, "#f0d9bd")
    for side in (-1, 1):
        disc(x + side * radius * 0.36, y - radius * 0.15, radius * 0.11, "#1d1a17")
    disc(x, y + radius * 0.22, radius * 0.14, "#1d1a17")
    picture.save(path)
    return path
