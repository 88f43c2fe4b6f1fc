"""Procedural styles: the artists' drawings changed by rule, so that style varies as a factor of its own.

A base that knows a handful of styles as names has no direction in which a new name could move it. Every procedural
style is a source variant, an ink and a ground or a change of colours, a change of shape, and at times a shadow and a
texture. Two made-up words call it.
"""

import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.colours import GROUNDS, INKS, Colour, contrasts, random_pair
from training.drawings import SIZE
from training.pictures import Drawing, Sheets
from training.styles import Style, known
from training.words import made_up_names

COUNT = 160
LEFT_OUT_EVERY = 10  # of a style's subjects, one in so many is never shown
SHAPES = ("as drawn", "thick", "thin", "outline", "rounded", "rough", "mosaic", "soft", "double line")
TEXTURES = ("none", "none", "dots", "hatching", "stripes", "halftone")
TONES = ("turned hue", "four levels", "negative", "duotone", "faded", "as drawn")


@dataclass(frozen=True)
class Recipe:
    """How a procedural style is made of a source style's drawings."""

    name: str
    number: int
    source: Style
    shape: str
    texture: str
    tone: str  # of coloured sources
    ink: Colour
    ground: Colour
    shadow: Colour | None
    pitch: int  # pixels between dots or lines
    strength: float  # 0.7 to 1.3, of the change of shape
    turn: float  # of the hue, 0 to 1

    def leaves_out(self, subject_index: int) -> bool:
        """Tell whether a subject is kept from the base in this style."""
        return (subject_index + 3 * self.number) % LEFT_OUT_EVERY == 0


def recipes(count: int = COUNT, seed: int = 20) -> list[Recipe]:
    """Give the procedural styles, always the same ones."""
    rng = random.Random(seed)
    names = made_up_names(count, seed)
    sources = [style for style in known() if style.look != "pixel"]
    made = []
    for number, name in enumerate(names):
        source = sources[number % len(sources)]
        ink, ground = random_pair(rng)
        shade = rng.choice(list(GROUNDS.values()))
        shape, texture = rng.choice(_shapes_of(source)), rng.choice(TEXTURES)
        if not source.is_coloured and shape == "as drawn" and texture == "none":
            texture = rng.choice(TEXTURES[2:])  # or it were its source in another ink
        made.append(
            Recipe(
                name=name,
                number=number,
                source=source,
                shape=shape,
                texture=texture,
                tone=rng.choice(TONES),
                ink=INKS[ink],
                ground=GROUNDS[ground],
                shadow=shade if rng.random() < 0.25 and contrasts(shade, GROUNDS[ground]) else None,
                pitch=rng.choice((4, 5, 6, 8)),
                strength=rng.uniform(0.7, 1.3),
                turn=rng.random(),
            )
        )
    return made


def _shapes_of(source: Style) -> tuple[str, ...]:
    """Give what can be done to a source: thin lines cannot be thinned, colours have no single edge to outline."""
    if source.is_coloured:
        return ("as drawn", "mosaic", "rough", "soft", "thick")
    if source.look == "line":
        return ("as drawn", "thick", "rough", "mosaic", "soft", "double line")
    return tuple(shape for shape in SHAPES if shape != "double line")


@torch.no_grad()
def make(recipe: Recipe, sheets: Sheets, indices: list[int]) -> Tensor:
    """Draw pictures of a procedural style from its source's drawings: (n, 3, SIZE, SIZE) uint8."""
    generator = torch.Generator().manual_seed(recipe.number)
    held = torch.stack([sheets.held(i) for i in indices]).float() / 255
    colours, cover = (held[:, :3], held[:, 3:]) if held.shape[1] == 4 else (None, held)
    field = _noise(generator)
    cover = _shaped(cover, recipe, field)
    if colours is None:
        colours = _colour(recipe.ink).expand(len(held), 3, SIZE, SIZE)
        ground = recipe.ground
    else:
        if recipe.shape in ("mosaic", "soft", "rough"):
            colours = _shaped(colours, recipe, field, colours=True)
        colours = _toned(colours, recipe)
        ground = recipe.ground if recipe.number % 2 else (255, 255, 255)
    ground_colour = _colour(ground)
    colours = _textured(colours, recipe, ground_colour)
    picture = ground_colour.expand(len(held), 3, SIZE, SIZE)
    if recipe.shadow is not None:
        moved = torch.roll(cover, (5, 5), (2, 3))
        picture = picture * (1 - moved) + _colour(recipe.shadow) * moved
    picture = picture * (1 - cover) + colours * cover
    return picture.mul(255).round().clamp(0, 255).byte()


def usable(recipe: Recipe, drawings: list[Drawing], order: dict[str, int]) -> list[int]:
    """Give the indices of the drawings that a procedural style shows the base. ``order``: subject slug to index."""
    return [
        i
        for i, drawing in enumerate(drawings)
        if drawing.style == recipe.source
        and not drawing.is_held_out
        and not recipe.leaves_out(order[drawing.subject.slug])
    ]


def _colour(colour: Colour) -> Tensor:
    return torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1) / 255


def _noise(generator: torch.Generator) -> Tensor:
    """Give a smooth field of displacements: (2, SIZE, SIZE), about -1 to 1."""
    coarse = torch.randn((1, 2, 22, 22), generator=generator)
    return F.interpolate(coarse, (SIZE, SIZE), mode="bicubic", align_corners=False)[0].clamp(-2, 2) / 2


def _shaped(x: Tensor, recipe: Recipe, field: Tensor, colours: bool = False) -> Tensor:
    """Change the shape of coverage (n, 1, h, w), 0 to 1; or move colours the same way."""
    size = max(1, round(2 * recipe.strength))
    shape = recipe.shape
    if shape == "mosaic":
        cells = round(20 + 8 * recipe.turn)
        small = F.interpolate(x, (cells, cells), mode="area")
        small = small if colours else (small > 0.35).float()
        return F.interpolate(small, (SIZE, SIZE), mode="nearest")
    if shape == "rough":
        axis = torch.linspace(-1, 1, SIZE)
        y, x0 = torch.meshgrid(axis, axis, indexing="ij")
        reach = 0.05 * recipe.strength
        grid = torch.stack([x0 + reach * field[0], y + reach * field[1]], -1)
        moved = F.grid_sample(x, grid.expand(len(x), -1, -1, -1), align_corners=True, padding_mode="border")
        return moved.clamp(0, 1)
    if shape == "soft":
        return _blurred(x, 1.6 * recipe.strength)
    if colours or shape == "as drawn":
        return x
    if shape == "thick":
        return _grown(x, size)
    if shape == "thin":
        return _shrunk(x, 1)
    if shape == "outline":
        return (_grown(x, 1) - _shrunk(x, size + 1)).clamp(0, 1)
    if shape == "double line":
        return (_grown(x, size + 1) - _shrunk(_grown(x, size), size - 1 or 1) * 0.9).clamp(0, 1)
    return ((_blurred(x, 4.0) - 0.5) * 6 + 0.5).clamp(0, 1)  # rounded


def _grown(x: Tensor, by: int) -> Tensor:
    return F.max_pool2d(x, 2 * by + 1, 1, by)


def _shrunk(x: Tensor, by: int) -> Tensor:
    return 1 - _grown(1 - x, by)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(2 * sigma))
    axis = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = (-(axis**2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    channels = x.shape[1]
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(rows, kernel.transpose(2, 3).expand(channels, 1, 1, -1), groups=channels)


def _toned(colours: Tensor, recipe: Recipe) -> Tensor:
    """Change the colours (n, 3, h, w), 0 to 1, of a coloured source."""
    grey = (colours * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if recipe.tone == "turned hue":
        # A turn about the grey axis keeps the brightness nearly.
        angle = torch.tensor(2 * torch.pi * (0.2 + 0.6 * recipe.turn))
        cos, sin = angle.cos(), angle.sin() / 3**0.5
        third = (1 - cos) / 3
        matrix = torch.full((3, 3), float(third))
        matrix += torch.eye(3) * cos
        matrix += torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) * sin
        return torch.einsum("ij,njhw->nihw", matrix, colours).clamp(0, 1)
    if recipe.tone == "four levels":
        return (colours * 3).round() / 3
    if recipe.tone == "negative":
        return 1 - colours
    if recipe.tone == "duotone":
        return _colour(recipe.ink) * (1 - grey) + (0.5 + 0.5 * _colour(recipe.ground)) * grey
    if recipe.tone == "faded":
        return (0.4 + 0.6 * (0.4 * colours + 0.6 * grey)).clamp(0, 1)
    return colours


def _textured(colours: Tensor, recipe: Recipe, ground: Tensor) -> Tensor:
    """Let the ground show through in dots or lines, inside what is drawn only."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    pitch = recipe.pitch
    if recipe.texture == "dots":
        holes = ((x % pitch - pitch / 2) ** 2 + (y % pitch - pitch / 2) ** 2) < (0.3 * pitch) ** 2
    elif recipe.texture == "hatching":
        holes = (x + y) % pitch < 0.35 * pitch
    elif recipe.texture == "stripes":
        holes = y % pitch < 0.4 * pitch
    elif recipe.texture == "halftone":
        near = ((x % pitch - pitch / 2) ** 2 + (y % pitch - pitch / 2) ** 2).sqrt() / pitch
        holes = near > 0.25 + 0.4 * y / SIZE
    else:
        return colours
    mask = holes.float().view(1, 1, SIZE, SIZE) * 0.85
    return colours * (1 - mask) + ground * mask
