"""The embedded base model and its judge, against what they must reach."""

import json
import random
from pathlib import Path

import numpy as np
import torch

from benchmarks.report import Report
from plugins_engine import BaseCheckpoint, Concept, Judge, generate_each, kid, load_base, seen, styled
from training import pictures
from training.judge import measure as measure_judge
from training.subjects import HELD_OUT_CHARACTERS, HELD_OUT_STYLE, STYLES, SUBJECTS, is_held_out_pair

STEPS = 25


def measure(report: Report, root: Path) -> None:
    base, judge = load_base(), Judge.load()
    every = pictures.all_pictures(root)
    _autoencoder(report, base, every)
    _judge(report, judge, base, root, every)
    _generation(report, base, judge, every)
    _held_out(report, base, judge)


def _autoencoder(report: Report, base: BaseCheckpoint, every: list[pictures.Picture]) -> None:
    named = [p for p in every if p.subject in SUBJECTS or p.subject in HELD_OUT_CHARACTERS]
    for name, items in (
        ("autoencoder_psnr_db", [p for p in named if not p.is_held_out]),
        ("autoencoder_psnr_held_out_db", [p for p in named if p.is_held_out]),
    ):
        values: list[float] = []
        for part in torch.split(pictures.load(items), 64):
            back = base.decode_latents(base.encode_pixels(part)) * 2 - 1
            error = ((back - part) / 2).pow(2).flatten(1).mean(1)
            values += (-10 * error.log10()).tolist()
        report.add(name, float(np.mean(values)), target=27.0, note=f"{len(items)} pictures")


def _judge(
    report: Report, judge: Judge, base: BaseCheckpoint, root: Path, every: list[pictures.Picture]
) -> None:
    found = measure_judge(judge.network, base.vae, every)
    for pictures_kind in ("augmented", "reconstructed"):
        for head in ("style", "subject"):
            report.add(f"judge_{pictures_kind}_{head}", found[pictures_kind][head], target=0.97)
    second = root / "judge" / "figures.json"
    unseen = json.loads(second.read_text()) if second.exists() else {}
    for title in ("unseen_pairs", "unseen_held_out_style"):
        if title in unseen:
            note = f"second copy, {unseen[title]['pictures']:.0f} real drawings it never saw, reconstructed"
            for head in ("style", "subject"):
                report.add(f"judge_{title}_{head}", unseen[title][head], note=note)


def _generation(report: Report, base: BaseCheckpoint, judge: Judge, every: list[pictures.Picture]) -> None:
    cells = [(i, j) for i in range(len(SUBJECTS)) for j in range(len(STYLES))]
    taught = [(i, j) for i, j in cells if not is_held_out_pair(i, j)]
    pairs = [(i, j) for i, j in cells if is_held_out_pair(i, j)]
    captions = [text for text, _ in SUBJECTS.values()]
    count, repeats = (100, 1) if report.quick else (500, 6)
    chosen = random.Random(0).sample(taught, count)
    drawn = {}
    for name, some, targets in (
        ("training_captions", chosen, (0.90, 0.80)),
        ("held_out_pairs", pairs * repeats, (0.75, 0.60)),
    ):
        prompts = [styled(captions[i], STYLES[j].name) for i, j in some]
        images = generate_each(base, prompts, seed=1000, steps=STEPS)
        drawn[name] = images
        verdicts = judge.verdicts(images)
        style = seen(verdicts, [[Concept(STYLES[j].name, "style")] for _, j in some]).rate
        subject = seen(verdicts, [[Concept(captions[i], "character")] for i, _ in some]).rate
        note = f"{len(some)} pictures, {STEPS} steps, guidance {base.guidance(None):g}"
        report.add(f"{name}_style", style, target=targets[0], note=note)
        report.add(f"{name}_subject", subject, target=targets[1], note=note)
        report.details[name] = {
            s.name: float(
                np.mean(
                    [
                        v.shows(Concept(s.name, "style"))
                        for v, (_, j) in zip(verdicts, some, strict=True)
                        if STYLES[j] is s
                    ]
                )
            )
            for s in STYLES
        }
    # Drawn independently: the choice of generated cells does not depend on the choice of real ones.
    real = pictures.of_the_base(every)
    real_features = judge.network.features(
        pictures.load(random.Random(1).sample(real, len(real) // 2))
    ).numpy()
    distance = kid(judge.features(drawn["training_captions"]), real_features)
    report.add(
        "kid_x1000",
        distance.mean * 1000,
        note=f"std {distance.std * 1000:.3g} over {distance.subsets} subsets of {distance.subset_size}",
    )


def _held_out(report: Report, base: BaseCheckpoint, judge: Judge) -> None:
    """Show that the base does not know what was kept from it: near chance on those prompts."""
    count = 40 if report.quick else 120
    subjects = [text for text, _ in SUBJECTS.values()]
    prompts = [styled(subjects[i % len(subjects)], HELD_OUT_STYLE.name) for i in range(count)]
    verdicts = judge.verdicts(generate_each(base, prompts, seed=2000, steps=STEPS))
    style = seen(verdicts, [[Concept(HELD_OUT_STYLE.name, "style")]] * count).rate
    chance = 1 / len(judge.styles)
    report.add(
        "held_out_style_unknown", style, target=2 * chance, at_least=False, note=f"chance {chance:.3f}"
    )
    rates = []
    for text, _ in HELD_OUT_CHARACTERS.values():
        prompts = [styled(text, STYLES[i % len(STYLES)].name) for i in range(count // 2)]
        verdicts = judge.verdicts(generate_each(base, prompts, seed=3000, steps=STEPS))
        rates.append(seen(verdicts, [[Concept(text, "character")]] * len(prompts)).rate)
        report.details[text] = rates[-1]
    chance = 1 / len(judge.subjects)
    report.add(
        "held_out_characters_unknown",
        max(rates),
        target=0.05,
        at_least=False,
        note=f"worst of three; chance {chance:.3f}",
    )
