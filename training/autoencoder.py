"""Train the autoencoder: 128x128 pictures to 16x16 latents of eight channels."""

import copy
import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from training import checkpoint
from training.colours import GROUNDS, INKS, random_pair
from training.drawings import SIZE
from training.muon import muon_and_adamw, set_rate
from training.pictures import BLACK, WHITE, Sheets, all_drawings, any_ground
from training.progress import ProgressLine

STEPS = 1_600
# The last steps are on whole pictures; those before on the busiest part of each, which is four times as quick.
WHOLE_STEPS = 300
BATCH, WHOLE_BATCH = 24, 12
CROP = 64
LEARNING_RATE = 2e-3
KL_WEIGHT = 1e-6
CHANNELS = (16, 32, 64, 96)
LATENT_CHANNELS = 8
PLAIN_SHARE = 0.5  # of what it sees, black on white or in its own colours on white


def build(latent_channels: int = LATENT_CHANNELS) -> AutoencoderKL:
    """Make the untrained autoencoder. No attention in the middle: at this size it costs more than it gives."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(CHANNELS),
        up_block_types=("UpDecoderBlock2D",) * len(CHANNELS),
        block_out_channels=CHANNELS,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=8,
        sample_size=SIZE,
        mid_block_add_attention=False,
    )


def gradient_loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Compare neighbouring-pixel differences, so that edges stay sharp. Shapes (n, 3, h, w)."""
    horizontal = F.l1_loss(a[..., 1:] - a[..., :-1], b[..., 1:] - b[..., :-1])
    vertical = F.l1_loss(a[..., 1:, :] - a[..., :-1, :], b[..., 1:, :] - b[..., :-1, :])
    return horizontal + vertical


@torch.no_grad()
def psnr(model: AutoencoderKL, images: Tensor, batch: int = 32) -> Tensor:
    """Give each picture's peak signal-to-noise ratio after coding and decoding, in dB (n,). Images in -1..1."""
    model.eval()
    values = []
    for part in torch.split(images, batch):
        difference = (model.decode(model.encode(part).latent_dist.mode()).sample.clamp(-1, 1) - part) / 2
        values.append(-10 * difference.pow(2).flatten(1).mean(1).clamp(min=1e-7).log10())
    model.train()
    return torch.cat(values)


def coloured_batch(sheets: Sheets, chosen: list[int], rng: random.Random) -> Tensor:
    """Give drawings on paper, many in named inks and on named grounds: (n, 3, h, w) in -1..1."""
    inks, grounds = [], []
    for index in chosen:
        if rng.random() < PLAIN_SHARE:
            inks.append(BLACK)
            grounds.append(WHITE)
        elif sheets.drawings[index].style.is_coloured:
            inks.append(BLACK)
            grounds.append(any_ground(rng))
        else:
            ink, ground = random_pair(rng)
            inks.append(INKS[ink])
            grounds.append(GROUNDS[ground])
    return sheets.batch(chosen, inks, grounds)


def shifted(images: Tensor, generator: torch.Generator, most: int = 6) -> Tensor:
    """Shift every picture by up to ``most`` pixels in both directions, and mirror half; what comes in is its edge."""
    padded = F.pad(images, (most,) * 4, mode="replicate")
    size = images.shape[-1]
    moves = torch.randint(2 * most + 1, (len(images), 2), generator=generator).tolist()
    flips = torch.rand(len(images), generator=generator).tolist()
    rows = []
    for image, (y, x), flip in zip(padded, moves, flips, strict=True):
        row = image[:, y : y + size, x : x + size]
        rows.append(row.flip(-1) if flip < 0.5 else row)
    return torch.stack(rows)


def cropped(images: Tensor, generator: torch.Generator, size: int = CROP) -> Tensor:
    """Cut a square out of every picture, drawn around one of its edges: (n, 3, size, size)."""
    change = (images[..., 1:, 1:] - images[..., :-1, :-1]).abs().sum(1).flatten(1) + 1e-4
    spots = torch.multinomial(change, 1, generator=generator)[:, 0]
    width = images.shape[-1]
    rows = []
    for image, spot in zip(images, spots.tolist(), strict=True):
        # The edge may lie anywhere in the crop.
        y, x = divmod(spot, width - 1)
        jitter = torch.randint(size, (2,), generator=generator).tolist()
        top, left = (min(max(at - off, 0), width - size) for at, off in zip((y, x), jitter, strict=True))
        rows.append(image[:, top : top + size, left : left + size])
    return torch.stack(rows)


def samples(sheets: Sheets, count: int, seed: int) -> Tensor:
    """Give a fixed choice of drawings on paper, to measure on."""
    rng = random.Random(seed)
    chosen = rng.sample(range(len(sheets)), min(count, len(sheets)))
    return coloured_batch(sheets, chosen, rng)


def train(root: Path, steps: int | None = None) -> None:
    """Train on every drawing that the base may see; go on from the last checkpoint."""
    steps = steps or STEPS
    path = root / "autoencoder.pt"
    every = all_drawings(root)
    data = Sheets([d for d in every if not d.is_held_out])
    looks = {
        "pairs": samples(Sheets([d for d in every if d.is_held_out_pair]), 192, 1),
        "styles": samples(Sheets([d for d in every if d.style.role == "held out"]), 192, 2),
    }
    torch.manual_seed(0)
    model = build()
    optimizers = muon_and_adamw(model, LEARNING_RATE, ("conv_in", "conv_out.", "quant_conv"))
    ema = checkpoint.Ema(model, 0.998)
    start = 0
    if state := checkpoint.load(path):
        model.load_state_dict(state["model"])
        for optimizer, held in zip(optimizers, state["optimizers"], strict=False):
            optimizer.load_state_dict(held)
        ema.values, start = state["ema"], state["step"]
    line = ProgressLine("autoencoder", steps, start)
    for step in range(start, steps):
        rate = (
            LEARNING_RATE
            * min(1.0, (step + 1) / 100)
            * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        )
        set_rate(optimizers, rate)
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        whole = step >= steps - WHOLE_STEPS
        chosen = rng.choices(range(len(data)), k=WHOLE_BATCH if whole else BATCH)
        images = shifted(coloured_batch(data, chosen, rng), generator)
        if not whole:
            images = cropped(images, generator)
        latent = model.encode(images).latent_dist
        output = model.decode(latent.sample(generator)).sample
        loss = (
            F.l1_loss(output, images) + 0.5 * gradient_loss(output, images) + 2 * F.mse_loss(output, images)
        )
        loss = loss + KL_WEIGHT * latent.kl().mean()
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        ema.update(model, step)
        line.update(step + 1, loss=loss.item(), rate=rate)
        if (step + 1) % 250 == 0 or step + 1 == steps:
            averaged = copy.deepcopy(model)
            ema.copy_to(averaged)
            checkpoint.save(
                path,
                {
                    "model": model.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    "ema": ema.values,
                    "step": step + 1,
                },
            )
            figures = {}
            for name, images in looks.items():
                found = psnr(averaged, images)
                figures[name] = round(found.mean().item(), 2)
                figures[f"{name}_p5"] = round(found.quantile(0.05).item(), 2)
            print(f"autoencoder step {step + 1} {json.dumps(figures)}", flush=True)
    line.close()


def load_trained(root: Path) -> AutoencoderKL:
    """Give the averaged autoencoder of the last checkpoint, frozen.

    Raises: FileNotFoundError when there is none.
    """
    state = checkpoint.load(root / "autoencoder.pt")
    if state is None:
        raise FileNotFoundError(f"no {root / 'autoencoder.pt'}: run `python -m training autoencoder` first")
    model = build()
    model.load_state_dict(state["model"])
    for parameter, value in zip(model.parameters(), state["ema"], strict=True):
        parameter.data.copy_(value)
    return model.eval().requires_grad_(False)
