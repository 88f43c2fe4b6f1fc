"""Train the judge on all real pictures, and a second copy that never saw some pairs, to know what it is worth."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from plugins_engine import EMBEDDED
from plugins_engine.measure.judge_networks import JudgeNetwork
from training import checkpoint, pictures
from training.autoencoder import load_trained
from training.muon import muon_and_adamw, set_rate
from training.pictures import Picture
from training.plugins import shipped_works
from training.progress import ProgressLine
from training.subjects import EXTRA_STYLE, HELD_OUT_CHARACTERS, HELD_OUT_STYLE, STYLES, SUBJECTS

STEPS = 1_300
BATCH = 64
LEARNING_RATE = 2e-3

STYLE_NAMES = [style.name for style in (*STYLES, HELD_OUT_STYLE)]
STYLE_INDEX = {style.package: i for i, style in enumerate((*STYLES, HELD_OUT_STYLE))}
SUBJECT_NAMES = [caption for caption, _ in (*SUBJECTS.values(), *HELD_OUT_CHARACTERS.values())]
SUBJECT_INDEX = {name: i for i, name in enumerate((*SUBJECTS, *HELD_OUT_CHARACTERS))}
NONE = -100  # cross_entropy's ignore_index: a picture without this label teaches only the other head


def labels(items: Sequence[Picture]) -> tuple[torch.Tensor, torch.Tensor]:
    """Give style and subject indices (n,), NONE where a picture has no such label."""
    style = torch.tensor([STYLE_INDEX.get(p.package, NONE) for p in items])
    subject = torch.tensor([SUBJECT_INDEX.get(p.subject, NONE) for p in items])
    return style, subject


def augment(images: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Move, scale, turn, flip, soften, tint and cover pictures at random.

    Returns the pictures (n, 3, 64, 64) and a mask (n,). The mask marks those whose colours changed so much that
    they no longer say anything about the style.
    """
    n = len(images)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand((n, *shape), generator=generator) * (high - low) + low

    angle, scale, flip = uniform(-0.2, 0.2), uniform(0.85, 1.2), (uniform(0, 1) < 0.5) * -2.0 + 1.0
    cos, sin = angle.cos() / scale, angle.sin() / scale
    theta = torch.stack(
        [
            torch.stack([cos * flip, -sin, uniform(-0.12, 0.12)], 1),
            torch.stack([sin * flip, cos, uniform(-0.12, 0.12)], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    # The ground is white: shift so that white is 0, which is what lies outside a sampled picture.
    out = F.grid_sample(images - 1, grid, align_corners=False) + 1
    soft = F.interpolate(F.interpolate(out, scale_factor=0.5, mode="area"), scale_factor=2, mode="bilinear")
    amount = (uniform(0, 1, 1, 1, 1) < 0.25) * uniform(0, 0.7, 1, 1, 1)
    out = out + amount * (soft - out)
    # Gentle tints for all; a fifth loses or swaps its colours and then teaches the subject alone.
    out = 1 - (1 - out) * uniform(0.9, 1.1, 3, 1, 1)
    strong = uniform(0, 1) < 0.2
    grey = out.mean(1, keepdim=True).expand_as(out)
    order = torch.randperm(3, generator=generator)
    swapped = torch.where((uniform(0, 1) < 0.5)[:, None, None, None], grey, out[:, order])
    out = torch.where(strong[:, None, None, None], swapped, out)
    out = out + 0.03 * uniform(0, 1, 1, 1, 1) * torch.randn(out.shape, generator=generator)
    # Cover a square, so that no single detail decides.
    size, x0, y0 = uniform(4, 24), uniform(0, 56), uniform(0, 56)
    axis = torch.arange(images.shape[-1])
    inside_x = (axis >= x0[:, None]) & (axis < (x0 + size)[:, None])
    inside_y = (axis >= y0[:, None]) & (axis < (y0 + size)[:, None])
    covered = (inside_y[:, :, None] & inside_x[:, None, :])[:, None] & (uniform(0, 1) < 0.3)[
        :, None, None, None
    ]
    return torch.where(covered, 1.0, out).clamp(-1, 1), strong


def fit(
    name: str, root: Path, autoencoder: AutoencoderKL, items: Sequence[Picture], steps: int, seed: int
) -> JudgeNetwork:
    """Train one judge on the given pictures, half of the time as the autoencoder gives them back."""
    path = root / f"{name}.pt"
    data = pictures.load(list(items))
    data = torch.stack([data, reconstructed(autoencoder, data)], 1)  # (n, 2, 3, 64, 64)
    style, subject = labels(items)
    # Two draws in three are of pictures with a subject, though the others outnumber them six to one.
    weights = torch.where(subject != NONE, 2.0 / (subject != NONE).sum(), 1.0 / (subject == NONE).sum())

    torch.manual_seed(seed)
    network = JudgeNetwork(len(STYLE_NAMES), len(SUBJECT_NAMES))
    optimizers = muon_and_adamw(network, LEARNING_RATE, ("stem", "style", "subject"))
    start = 0
    if state := checkpoint.load(path):
        network.load_state_dict(state["model"])
        for optimizer, held in zip(optimizers, state["optimizers"], strict=False):
            optimizer.load_state_dict(held)
        start = state["step"]
    line = ProgressLine(name, steps, start)
    network.train()
    for step in range(start, steps):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        set_rate(optimizers, LEARNING_RATE * min(1.0, (step + 1) / 100) * cosine)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        chosen = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        copy = torch.randint(2, (BATCH,), generator=generator)
        images, strong = augment(data[chosen, copy], generator)
        style_logits, subject_logits = network(images)
        style_target = torch.where(strong, NONE, style[chosen])
        loss = F.cross_entropy(style_logits, style_target, label_smoothing=0.05) + F.cross_entropy(
            subject_logits, subject[chosen], label_smoothing=0.05
        )
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        for optimizer in optimizers:
            optimizer.step()
        line.update(step + 1, loss=loss.item())
        if (step + 1) % 200 == 0 or step + 1 == steps:
            checkpoint.save(
                path,
                {
                    "model": network.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    "step": step + 1,
                },
            )
    line.close()
    network.eval()
    return network


@torch.no_grad()
def reconstructed(autoencoder: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """Give pictures as the autoencoder gives them back, which is the best that generated ones can be."""
    return torch.cat(
        [
            autoencoder.decode(autoencoder.encode(part).latent_dist.mode()).sample.clamp(-1, 1)
            for part in torch.split(images, 64)
        ]
    )


@torch.no_grad()
def accuracy(network: torch.nn.Module, images: torch.Tensor, items: Sequence[Picture]) -> dict[str, float]:
    """Give the share of right styles and subjects among pictures that have those labels."""
    style, subject = labels(items)
    logits = [network(part) for part in torch.split(images, 128)]
    right_style = torch.cat([a.argmax(1) for a, _ in logits]) == style
    right_subject = torch.cat([b.argmax(1) for _, b in logits]) == subject
    return {
        "style": right_style[style != NONE].float().mean().item(),
        "subject": right_subject[subject != NONE].float().mean().item(),
    }


def measure(
    network: torch.nn.Module, autoencoder: AutoencoderKL, items: Sequence[Picture]
) -> dict[str, dict[str, float]]:
    """Judge real pictures as they are, under augmentations never drawn in training, and reconstructed."""
    named = [p for p in items if p.subject in SUBJECT_INDEX and p.package != EXTRA_STYLE.package]
    images = pictures.load(named)
    back = reconstructed(autoencoder, images)
    generator = torch.Generator().manual_seed(987_654_321)
    changed, strong = augment(images, generator)
    kept = [i for i in range(len(named)) if not strong[i]]
    return {
        "real": accuracy(network, images, named),
        "augmented": accuracy(network, changed[kept], [named[i] for i in kept]),
        "reconstructed": accuracy(network, back, named),
    }


def train(root: Path, steps: int | None = None) -> None:
    """Train the judge and its second copy; write the weights, the labels and the figures."""
    steps = steps or STEPS
    every = pictures.all_pictures(root)
    autoencoder = load_trained(root)
    network = fit("judge", root, autoencoder, every, steps, seed=1)
    figures: dict[str, object] = {**measure(network, autoencoder, every)}
    print("judge", json.dumps(figures), flush=True)
    out = root / "judge"
    out.mkdir(exist_ok=True)
    (out / "labels.json").write_text(
        json.dumps({"styles": STYLE_NAMES, "subjects": SUBJECT_NAMES}, indent=1) + "\n"
    )
    state = {
        k: v.half().contiguous() if v.is_floating_point() else v for k, v in network.state_dict().items()
    }
    save_file(state, out / "judge.safetensors")
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")

    # The second copy shows how the judge does on drawings it never saw: pairs kept from the base, and the drawings of the
    # held-out style beyond the works that an artist brings. Read figures of generated pictures of them beside these.
    _, _, works = shipped_works(EMBEDDED / "works" / HELD_OUT_STYLE.name.lower())
    brought = {caption for _, caption in works}
    kept = [p for p in every if p.is_held_out and p.subject in SUBJECTS]
    pairs = [p for p in kept if p.package != HELD_OUT_STYLE.package]
    held = [p for p in kept if p.package == HELD_OUT_STYLE.package and p.words not in brought]
    unseen = {*pairs, *held}
    second = fit("judge-second", root, autoencoder, [p for p in every if p not in unseen], steps, seed=2)
    for title, some in (("unseen_pairs", pairs), ("unseen_held_out_style", held)):
        back = reconstructed(autoencoder, pictures.load(some))
        figures[title] = {**accuracy(second, back, some), "pictures": float(len(some))}
    print("judge", json.dumps(figures), flush=True)
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
