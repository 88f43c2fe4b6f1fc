"""Many concepts extracted together: what is left of the rest, as their number grows.

Ours is EasyMerge of each concept's own eraser, with retained prompts as one more part. The peers are the sum of the same
erasers, and the closed form of all concepts at once. For the first few concepts it also says how often each one's plug-in
restores it beside the combined eraser: as it was extracted, and fitted to the combination. And it says how readily a recovery
attack brings each back.
"""

import random
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.drawing import STEPS, draw
from benchmarks.processes import pool
from benchmarks.report import Plot, Report
from plugins_engine import (
    EMBEDDED,
    Adapter,
    BaseCheckpoint,
    CombinationConfig,
    CombinationPart,
    Concept,
    Erasure,
    ExaminationConfig,
    Judge,
    Known,
    Restoration,
    calls,
    combine,
    extract_concept,
    known_concepts,
    load_base,
    plan_erasure,
    restoring_plugin,
    seen,
    styled,
    weighted_sum,
    without_article,
)
from plugins_engine.extraction.closed_form import closed_form_eraser
from plugins_engine.extraction.examination import groups_of, recover, recovered
from plugins_engine.measure.judge import rightly_seen
from plugins_engine.model.precision import quickly

COUNTS = (1, 2, 5, 10, 20, 50)
QUICK_COUNTS = (2, 5)
TARGETS = {10: 0.95, 50: 0.90}  # retained accuracy, as a share of the plain base's
SEED = 9000
LOOKED_AT = 4  # concepts restored and attacked, one by one
CONFIG = CombinationConfig(pictures=16)  # of each concept


def measure(report: Report, _: Path) -> None:
    base, judge, known = load_base(), Judge.load(), known_concepts(EMBEDDED)
    counts = QUICK_COUNTS if report.quick else COUNTS
    names = random.Random(5).sample(known.subjects, max(counts))
    kept = [each for each in known.subjects if each not in names]
    pictures = 60 if report.quick else 150
    retained, targets = _cells(kept, known, pictures), _cells(names, known, pictures)

    def right(cells: list[tuple[str, str]], *plugins: Adapter) -> float:
        prompts = [styled(subject, style) for subject, style in cells]
        used = [(plugin, 1.0) for plugin in plugins]
        verdicts = judge.verdicts(draw(base, prompts, SEED, used))
        return seen(verdicts, [[Concept(subject, "character")] for subject, _ in cells]).rate

    before = right(retained)
    report.add("retained_by_plain_base", before, note=f"{len(retained)} pictures of {len(kept)} subjects")
    bare = [without_article(name) for name in names]
    rest = [prompt for prompt in _prompts(kept, known) if not any(calls(name, prompt) for name in bare)]
    erasures = [plan_erasure(base, name, "character", _anchor(name, kept), rest) for name in names]
    erasers, begun = [], time.monotonic()
    with pool(len(erasures)) as processes:
        for eraser in processes.map(_eraser, erasures):
            erasers.append(eraser)
            print(f"  extracted {len(erasers)} of {len(names)}, {time.monotonic() - begun:.0f} s", flush=True)
    curve = {}
    for count in counts:
        chosen = [(subject, style) for subject, style in targets if subject in names[:count]]
        parts = [
            CombinationPart(erasure.targets, (eraser,))
            for erasure, eraser in zip(erasures[:count], erasers[:count], strict=True)
        ]
        parts.append(CombinationPart(tuple(random.Random(0).sample(rest, len(rest)))))
        ways = {
            "easymerge": combine(base, parts, CONFIG).adapter if count > 1 else erasers[0],
            "sum": weighted_sum([(each, 1.0) for each in erasers[:count]]),
            "closed_form": closed_form_eraser(base, erasures[:count]),
        }
        found = {way: (right(retained, adapter), right(chosen, adapter)) for way, adapter in ways.items()}
        curve[count] = found
        target = TARGETS.get(count)
        report.add(
            f"retained_after_{count}", found["easymerge"][0] / before, peer=found["sum"][0] / before, target=target,
            note=f"share of the plain base's; peer: sum; closed form of all at once {found['closed_form'][0] / before:.3f}",
        )  # fmt: skip
        report.add(
            f"targets_left_after_{count}", found["easymerge"][1], peer=found["sum"][1],
            note=f"accuracy; closed form of all at once {found['closed_form'][1]:.3f}",
        )  # fmt: skip
        if count in TARGETS:
            fitted = [
                restoring_plugin(base, Restoration(parts, ways["easymerge"], own))
                for own in erasers[:LOOKED_AT]
            ]
            one_by_one = [
                _one(base, judge, erasure, ways["easymerge"], [own.negated(), plugin])
                for erasure, own, plugin in zip(erasures[:LOOKED_AT], erasers, fitted, strict=False)
            ]
            with_own, restored, attacked = (float(np.mean(each)) for each in zip(*one_by_one, strict=True))
            of = f"mean of the first {len(one_by_one)}"
            report.add(
                f"restored_after_{count}", restored, peer=with_own,
                note=f"accuracy with a concept's plug-in fitted to the combination; peer: as it was extracted; {of}",
            )  # fmt: skip
            report.add(
                f"retained_after_{count}_with_a_plugin",
                right(retained, ways["easymerge"], fitted[0]) / before,
                note="share of the plain base's, with the first concept's fitted plug-in laid beside",
            )
            others = [(subject, style) for subject, style in chosen if subject != names[0]]
            report.add(
                f"targets_left_after_{count}_with_a_plugin",
                right(others, ways["easymerge"], fitted[0]),
                note="accuracy on all concepts but the first, with its fitted plug-in laid beside",
            )
            report.add(f"recovered_after_{count}", attacked, note=f"success of the recovery attack, {of}")
    for which, title in enumerate(("Accuracy on what stays", "Accuracy on what was taken out")):
        report.plots.append(
            Plot(title, "concepts extracted", "judge accuracy", {
                way: [(count, found[way][which]) for count, found in curve.items()]
                for way in ("easymerge", "sum", "closed_form")
            })
        )  # fmt: skip
    report.details = {"retained_and_targets_by_count": curve}


@cache
def _base() -> BaseCheckpoint:
    """Give the base of this process."""
    return load_base()


def _eraser(erasure: Erasure) -> Adapter:
    return extract_concept(_base(), erasure).eraser


def _one(
    base: BaseCheckpoint, judge: Judge, erasure: Erasure, merged: Adapter, plugins: Sequence[Adapter]
) -> list[float]:
    """Give the accuracy on one concept with each plug-in beside the combined eraser, and how often an attack succeeds."""
    config = ExaminationConfig(pictures=40, steps=STEPS)
    group = groups_of(base, erasure, config.pictures)[0]
    rates = []
    for plugin in plugins:
        again = draw(base, group.prompts, SEED, [(merged, 1.0), (plugin, 1.0)])
        rates.append(rightly_seen(judge.verdicts(again), group.expected, erasure.kind).rate)
    with quickly(base):
        found = recover(base, erasure, group, draw(base, group.prompts, SEED), [(merged, 1.0)], config)
    return [*rates, recovered(judge, erasure, found).rate]


def _cells(subjects: list[str], known: Known, count: int) -> list[tuple[str, str]]:
    return [
        (subjects[i % len(subjects)], known.styles[(i // len(subjects)) % len(known.styles)])
        for i in range(count)
    ]


def _prompts(subjects: list[str], known: Known) -> list[str]:
    return [styled(subject, style) for subject in subjects for style in known.styles]


def _anchor(name: str, kept: list[str]) -> str:
    """Give a subject that stays, worded with the same article where there is one."""
    same_article = [each for each in kept if each.split()[0] == name.split()[0]]
    return (same_article or kept)[0]
