"""Measure the base under training: what it draws, of what it was shown and of what was kept from it."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file
from torch import Tensor

from plugins_engine import styled
from plugins_engine.measure.judge_networks import StyleSpaceNetwork
from training import checkpoint
from training.next.colours import GROUNDS, INKS, Colour, coloured_phrase, random_pair
from training.next.judge import KEPT as KEPT_JUDGE
from training.next.judge import STYLE_INDEX, SUBJECT_INDEX, SUBJECTS
from training.next.latents import normalised
from training.next.model import Parts, load_trained_parts, sample
from training.next.pictures import Drawing, all_drawings
from training.next.procedural import COUNT, recipes
from training.next.styles import STYLES, held_out, known
from training.next.subjects import characters, subjects
from training.next.words import made_up_names

FRAME = 5  # pixels at the edge, where only the ground is
FAR = 60.0  # of 255: what differs so much from the ground is drawn


def named(colour: Tensor, names: dict[str, Colour]) -> str:
    """Give the name of the colour (3,), 0 to 255, that is nearest."""
    table = torch.tensor(list(names.values()), dtype=torch.float32)
    return list(names)[int((table - colour).pow(2).sum(1).argmin())]


def ink_and_ground(picture: Tensor) -> tuple[str | None, str]:
    """Read the ink and the ground off a picture (3, h, w), -1 to 1; no ink where nothing is drawn."""
    pixels = picture.add(1).mul(127.5)
    frame = torch.cat(
        [
            pixels[:, :FRAME].flatten(1),
            pixels[:, -FRAME:].flatten(1),
            pixels[:, :, :FRAME].flatten(1),
            pixels[:, :, -FRAME:].flatten(1),
        ],
        dim=1,
    )
    ground = frame.median(dim=1).values
    flat = pixels.flatten(1)
    distance = (flat - ground[:, None]).abs().amax(0)
    if (distance > FAR).sum() < 20:
        return None, named(ground, GROUNDS)
    # Edges are mixtures of both: the ink is what lies farthest from the ground.
    inked = flat[:, distance >= distance.quantile(0.98).clamp(min=FAR)]
    return named(inked.median(dim=1).values, INKS), named(ground, GROUNDS)


def load_judge(root: Path) -> StyleSpaceNetwork:
    """Give the judge as far as it is trained, else the committed one.

    Raises: FileNotFoundError when there is neither.
    """
    for part in ("judge", "share", "blind"):
        if state := checkpoint.load(root / f"judge-{part}.pt"):
            network = StyleSpaceNetwork(len(STYLES) + COUNT, len(SUBJECTS))
            network.load_state_dict(state["model"])
            return network.eval()
    if KEPT_JUDGE.exists():
        network = StyleSpaceNetwork(len(STYLES), len(SUBJECTS))
        kept = load_file(KEPT_JUDGE / "judge.safetensors")
        network.load_state_dict({name: value.float() for name, value in kept.items()})
        return network.eval()
    raise FileNotFoundError(f"no judge under {root}: run `python -m training judge` first")


class Measure:
    """A base, its autoencoder and the judge."""

    def __init__(self, parts: Parts, autoencoder: AutoencoderKL, judge: StyleSpaceNetwork) -> None:
        self._parts, self._autoencoder, self._judge = parts, autoencoder, judge

    def draw(self, prompts: Sequence[str], **how: float) -> Tensor:
        return sample(self._parts, self._autoencoder, prompts, **how)  # type: ignore[arg-type]

    @torch.no_grad()
    def seen(self, images: Tensor) -> tuple[list[int], list[int]]:
        """Give the artists' style and the subject that the judge sees in each picture."""
        styles: list[int] = []
        named_subjects: list[int] = []
        for part in torch.split(images, 64):
            style, subject = self._judge(part)
            styles += style[:, : len(STYLES)].argmax(1).tolist()
            named_subjects += subject.argmax(1).tolist()
        return styles, named_subjects

    def cells(self, drawings: Sequence[Drawing], seed: int, **how: float) -> dict[str, object]:
        """Draw what real drawings show, by their captions, and give the shares of right styles and subjects."""
        prompts = [styled(d.subject.caption, d.style.name) for d in drawings]
        styles, named_subjects = self.seen(self.draw(prompts, seed=seed, **how))
        right = Counter[str]()
        total = Counter(d.style.name for d in drawings)
        subject = 0
        for d, s, n in zip(drawings, styles, named_subjects, strict=True):
            right[d.style.name] += s == STYLE_INDEX[d.style.slug]
            subject += n == SUBJECT_INDEX[d.subject.slug]
        return {
            "style": right.total() / len(drawings),
            "subject": subject / len(drawings),
            "pictures": len(drawings),
            "each_style": {name: round(right[name] / count, 2) for name, count in sorted(total.items())},
        }

    def colours(self, count: int, seed: int) -> dict[str, float]:
        """Give how often the ink and the ground of a caption are drawn, read off the pixels."""
        rng = random.Random(seed)
        one_ink = [style for style in known() if not style.is_coloured]
        asked = [(rng.choice(one_ink), rng.choice(subjects()), *random_pair(rng)) for _ in range(count)]
        prompts = [
            styled(coloured_phrase(s.caption, ink, ground), style.name) for style, s, ink, ground in asked
        ]
        found = [ink_and_ground(picture) for picture in self.draw(prompts, seed=seed)]
        inks = [a == ink for (a, _), (_, _, ink, _) in zip(found, asked, strict=True)]
        grounds = [b == ground for (_, b), (_, _, _, ground) in zip(found, asked, strict=True)]
        return {
            "ink": sum(inks) / count,
            "ground": sum(grounds) / count,
            "both": sum(a and b for a, b in zip(inks, grounds, strict=True)) / count,
        }

    def words(self, names: Sequence[str], count: int, seed: int) -> dict[str, float]:
        """Give how often styles' names draw the artists' style that is drawn most: 1 means a name is one of these."""
        shares = []
        for number, name in enumerate(names):
            chosen = random.Random(seed + number).sample(subjects(), count)
            styles, _ = self.seen(self.draw([styled(s.caption, name) for s in chosen], seed=seed))
            shares.append(Counter(styles).most_common(1)[0][1] / count)
        return {"mean": sum(shares) / len(shares), "most": max(shares)}


def measure(root: Path, count: int | None = None) -> None:
    """Print figures of the last checkpoint over ``count`` pictures each."""
    count = count or 200
    every = all_drawings(root)
    bench = Measure(load_trained_parts(root), normalised(root), load_judge(root))
    rng = random.Random(0)
    shown = [d for d in every if not d.is_held_out]
    pairs = [d for d in every if d.is_held_out_pair and not d.is_character]
    step = (checkpoint.load(root / "model.pt") or {"step": 0})["step"]
    figures: dict[str, object] = {"step": step}
    seen = rng.sample(shown, min(count, len(shown)))
    figures["training_captions"] = bench.cells(seen, 1000)
    figures["held_out_pairs"] = bench.cells(rng.sample(pairs, min(count, len(pairs))), 2000)
    figures["eight_steps"] = bench.cells(seen, 1000, steps=8)
    figures["colours"] = bench.colours(count, 3000)
    figures["made_up_words"] = bench.words(made_up_names(4, seed=99), 24, 4000)
    figures["procedural_words"] = bench.words([r.name for r in recipes()[::40]], 24, 4500)
    figures["held_out_words"] = bench.words([s.name for s in held_out()[:4]], 24, 5000)
    prompts = [styled(c.caption, style.name) for c in characters() for style in rng.sample(known(), 4)]
    _, named_subjects = bench.seen(bench.draw(prompts, seed=6000))
    truth = [SUBJECT_INDEX[c.slug] for c in characters() for _ in range(4)]
    figures["characters"] = sum(a == b for a, b in zip(named_subjects, truth, strict=True)) / len(truth)
    print(json.dumps(figures, indent=1))
