"""Addition of what the embedded base was never shown: a style from 24 works, three characters from five each.

The peer is LoRA as diffusers' text-to-image example trains it: attention layers alone, nothing that holds other prompts in
place. It gets the same works, seed, rate and steps.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.report import Report
from plugins_engine import (
    EMBEDDED,
    AdditionConfig,
    AdditionResult,
    BaseCheckpoint,
    Concept,
    Judge,
    Known,
    add_concept,
    generate_each,
    in_turn,
    known_concepts,
    load_base,
    seen,
    styled,
)
from training.plugins import shipped_works

STEPS = 25
SEED = 5000


def measure(report: Report, root: Path) -> None:
    base, judge = load_base(), Judge.load()
    known = known_concepts(EMBEDDED)
    others = _other_prompts(known, 30 if report.quick else 120)
    plain = _score(
        judge,
        generate_each(base, [p for p, _, _ in others], seed=SEED, steps=STEPS),
        others,
    )
    config = AdditionConfig.for_base(base)
    ways = [config] if report.quick else [config, replace(config, layers=("attention",), prior_batch=0)]
    seconds = []
    for folder in sorted(path.parent for path in EMBEDDED.glob("works/*/works.json")):
        name, kind, works = shipped_works(folder)
        label = folder.name
        results = [add_concept(base, works, name, kind, way) for way in ways]
        result = results[0]
        seconds.append(result.figures["seconds"])
        report.details[label] = {"figures": result.figures}
        prompts = _own_prompts(
            known, name, kind, {caption for _, caption in works}, 30 if report.quick else 90
        )
        own = [_found(base, judge, each, prompts, name, kind) for each in results]
        _add(
            report, f"{label}_{kind}_accuracy", own,
            target=0.85 if kind == "style" else 0.80, note=f"{len(prompts)} new prompts from {len(works)} works",
        )  # fmt: skip
        if kind == "style":
            prompts = [styled(caption, name) for _, caption in works]
            shown = [_found(base, judge, each, prompts, name, kind) for each in results]
            _add(
                report, f"{label}_style_of_its_works", shown,
                note=f"the {len(prompts)} subjects that the works show",
            )  # fmt: skip
        drops = []
        for each in results:
            images = generate_each(
                base,
                [p for p, _, _ in others],
                seed=SEED,
                steps=STEPS,
                plugins=[(each.adapter, 1.0)],
            )
            now = _score(judge, images, others)
            drops.append((plain[0] - now[0], plain[1] - now[1]))
        for index, head in enumerate(("styles", "subjects")):
            _add(
                report, f"{label}_other_{head}_drop", [drop[index] for drop in drops],
                target=0.03, at_least=False, note=f"plain base {plain[index]:.3f} on {len(others)} pictures",
            )  # fmt: skip
        _keep(root / "plugins", label, result, {f"{kind}_accuracy": own[0], "other_styles_drop": drops[0][0]})
    report.add("seconds_longest", max(seconds), target=180, at_least=False)


def _add(report: Report, name: str, values: Sequence[float], **said: Any) -> None:
    """Report ours, and the peer's where it was measured too."""
    report.add(name, values[0], peer=values[1] if len(values) > 1 else None, **said)


def _keep(folder: Path, label: str, result: AdditionResult, measured: dict[str, float]) -> None:
    """Leave a trained plug-in with its figures where `python -m training plugins` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    result.adapter.save(folder / f"{label}.safetensors")
    (folder / f"{label}.json").write_text(json.dumps({**result.figures, **measured}) + "\n")


def _other_prompts(known: Known, count: int) -> list[tuple[str, str, str]]:
    """Give (prompt, subject, style) of concepts that the base knows."""
    rng = random.Random(3)
    cells = [(subject, style) for subject in known.subjects for style in known.styles]
    return [(styled(subject, style), subject, style) for subject, style in rng.sample(cells, count)]


def _own_prompts(known: Known, name: str, kind: str, captions: set[str], count: int) -> list[str]:
    """Give prompts that call the concept on what its works do not show: other subjects, or all styles."""
    if kind == "style":
        subjects = [subject for subject in known.subjects if subject not in captions]
        return [
            styled(subject, name) for subject in random.Random(4).sample(subjects, min(count, len(subjects)))
        ]
    words = next(iter(captions)).split(",")[0]
    return [styled(words, style) for style in in_turn(known.styles, count)]


def _found(
    base: BaseCheckpoint, judge: Judge, result: AdditionResult, prompts: Sequence[str], name: str, kind: str
) -> float:
    images = generate_each(base, prompts, seed=SEED, steps=STEPS, plugins=[(result.adapter, 1.0)])
    verdicts = judge.verdicts(images)
    return seen(verdicts, [[Concept(name, kind)]] * len(prompts)).rate


def _score(
    judge: Judge, images: list[Image.Image], expected: list[tuple[str, str, str]]
) -> tuple[float, float]:
    """Give the shares of right styles and right subjects."""
    verdicts = judge.verdicts(images)
    style = seen(verdicts, [[Concept(style, "style")] for _, _, style in expected])
    subject = seen(verdicts, [[Concept(subject, "character")] for _, subject, _ in expected])
    return style.rate, subject.rate
