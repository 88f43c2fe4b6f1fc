"""The embedded base model and its judge, against what they must reach."""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.report import Report
from plugins_engine import (
    EMBEDDED,
    BaseCheckpoint,
    Concept,
    Judge,
    generate_each,
    kid,
    load_base,
    seen,
    styled,
)
from training.colours import GROUNDS, INKS, Colour, coloured_phrase, random_pair
from training.pictures import Drawing, Sheets, all_drawings
from training.procedural import recipes
from training.styles import held_out, known
from training.subjects import characters, subjects
from training.words import made_up_names

STEPS = 25
FEW_STEPS = 8
FEW_STEPS_SAMPLER = "dpm++"
FRAME = 5  # pixels at the edge, where only the ground is
FAR = 60  # of 255: what differs so much from the ground is drawn


def measure(report: Report, root: Path, beside: Path | None = None) -> None:
    """Measure the embedded base; beside another one, how long its pictures take too."""
    base, judge = load_base(), Judge.load()
    if beside is not None:
        _speed(report, base, load_base(beside))
    every = all_drawings(root)
    _autoencoder(report, base, every)
    _judge(report)
    _generation(report, base, judge, every)
    _colours(report, base)
    _unknown(report, base, judge)


def _autoencoder(report: Report, base: BaseCheckpoint, every: Sequence[Drawing]) -> None:
    rng = random.Random(17)
    pairs = [d for d in every if d.is_held_out_pair]
    others = [d for d in every if d.style.role == "held out" and not d.is_character]
    for name, items, target in (("", pairs, 30.0), ("_held_out_styles", others, 28.0)):
        chosen = rng.sample(items, min(192, len(items)))
        papers = [
            ("black", "white") if i % 2 else random_pair(rng) for i in range(len(chosen))
        ]  # of monochrome ones
        images = Sheets(chosen).batch(
            range(len(chosen)), [INKS[ink] for ink, _ in papers], [GROUNDS[ground] for _, ground in papers]
        )
        values: list[float] = []
        for part in torch.split(images, 32):
            back = base.decode_latents(base.encode_pixels(part)) * 2 - 1
            error = ((back - part) / 2).pow(2).flatten(1).mean(1)
            values += (-10 * error.clamp(min=1e-7).log10()).tolist()
        note = f"{len(chosen)} pictures that it never saw, half of them in named inks and on named grounds"
        report.add(f"autoencoder{name}_psnr_db", float(np.mean(values)), target=target, note=note)
        report.add(f"autoencoder{name}_psnr_5th_percentile_db", float(np.quantile(values, 0.05)), target=22.0)


def _judge(report: Report) -> None:
    """Say what the judge is worth, by its parts that did not see everything; they are kept as figures alone."""
    figures = json.loads((EMBEDDED / "judge" / "figures.json").read_text())
    report.add(
        "judge_same_style_area", figures["same_style_area"]["all"], target=0.95,
        note="pairs of pictures in the held-out styles, by the part that never saw these",
    )  # fmt: skip
    note = "one drawing in ten, which that part never saw"
    report.add("judge_share_style", figures["share"]["style"], target=0.90, note=note)
    report.add("judge_share_subject", figures["share"]["subject"], target=0.75, note=note)
    report.add("judge_style", figures["judge"]["style"], note="all drawings")
    report.add("judge_subject", figures["judge"]["subject"], note="all drawings")


def _generation(report: Report, base: BaseCheckpoint, judge: Judge, every: Sequence[Drawing]) -> None:
    count = 100 if report.quick else 500
    rng = random.Random(0)
    taught = rng.sample([d for d in every if not d.is_held_out], count)
    pairs = [d for d in every if d.is_held_out_pair and not d.is_character]
    pairs = rng.sample(pairs, min(count, len(pairs)))
    steps = {"training_captions": STEPS, "held_out_pairs": STEPS, "eight_steps": FEW_STEPS}
    found: dict[str, tuple[float, float]] = {}
    for name, some, (style_target, subject_target) in (
        ("training_captions", taught, (0.90, 0.90)),
        ("held_out_pairs", pairs, (0.85, 0.75)),
        ("eight_steps", taught, (0.0, 0.0)),
    ):
        prompts = [styled(d.subject.caption, d.style.name) for d in some]
        sampler = FEW_STEPS_SAMPLER if name == "eight_steps" else None
        images = generate_each(base, prompts, seed=1000, steps=steps[name], sampler=sampler)
        verdicts = judge.verdicts(images)
        style = seen(verdicts, [[Concept(d.style.name, "style")] for d in some]).rate
        subject = seen(verdicts, [[Concept(d.subject.caption, "character")] for d in some]).rate
        note = f"{len(some)} pictures, {steps[name]} steps, guidance {base.guidance(None):g}"
        if name == "eight_steps":
            style_target, subject_target = (value - 0.03 for value in found["training_captions"])
            note += f", {FEW_STEPS_SAMPLER}; at most 3 points below {STEPS} steps"
        report.add(f"{name}_style", style, target=style_target, note=note)
        report.add(f"{name}_subject", subject, target=subject_target, note=note)
        found[name] = (style, subject)
        right = Counter(
            d.style.name
            for d, v in zip(some, verdicts, strict=True)
            if v.shows(Concept(d.style.name, "style"))
        )
        total = Counter(d.style.name for d in some)
        report.details[name] = {style: right[style] / total[style] for style in sorted(total)}
        if name == "training_captions":
            _distance(report, judge, images, every)


def _distance(report: Report, judge: Judge, images: Sequence[Image.Image], every: Sequence[Drawing]) -> None:
    # Drawn independently: the choice of generated cells does not depend on the choice of real ones.
    real = random.Random(1).sample([d for d in every if not d.is_held_out], 1_500)
    plain = Sheets(real).plain().permute(0, 2, 3, 1).contiguous().numpy()
    features = judge.features([Image.fromarray(pixels) for pixels in plain])
    distance = kid(judge.features(images), features)
    report.add(
        "kid_x1000",
        distance.mean * 1000,
        note=f"std {distance.std * 1000:.3g} over {distance.subsets} subsets of {distance.subset_size}",
    )


def _colours(report: Report, base: BaseCheckpoint) -> None:
    """Read off the pixels whether the ink and the ground of a prompt are drawn."""
    rng = random.Random(3000)
    one_ink = [style for style in known() if not style.is_coloured]
    count = 60 if report.quick else 500
    asked = [(rng.choice(one_ink), rng.choice(subjects()), *random_pair(rng)) for _ in range(count)]
    prompts = [styled(coloured_phrase(s.caption, ink, ground), style.name) for style, s, ink, ground in asked]
    found = [ink_and_ground(picture) for picture in generate_each(base, prompts, seed=3000, steps=STEPS)]
    inks = [a == ink for (a, _), (_, _, ink, _) in zip(found, asked, strict=True)]
    grounds = [b == ground for (_, b), (_, _, _, ground) in zip(found, asked, strict=True)]
    both = [a and b for a, b in zip(inks, grounds, strict=True)]
    note = f"{count} pictures, read off the pixels"
    for name, right in (("ink", inks), ("ground", grounds), ("ink_and_ground", both)):
        report.add(f"{name}_followed", float(np.mean(right)), target=0.85, note=note)


def _speed(report: Report, base: BaseCheckpoint, other: BaseCheckpoint) -> None:
    """Time batches of eight pictures of both bases in turns, and give the median ratio."""
    prompts = [styled(each.caption, "Noto") for each in subjects()[:8]]
    ratios = []
    for turn in range(2 + (4 if report.quick else 12)):
        taken = []
        for each in (base, other) if turn % 2 else (other, base):
            begun = time.perf_counter()
            generate_each(each, prompts, seed=turn, steps=STEPS, guidance=2.0)
            taken.append(time.perf_counter() - begun)
        ours, theirs = taken if turn % 2 else taken[::-1]
        ratios.append(ours / theirs)
    report.add(
        "time_of_a_picture", float(np.median(ratios[2:])), target=1.3, at_least=False,
        note=f"guided, {STEPS} steps, batches of 8, as a share of that of base {other.fingerprint[:12]} in the same run",
    )  # fmt: skip


def named(colour: np.ndarray, names: dict[str, Colour]) -> str:
    """Give the name of the colour (3,), 0 to 255, that is nearest."""
    table = np.array(list(names.values()), dtype=float)
    return list(names)[int(((table - colour) ** 2).sum(1).argmin())]


def ink_and_ground(picture: Image.Image) -> tuple[str | None, str]:
    """Name the ink and the ground of a picture; no ink where nothing is drawn."""
    pixels = np.asarray(picture.convert("RGB"), dtype=float)
    inner = pixels[FRAME:-FRAME, FRAME:-FRAME]
    edge = np.ones(pixels.shape[:2], dtype=bool)
    edge[FRAME:-FRAME, FRAME:-FRAME] = False
    ground = np.median(pixels[edge], axis=0)
    flat = inner.reshape(-1, 3)
    distance = np.abs(flat - ground).max(axis=1)
    if (distance > FAR).sum() < 20:
        return None, named(ground, GROUNDS)
    # Edges are mixtures of both: the ink is what lies farthest from the ground.
    inked = flat[distance >= max(FAR, float(np.quantile(distance, 0.98)))]
    return named(np.median(inked, axis=0), INKS), named(ground, GROUNDS)


def _unknown(report: Report, base: BaseCheckpoint, judge: Judge) -> None:
    """Show that the base does not know what was kept from it, and that unknown words draw no known style."""
    count = 24 if report.quick else 48
    chance = 1 / len(judge.styles)
    rates = {}
    for style in held_out():
        rates[style.name] = _share(base, judge, style.name, count, Concept(style.name, "style"))
    worst = max(rates, key=lambda name: rates[name])
    report.add(
        "held_out_styles_unknown", float(np.mean(list(rates.values()))), target=2 * chance, at_least=False,
        note=f"mean of {len(rates)}; worst {rates[worst]:.3f} ({worst}), chance {chance:.3f}",
    )  # fmt: skip
    report.details["held_out_styles"] = rates
    for name, words in (
        ("made_up_words", made_up_names(8, seed=99)),
        ("procedural_words", [recipe.name for recipe in recipes()[::20]]),
    ):
        shares = [_most(base, judge, word, count) for word in words]
        report.add(
            f"{name}_draw_one_style", float(np.mean(shares)),
            note=f"share of the artists' style that one such name draws most, mean of {len(words)}",
        )  # fmt: skip
    found = {}
    styles = [style.name for style in known()]
    for each in characters():
        prompts = [styled(each.caption, style) for style in random.Random(7).sample(styles, 20)]
        verdicts = judge.verdicts(generate_each(base, prompts, seed=6000, steps=STEPS))
        found[each.caption] = seen(verdicts, [[Concept(each.caption, "character")]] * len(prompts)).rate
    worst = max(found, key=lambda name: found[name])
    report.add(
        "held_out_characters_unknown", found[worst], target=0.05, at_least=False,
        note=f"worst of {len(found)} ({worst}); chance {1 / len(judge.subjects):.3f}",
    )  # fmt: skip
    report.details["held_out_characters"] = found


def _share(base: BaseCheckpoint, judge: Judge, name: str, count: int, concept: Concept) -> float:
    chosen = random.Random(2000).sample(subjects(), count)
    prompts = [styled(each.caption, name) for each in chosen]
    verdicts = judge.verdicts(generate_each(base, prompts, seed=2000, steps=STEPS))
    return seen(verdicts, [[concept]] * count).rate


def _most(base: BaseCheckpoint, judge: Judge, name: str, count: int) -> float:
    chosen = random.Random(4000).sample(subjects(), count)
    prompts = [styled(each.caption, name) for each in chosen]
    verdicts = judge.verdicts(generate_each(base, prompts, seed=4000, steps=STEPS))
    return Counter(v.style for v in verdicts).most_common(1)[0][1] / count
