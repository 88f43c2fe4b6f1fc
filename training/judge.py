"""Train the judge, and on the way two that show what it is worth.

One training has three parts, each going on from the one before. `blind` never sees the held-out styles, nor one drawing
in ten. `share` sees all styles, and still not those drawings. The judge itself sees everything. So what `blind` says
of styles it never saw, and `share` of drawings it never saw, is measured on networks that are the judge's own past.
"""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch import Tensor

from plugins_engine.addition.one_style import LEAST_ALIKE
from plugins_engine.measure.judge_network import JudgeNetwork
from plugins_engine.model.precision import bfloat16_is_quicker
from training import checkpoint, procedural
from training.autoencoder import load_trained, shifted
from training.colours import GROUNDS, INKS, random_pair
from training.drawings import SIZE
from training.muon import muon_and_adamw, set_rate
from training.pictures import BLACK, WHITE, Drawing, Sheets, all_drawings, any_ground
from training.progress import ProgressLine
from training.styles import STYLES, held_out
from training.subjects import characters, subjects

STEPS = {"blind": 5_000, "share": 1_200, "judge": 1_200}
BATCH = 64
LEARNING_RATE = 2e-3
WITHHELD_EVERY = 10
RESTORED_EVERY = 4  # drawings; coding and decoding all of them takes as long as training does
PROCEDURAL_SHARE = 0.4

SUBJECTS = (*subjects(), *characters())
SUBJECT_INDEX = {each.slug: i for i, each in enumerate(SUBJECTS)}
STYLE_INDEX = {style.slug: i for i, style in enumerate(STYLES)}


def is_withheld(drawing: Drawing) -> bool:
    """Tell whether only the judge itself may see a drawing."""
    number = SUBJECT_INDEX[drawing.subject.slug] * 3 + STYLE_INDEX[drawing.style.slug] * 7
    return number % WITHHELD_EVERY == 4


@dataclass
class Pictures:
    """What judges learn from: drawings on paper and as the autoencoder gives them back, and procedural ones."""

    sheets: Sheets
    restored: np.ndarray  # (n, 3, h, w) uint8, of every RESTORED_EVERY-th drawing
    made: np.ndarray  # (m, 3, h, w) uint8
    made_style: Tensor  # (m,) index after STYLES
    made_from: Tensor  # (m,) index of the drawing

    @classmethod
    def load(cls, root: Path) -> "Pictures":
        """Render what is not there yet, and read it."""
        drawings = all_drawings(root)
        sheets = Sheets(drawings)
        made, styles, sources = _procedural(root, sheets)
        return cls(sheets, _restored(root, sheets), made, styles, sources)


def _procedural(root: Path, sheets: Sheets) -> tuple[np.ndarray, Tensor, Tensor]:
    order = {subject.slug: i for i, subject in enumerate(SUBJECTS)}
    path, about = root / "procedural.npy", root / "procedural.pt"
    recipes = procedural.recipes()
    if not about.exists():
        chosen = [procedural.usable(recipe, sheets.drawings, order) for recipe in recipes]
        out = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.uint8, shape=(sum(map(len, chosen)), 3, SIZE, SIZE)
        )
        at = 0
        for recipe, indices in zip(recipes, chosen, strict=True):
            out[at : at + len(indices)] = procedural.make(recipe, sheets, indices).numpy()
            at += len(indices)
        out.flush()
        number = torch.cat([torch.full((len(c),), i) for i, c in enumerate(chosen)])
        checkpoint.save(about, {"number": number, "source": torch.tensor([i for c in chosen for i in c])})
    held = checkpoint.load(about)
    assert held is not None  # noqa: S101, it was written above
    return np.load(path, mmap_mode="r"), held["number"] + len(STYLES), held["source"]


@torch.no_grad()
def _restored(root: Path, sheets: Sheets) -> np.ndarray:
    """Give some drawings as the autoencoder gives them back, the best that generated ones can be."""
    path = root / "restored.npy"
    if not path.exists():
        autoencoder = load_trained(root)
        chosen = range(0, len(sheets), RESTORED_EVERY)
        out = np.lib.format.open_memmap(
            path.with_suffix(".tmp.npy"), mode="w+", dtype=np.uint8, shape=(len(chosen), 3, SIZE, SIZE)
        )
        line = ProgressLine("restored", len(chosen))
        for first in range(0, len(chosen), 32):
            part = chosen[first : first + 32]
            pixels = sheets.plain(part).float().div_(127.5).sub_(1.0)
            back = autoencoder.decode(autoencoder.encode(pixels).latent_dist.mode()).sample
            out[first : first + len(part)] = back.clamp(-1, 1).add(1).mul(127.5).round().byte().numpy()
            line.update(first)
        out.flush()
        path.with_suffix(".tmp.npy").replace(path)
    restored: np.ndarray = np.load(path, mmap_mode="r")
    return restored


def fit(
    part: str,
    root: Path,
    pictures: Pictures,
    allowed: Sequence[int],
    before: JudgeNetwork | None,
    steps: int,
) -> JudgeNetwork:
    """Train one part on the allowed drawings, and on procedural pictures that were made of these."""
    path = root / f"judge-{part}.pt"
    drawings = pictures.sheets.drawings
    may = torch.zeros(len(drawings), dtype=torch.bool)
    may[list(allowed)] = True
    made = may[pictures.made_from].nonzero()[:, 0]
    # Every style counts alike, whether its artist drew many subjects or few.
    style = torch.tensor([STYLE_INDEX[drawing.style.slug] for drawing in drawings])
    weight = (1 / torch.bincount(style[may], minlength=len(STYLES)).clamp(min=20).float())[style] * may
    torch.manual_seed(1)
    network = JudgeNetwork(len(STYLES) + procedural.COUNT, len(SUBJECTS))
    if before is not None:
        network.load_state_dict(before.state_dict())
    optimizers = muon_and_adamw(network, LEARNING_RATE, ("stem", "proxies", "subject"))
    start = 0
    if state := checkpoint.load(path):
        network.load_state_dict(state["model"])
        for optimizer, held in zip(optimizers, state["optimizers"], strict=False):
            optimizer.load_state_dict(held)
        start = state["step"]
    line = ProgressLine(part, steps, start)
    network.train()
    peak = LEARNING_RATE * (1.0 if before is None else 0.4)
    is_quick = bfloat16_is_quicker()
    for step in range(start, steps):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        set_rate(optimizers, peak * min(1.0, (step + 1) / 50) * cosine)
        images, style_target, subject_target = draw(pictures, weight, made, step)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_quick):
            style_logits, subject_logits = network(images)
        loss = F.cross_entropy(style_logits.float(), style_target, label_smoothing=0.02)
        loss = loss + F.cross_entropy(subject_logits.float(), subject_target, label_smoothing=0.05)
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        for optimizer in optimizers:
            optimizer.step()
        line.update(step + 1, loss=loss.item())
        if (step + 1) % 100 == 0 or step + 1 == steps:
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


def draw(pictures: Pictures, weight: Tensor, made: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a batch: pictures (n, 3, h, w) in -1..1, style and subject indices (n,)."""
    rng = random.Random(step)
    generator = torch.Generator().manual_seed(step)
    count = round(BATCH * PROCEDURAL_SHARE)
    chosen = torch.multinomial(weight, BATCH - count, replacement=True, generator=generator).tolist()
    rows = []
    for index in chosen:
        drawing = pictures.sheets.drawings[index]
        if index % RESTORED_EVERY == 0 and rng.random() < 0.8:
            rows.append(torch.from_numpy(pictures.restored[index // RESTORED_EVERY].astype(np.float32)))
        elif rng.random() < 0.6:
            rows.append(pictures.sheets.on_paper(index, BLACK, WHITE))
        elif drawing.style.is_coloured:
            rows.append(pictures.sheets.on_paper(index, BLACK, any_ground(rng)))
        else:
            ink, ground = random_pair(rng)
            rows.append(pictures.sheets.on_paper(index, INKS[ink], GROUNDS[ground]))
    picked = made[torch.randint(len(made), (count,), generator=generator)]
    rows += [torch.from_numpy(pictures.made[i].astype(np.float32)) for i in picked.tolist()]
    images = torch.stack(rows).div_(127.5).sub_(1.0)
    images = shifted(images, generator)
    images = images + 0.04 * torch.rand((BATCH, 1, 1, 1), generator=generator) * torch.randn(
        images.shape, generator=generator
    )
    sources = [*chosen, *pictures.made_from[picked].tolist()]
    styles = [STYLE_INDEX[pictures.sheets.drawings[i].style.slug] for i in chosen]
    style = torch.tensor([*styles, *pictures.made_style[picked].tolist()])
    subject = torch.tensor([SUBJECT_INDEX[pictures.sheets.drawings[i].subject.slug] for i in sources])
    return images, style, subject


@torch.no_grad()
def _embedded(network: JudgeNetwork, pictures: Pictures, indices: Sequence[int]) -> Tensor:
    parts = [
        network.embed(pictures.sheets.plain(indices[i : i + 64]).float().div_(127.5).sub_(1.0))
        for i in range(0, len(indices), 64)
    ]
    return torch.cat(parts)


def same_style_area(network: JudgeNetwork, pictures: Pictures) -> dict[str, float]:
    """Give the area under the curve by which the embedding tells pairs of one held-out style from pairs of two."""
    names = {style.slug for style in held_out()}
    indices = [i for i, d in enumerate(pictures.sheets.drawings) if d.style.slug in names]
    places = _embedded(network, pictures, indices)
    style = torch.tensor([STYLE_INDEX[pictures.sheets.drawings[i].style.slug] for i in indices])
    alike, same = places @ places.T, style[:, None] == style[None]
    upper = torch.triu(torch.ones_like(same), 1)
    figures = {"all": float(roc_auc_score(same[upper].numpy(), alike[upper].numpy()))}
    for one in sorted(set(style.tolist())):
        rows = style == one
        pairs = upper & rows[:, None] | upper & rows[None]
        figures[STYLES[one].name] = float(roc_auc_score(same[pairs].numpy(), alike[pairs].numpy()))
    return figures


def told_apart(network: JudgeNetwork, pictures: Pictures) -> dict[str, float]:
    """Give how often works of one held-out style, and works of two in equal parts, are said to be of more than one style."""
    by_style: dict[str, list[int]] = {}
    for index, drawing in enumerate(pictures.sheets.drawings):
        if drawing.style.role == "held out":
            by_style.setdefault(drawing.style.slug, []).append(index)
    indices = [i for some in by_style.values() for i in some]
    places = dict(zip(indices, _embedded(network, pictures, indices), strict=True))
    rng = random.Random(0)

    def is_mixed(chosen: list[int]) -> bool:
        some = torch.stack([places[i] for i in chosen])
        count = len(some)
        return ((some @ some.T).sum().item() - count) / (count * (count - 1)) < LEAST_ALIKE

    figures = {}
    for count in (8, 24):
        alone = [is_mixed(rng.sample(some, count)) for some in by_style.values() for _ in range(200)]
        mixed = [
            is_mixed([*rng.sample(first, count // 2), *rng.sample(second, count // 2)])
            for first, second in combinations(by_style.values(), 2)
            for _ in range(20)
        ]
        figures[f"one_style_of_{count}"] = sum(alone) / len(alone)
        figures[f"two_styles_of_{count}"] = sum(mixed) / len(mixed)
    return figures


@torch.no_grad()
def accuracy(network: JudgeNetwork, pictures: Pictures, indices: Sequence[int]) -> dict[str, object]:
    """Name style and subject of drawings in black on white; give the shares that are right, and each style's."""
    styles, named = [], []
    for first in range(0, len(indices), 64):
        images = pictures.sheets.plain(indices[first : first + 64]).float().div_(127.5).sub_(1.0)
        style_logits, subject_logits = network(images)
        styles.append(style_logits[:, : len(STYLES)].argmax(1))
        named.append(subject_logits.argmax(1))
    drawings = [pictures.sheets.drawings[i] for i in indices]
    truth = torch.tensor([STYLE_INDEX[d.style.slug] for d in drawings])
    said = torch.cat(styles)
    right = said == truth
    subject = torch.cat(named) == torch.tensor([SUBJECT_INDEX[d.subject.slug] for d in drawings])
    each = {
        STYLES[s].name: round(right[truth == s].float().mean().item(), 3) for s in sorted(set(truth.tolist()))
    }
    taken: dict[str, int] = {}
    for a, b in zip(truth[~right].tolist(), said[~right].tolist(), strict=True):
        pair = f"{STYLES[a].name} > {STYLES[b].name}"
        taken[pair] = taken.get(pair, 0) + 1
    return {
        "style": right.float().mean().item(),
        "subject": subject.float().mean().item(),
        "each": each,
        "confused": dict(sorted(taken.items(), key=lambda item: -item[1])[:40]),
    }


def train(root: Path, steps: int | None = None) -> None:
    """Train the three parts; write the judge's weights, its labels and the figures of all."""
    pictures = Pictures.load(root)
    drawings = pictures.sheets.drawings
    withheld = [i for i, d in enumerate(drawings) if is_withheld(d)]
    seen = {
        "blind": [i for i, d in enumerate(drawings) if not is_withheld(d) and d.style.role == "known"],
        "share": [i for i, d in enumerate(drawings) if not is_withheld(d)],
        "judge": list(range(len(drawings))),
    }
    network: JudgeNetwork | None = None
    figures: dict[str, object] = {}
    for part, allowed in seen.items():
        network = fit(part, root, pictures, allowed, network, steps or STEPS[part])
        if part == "blind":
            figures["same_style_area"] = same_style_area(network, pictures)
            figures["told_apart"] = told_apart(network, pictures)
        figures[part] = accuracy(network, pictures, withheld if part != "judge" else range(len(drawings)))
        print(part, json.dumps(figures, indent=1), flush=True)
    assert network is not None  # noqa: S101, there are three parts
    out = root / "judge"
    out.mkdir(exist_ok=True)
    labels = {
        "styles": [style.name for style in STYLES],
        "subjects": [subject.caption for subject in SUBJECTS],
    }
    (out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n")
    state = {
        k: v.half().contiguous() if v.is_floating_point() else v for k, v in network.state_dict().items()
    }
    state["proxies"] = state["proxies"][: len(STYLES)].contiguous()
    save_file(state, out / "judge.safetensors")
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
