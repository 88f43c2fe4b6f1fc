"""The real drawings in memory, which of them the base may see, and how they look on paper."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.colours import GROUNDS, INKS, Colour
from training.styles import STYLES, TABLE, Style
from training.subjects import Subject, characters, is_held_out_pair, subjects

WHITE: Colour = (255, 255, 255)
BLACK: Colour = INKS["black"]


@dataclass(frozen=True)
class Drawing:
    """One real drawing: its style, its subject, and where it lies."""

    style: Style
    subject: Subject
    path: Path
    is_character: bool
    is_held_out_pair: bool

    @property
    def is_held_out(self) -> bool:
        """Tell whether the base must never see it."""
        return self.is_character or self.is_held_out_pair or self.style.role != "known"


def all_drawings(root: Path, styles: Sequence[Style] = STYLES) -> list[Drawing]:
    """List every drawing in a fixed order.

    Raises: FileNotFoundError when the drawings have not been rendered.
    """
    found = []
    for number, style in enumerate(TABLE):
        if style not in styles:
            continue
        folder = root / "drawings" / style.slug
        for index, subject in enumerate(subjects()):
            pair = style.role == "known" and is_held_out_pair(index, number)
            found.append(Drawing(style, subject, folder / f"{subject.slug}.png", False, pair))
        found += [Drawing(style, each, folder / f"{each.slug}.png", True, False) for each in characters()]
    found = [drawing for drawing in found if drawing.path.exists()]
    if not found:
        raise FileNotFoundError(f"no drawings under {root}: run `python -m training drawings` first")
    return found


class Sheets:
    """Drawings held as they were drawn: RGBA (4, h, w) of coloured ones, coverage (1, h, w) of others, uint8."""

    def __init__(self, drawings: Sequence[Drawing]) -> None:
        self.drawings = list(drawings)
        self._held = [_read(drawing) for drawing in self.drawings]

    def __len__(self) -> int:
        return len(self.drawings)

    def held(self, index: int) -> Tensor:
        """Give a drawing as it is held: RGBA or coverage, uint8."""
        return self._held[index]

    def on_paper(self, index: int, ink: Colour = BLACK, ground: Colour = WHITE) -> Tensor:
        """Give a drawing on a ground, in an ink where its colours are not its own: (3, h, w) float, 0 to 255."""
        return on_paper(self._held[index], ink, ground)

    def batch(self, indices: Sequence[int], inks: Sequence[Colour], grounds: Sequence[Colour]) -> Tensor:
        """Give several, each on its paper: (n, 3, h, w) float in -1..1."""
        rows = [self.on_paper(i, k, g) for i, k, g in zip(indices, inks, grounds, strict=True)]
        return torch.stack(rows).div_(127.5).sub_(1.0)

    def plain(self, indices: Sequence[int] | None = None) -> Tensor:
        """Give drawings (all of them by default) in black on white, as (n, 3, h, w) uint8."""
        chosen = range(len(self)) if indices is None else indices
        return torch.stack([self.on_paper(i).round().byte() for i in chosen])


def on_paper(held: Tensor, ink: Colour, ground: Colour) -> Tensor:
    """Lay RGBA or coverage (4 or 1, h, w) uint8 on a ground: (3, h, w) float, 0 to 255."""
    paper = torch.tensor(ground, dtype=torch.float32).view(3, 1, 1)
    if len(held) == 4:
        alpha = held[3:].float() / 255
        return held[:3].float() * alpha + paper * (1 - alpha)
    alpha = held.float() / 255
    return torch.tensor(ink, dtype=torch.float32).view(3, 1, 1) * alpha + paper * (1 - alpha)


def any_ground(rng: random.Random) -> Colour:
    """Draw a named ground."""
    return rng.choice(list(GROUNDS.values()))


def _read(drawing: Drawing) -> Tensor:
    with Image.open(drawing.path) as image:
        array = np.asarray(image, dtype=np.uint8)
    return torch.from_numpy(array.reshape(*array.shape[:2], -1).copy()).permute(2, 0, 1).contiguous()
