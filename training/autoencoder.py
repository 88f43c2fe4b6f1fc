"""Train the autoencoder: 64x64 pictures to 16x16 latents of four channels."""

import copy
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from training import checkpoint, pictures
from training.progress import ProgressLine

STEPS = 1_700
BATCH = 16
LEARNING_RATE = 2e-3
KL_WEIGHT = 1e-6
CHANNELS = (16, 32, 64)
LATENT_CHANNELS = 4


def build() -> AutoencoderKL:
    """Make the untrained autoencoder. No attention in the middle: at this size it costs more than it gives."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(CHANNELS),
        up_block_types=("UpDecoderBlock2D",) * len(CHANNELS),
        block_out_channels=CHANNELS,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
    )


def gradient_loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Compare neighbouring-pixel differences, so that edges stay sharp. Shapes (n, 3, h, w)."""
    horizontal = F.l1_loss(a[..., 1:] - a[..., :-1], b[..., 1:] - b[..., :-1])
    vertical = F.l1_loss(a[..., 1:, :] - a[..., :-1, :], b[..., 1:, :] - b[..., :-1, :])
    return horizontal + vertical


@torch.no_grad()
def psnr(model: AutoencoderKL, images: torch.Tensor, batch: int = 64) -> float:
    """Mean peak signal-to-noise ratio of reconstructions, in dB. Images in -1..1."""
    model.eval()
    values = []
    for part in torch.split(images, batch):
        latent = model.encode(part).latent_dist.mode()
        difference = (model.decode(latent).sample.clamp(-1, 1) - part) / 2
        values += (-10 * difference.pow(2).flatten(1).mean(1).log10()).tolist()
    model.train()
    return sum(values) / len(values)


def train(root: Path, steps: int | None = None) -> None:
    """Train on every picture that the base may see; go on from the last checkpoint."""
    steps = steps or STEPS
    path = root / "autoencoder.pt"
    every = pictures.all_pictures(root)
    allowed = [p for p in every if not p.is_held_out]
    data = pictures.load(allowed).mul_(127.5).add_(127.5).round_().to(torch.uint8)
    known = pictures.load([p for p in allowed if not p.subject.startswith("other-")][:256])
    unseen = pictures.load([p for p in every if p.is_held_out and not p.subject.startswith("other-")][:256])

    torch.manual_seed(0)
    model = build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, betas=(0.9, 0.99))
    ema = checkpoint.Ema(model, 0.998)
    start = 0
    if state := checkpoint.load(path):
        model.load_state_dict(state["model"])
        if state["optimizer"] is not None:
            optimizer.load_state_dict(state["optimizer"])
        ema.values, start = state["ema"], state["step"]
    line = ProgressLine("autoencoder", steps, start)
    for step in range(start, steps):
        rate = (
            LEARNING_RATE
            * min(1.0, (step + 1) / 100)
            * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(step)
        chosen = torch.randint(len(data), (BATCH,), generator=generator)
        images = data[chosen].float().div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)
        if step % 2:
            images = images.flip(-1)
        latent = model.encode(images).latent_dist
        output = model.decode(latent.sample(generator)).sample
        loss = F.l1_loss(output, images) + 0.5 * gradient_loss(output, images) + F.mse_loss(output, images)
        loss = loss + KL_WEIGHT * latent.kl().mean()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ema.update(model, step)
        line.update(step + 1, loss=loss.item(), rate=rate)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            averaged = copy.deepcopy(model)
            ema.copy_to(averaged)
            print(
                f"autoencoder step {step + 1} psnr known={psnr(averaged, known):.2f} unseen={psnr(averaged, unseen):.2f}"
            )
            checkpoint.save(
                path,
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "ema": ema.values,
                    "step": step + 1,
                },
            )
    line.close()


def load_trained(root: Path) -> AutoencoderKL:
    """Give the averaged autoencoder of the last checkpoint, frozen.

    Raises: FileNotFoundError when that stage has not run.
    """
    state = checkpoint.load(root / "autoencoder.pt")
    if state is None:
        raise FileNotFoundError(f"no {root / 'autoencoder.pt'}: run `python -m training autoencoder` first")
    model = build()
    model.load_state_dict(state["model"])
    for parameter, value in zip(model.parameters(), state["ema"], strict=True):
        parameter.data.copy_(value)
    return model.eval().requires_grad_(False)
