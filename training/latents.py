"""What the base is trained on, coded once: real drawings on several papers, and procedural pictures."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from training import checkpoint, procedural
from training.autoencoder import load_trained
from training.colours import GROUNDS, INKS, PLAIN, random_pair
from training.pictures import Sheets, all_drawings
from training.progress import ProgressLine
from training.subjects import characters, subjects

PAPERS = 3  # of a monochrome drawing: black on white, and two others
COLOURED_PAPERS = 2
PROCEDURAL_SUBJECTS = 90  # of each procedural style


@dataclass(frozen=True)
class Item:
    """One coded picture: what it shows, in which style, in what ink on what ground (None: the style decides)."""

    subject: str
    style: str
    ink: str | None
    ground: str | None


@dataclass
class Latents:
    """Coded pictures with their words. The first ``real`` are of the artists, in order; the rest are procedural."""

    values: Tensor  # (n, c, h, w) float16, normalised
    items: list[Item]
    real: int
    repeats: Tensor  # (real,) how many papers the drawing has: it is drawn with one over that weight


@torch.no_grad()
def normalise(autoencoder: AutoencoderKL, images: torch.Tensor) -> AutoencoderKL:
    """Fold the latents' mean and spread into the 1x1 convolutions around them.

    Afterwards every latent channel has mean 0 and standard deviation 1 over ``images``, with ``scaling_factor`` 1. So
    any Stable Diffusion pipeline reads the directory as it is.
    """
    latents = torch.cat([autoencoder.encode(part).latent_dist.mode() for part in torch.split(images, 64)])
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    quant, post = autoencoder.quant_conv, autoencoder.post_quant_conv
    channels = len(mean)
    # moments = (mean, log variance): the mean is shifted and scaled, the log variance shifted alone.
    quant.weight[:channels] /= spread.view(-1, 1, 1, 1)
    quant.bias[:channels] = (quant.bias[:channels] - mean) / spread
    quant.bias[channels:] -= 2 * spread.log()
    post.bias += post.weight.flatten(1) @ mean
    post.weight *= spread.view(1, -1, 1, 1)
    autoencoder.register_to_config(scaling_factor=1.0)
    return autoencoder


def normalised(root: Path) -> AutoencoderKL:
    """Give the trained autoencoder with its latents normalised over a fixed choice of what the base sees."""
    sheets = Sheets([d for d in all_drawings(root) if not d.is_held_out])
    rng = random.Random(3)
    chosen = rng.sample(range(len(sheets)), 768)
    pairs = [random_pair(rng) if i % 2 else PLAIN for i in range(len(chosen))]
    images = sheets.batch(chosen, [INKS[a] for a, _ in pairs], [GROUNDS[b] for _, b in pairs])
    return normalise(load_trained(root), images)


@torch.no_grad()
def make_latents(root: Path, _: int | None = None) -> None:
    """Code everything that the base sees into ``root/latents.pt``."""
    autoencoder = normalised(root)
    sheets = Sheets([d for d in all_drawings(root) if not d.is_held_out])
    rng = random.Random(11)
    papers: list[tuple[int, str | None, str | None]] = []
    repeats: list[int] = []
    for index, drawing in enumerate(sheets.drawings):
        if drawing.style.is_coloured:
            some: list[tuple[str | None, str]] = [(None, "white")]
            some += [(None, ground) for ground in rng.sample(list(GROUNDS), COLOURED_PAPERS - 1)]
        else:
            some = [PLAIN, *(random_pair(rng) for _ in range(PAPERS - 1))]
        papers += [(index, ink, ground) for ink, ground in some]
        repeats += [len(some)] * len(some)
    items = [
        Item(sheets.drawings[i].subject.caption, sheets.drawings[i].style.name, ink, ground)
        for i, ink, ground in papers
    ]
    coded: list[Tensor] = []
    order = {each.slug: i for i, each in enumerate((*subjects(), *characters()))}
    recipes = procedural.recipes()
    chosen = [procedural.usable(recipe, sheets.drawings, order) for recipe in recipes]
    chosen = [sorted(rng.sample(each, min(len(each), PROCEDURAL_SUBJECTS))) for each in chosen]
    line = ProgressLine("latents", len(papers) + sum(map(len, chosen)))

    def code(images: Tensor) -> None:
        for part in torch.split(images, 32):
            coded.append(autoencoder.encode(part).latent_dist.mode().half())
        line.update(sum(map(len, coded)))

    for first in range(0, len(papers), 256):
        part = papers[first : first + 256]
        code(
            sheets.batch(
                [i for i, _, _ in part],
                [INKS[ink or "black"] for _, ink, _ in part],
                [GROUNDS[ground or "white"] for _, _, ground in part],
            )
        )
    for recipe, indices in zip(recipes, chosen, strict=True):
        code(procedural.make(recipe, sheets, indices).float().div_(127.5).sub_(1.0))
        items += [Item(sheets.drawings[i].subject.caption, recipe.name, None, None) for i in indices]
    line.close()
    checkpoint.save(
        root / "latents.pt",
        {
            "values": torch.cat(coded),
            "items": [[i.subject, i.style, i.ink, i.ground] for i in items],
            "real": len(papers),
            "repeats": torch.tensor(repeats),
        },
    )


def load_latents(root: Path) -> Latents:
    """Read what `make_latents` wrote.

    Raises: FileNotFoundError when that stage has not run.
    """
    held = checkpoint.load(root / "latents.pt")
    if held is None:
        raise FileNotFoundError(f"no {root / 'latents.pt'}: run `python -m training latents` first")
    return Latents(held["values"], [Item(*each) for each in held["items"]], held["real"], held["repeats"])
