"""Extraction of four styles and six characters by every method, one at a time: gone, kept, restored, recovered, how fast.

KID of a style is against the style's real pictures. Of a character there are too few, so it is against what the plain base
draws of the same prompts from other seeds. Where the plain base's own KID is below its noise, the noise stands in for it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.erasers import BASELINES
from benchmarks.report import Report
from plugins_engine.adapter import Adapter, weighted_sum
from plugins_engine.base import BaseModel, load_base
from plugins_engine.branches import made_for
from plugins_engine.delta import materialise
from plugins_engine.erasure import Erasure, plan_erasure
from plugins_engine.examination import (
    ExaminationConfig,
    Group,
    groups_of,
    harmonic_mean,
    recover,
    recovered,
    rightly_seen,
)
from plugins_engine.extraction import METHODS, extract_concept
from plugins_engine.hybrid import HybridConfig
from plugins_engine.judge import Judge
from plugins_engine.metrics import Kid, kid
from plugins_engine.sampler import generate_each
from training import pictures
from training.subjects import STYLES, SUBJECTS

TARGETS = (
    ("Noto", "style"), ("Fluent 3D", "style"), ("High Contrast", "style"), ("EmojiTwo", "style"),
    ("fox", "character"), ("castle", "character"), ("guitar", "character"), ("owl", "character"),
    ("rocket", "character"), ("pumpkin lantern", "character"),
)  # fmt: skip
QUICK_TARGETS = (("Noto", "style"), ("fox", "character"))
OURS, PAPER, CLOSED = "hybrid", "reverse-lora", "closed-form"
KID_FACTOR = {"style": 4.5, "character": 2.6}
Features = np.ndarray
Plugins = Sequence[tuple[Adapter, float]]


@dataclass(frozen=True)
class Measured:
    """What one method did to one target."""

    seconds: float
    target: float  # accuracy of the target, with the eraser
    retained: float  # accuracy of neighbours and unrelated ones, mean
    retained_before: float
    target_kid: float  # with the eraser, times the plain base's
    neighbours_kid: float
    recovered: float
    restored: float  # accuracy of the target with eraser and plug-in, less the plain base's

    @property
    def h_o(self) -> float:
        return harmonic_mean(1 - self.target, self.retained)


def measure(report: Report, root: Path) -> None:
    base, judge = load_base(), Judge.load()
    methods = (OURS, CLOSED, PAPER) if report.quick else (*METHODS, *BASELINES)
    found: dict[str, dict[str, Measured]] = {method: {} for method in methods}
    for name, kind in QUICK_TARGETS if report.quick else TARGETS:
        erasure = plan_erasure(base, name, kind)
        bench = _Bench(base, judge, erasure, root)
        for method in methods:  # interleaved, so that every method meets the machine as it is
            found[method][name] = one = bench.measure(method)
            print(
                f"  {name} by {method}: {one.seconds:.0f} s, target {one.target:.2f}, retained {one.retained:.2f} of "
                f"{one.retained_before:.2f}, H_o {one.h_o:.3f}, KID x{one.target_kid:.1f}, neighbours x{one.neighbours_kid:.2f}, "
                f"recovered {one.recovered:.2f}, restored {one.restored:+.3f}",
                flush=True,
            )
    report.details = {
        method: {name: vars(one) | {"h_o": one.h_o} for name, one in each.items()}
        for method, each in found.items()
    }
    _figures(report, found)


def _figures(report: Report, found: dict[str, dict[str, Measured]]) -> None:
    kinds = dict(QUICK_TARGETS if report.quick else TARGETS)
    ours, paper, closed = found[OURS], found[PAPER], found[CLOSED]

    def both(
        name: str, value: Callable[[Measured], float], chosen: list[str], target: float, at_least: bool
    ) -> None:
        mine, theirs = [value(ours[each]) for each in chosen], [value(paper[each]) for each in chosen]
        said: dict[str, Any] = {"target": target, "at_least": at_least}
        report.add(
            f"{name}_mean",
            float(np.mean(mine)),
            peer=float(np.mean(theirs)),
            note="peer: reverse LoRA",
            **said,
        )
        worst = min if at_least else max
        report.add(f"{name}_worst", worst(mine), peer=worst(theirs), **said)

    for kind, factor in KID_FACTOR.items():
        chosen = [name for name in ours if kinds[name] == kind]
        both(f"{kind}_target_kid_factor", lambda one: one.target_kid, chosen, factor, at_least=True)
        both(f"{kind}_neighbours_kid_factor", lambda one: one.neighbours_kid, chosen, 1.1, at_least=False)
    every = list(ours)
    both("h_o", lambda one: one.h_o, every, 0.95, at_least=True)
    both("restored_accuracy_change", lambda one: abs(one.restored), every, 0.01, at_least=False)
    for method, each in found.items():
        if method not in (OURS, PAPER):
            values = [one.h_o for one in each.values()]
            report.add(
                f"h_o_of_{method.replace('-', '_')}_mean",
                float(np.mean(values)),
                note=f"worst {min(values):.3f}",
            )
    mine, theirs = (float(np.mean([one.seconds for one in each.values()])) for each in (ours, paper))
    report.add(
        "times_faster_than_reverse_lora",
        theirs / mine,
        target=10.0,
        note=f"{mine:.1f} s against {theirs:.1f} s, mean",
    )
    attacked, weak = (float(np.mean([one.recovered for one in each.values()])) for each in (ours, closed))
    report.add(
        "recovered_by_attack", attacked, peer=weak, target=weak / 3, at_least=False,
        note="mean success; peer: closed form, target a third of it",
    )  # fmt: skip


class _Bench:
    """One target's pictures before, drawn once, and the measurement of each method beside them."""

    def __init__(self, base: BaseModel, judge: Judge, erasure: Erasure, root: Path) -> None:
        self._base, self._judge, self._erasure = base, judge, erasure
        self._config = ExaminationConfig(steps=20)
        self._groups = groups_of(base, erasure, self._config.pictures)
        self._before = {group.title: self._draw(number, []) for number, group in enumerate(self._groups)}
        self._reference = {
            group.title: _real_features(judge, root, erasure.name)
            if group.title == "target" and erasure.kind == "style"
            else judge.features(self._draw(number, [], further=500_000))
            for number, group in enumerate(self._groups)
        }
        self._kid_before = {title: self._kid(title, drawn) for title, drawn in self._before.items()}
        self._accuracy_before = {
            group.title: self._accuracy(group, self._before[group.title]) for group in self._groups
        }

    def measure(self, method: str) -> Measured:
        begun = time.monotonic()
        eraser = self._eraser(method)
        seconds = time.monotonic() - begun
        plugin = eraser.negated()
        after = {
            group.title: self._draw(number, [(eraser, 1.0)]) for number, group in enumerate(self._groups)
        }
        accuracy = {group.title: self._accuracy(group, after[group.title]) for group in self._groups}
        kept = [group.title for group in self._groups if group.title != "target"]
        both = weighted_sum([(eraser, 1.0), (plugin, 1.0)])
        if max(float(materialise(each).abs().max()) for each in both.layers.values()) > 1e-5:
            raise ArithmeticError(f"{method}: eraser and plug-in do not cancel")
        restored = self._accuracy(self._groups[0], self._draw(0, [(eraser, 1.0), (plugin, 1.0)]))
        found = recover(
            self._base, self._erasure, self._groups[0], self._before["target"], [(eraser, 1.0)], self._config
        )
        return Measured(
            seconds=seconds,
            target=accuracy["target"],
            retained=float(np.mean([accuracy[title] for title in kept])),
            retained_before=float(np.mean([self._accuracy_before[title] for title in kept])),
            target_kid=self._factor("target", after["target"]),
            neighbours_kid=self._factor("neighbours", after["neighbours"]),
            recovered=recovered(self._judge, self._erasure, found).rate,
            restored=restored - self._accuracy_before["target"],
        )

    def _eraser(self, method: str) -> Adapter:
        if method in BASELINES:
            layers = BASELINES[method](self._base, self._erasure, HybridConfig())
            return made_for(self._base, layers, name=f"without {self._erasure.name}", kind="eraser")
        return extract_concept(self._base, self._erasure, method).eraser  # type: ignore[arg-type]  # a METHODS name

    def _draw(self, number: int, plugins: Plugins, further: int = 0) -> list[Image.Image]:
        seed = 10_000 * (number + 1) + further
        return generate_each(
            self._base, self._groups[number].prompts, seed=seed, steps=self._config.steps, plugins=plugins
        )

    def _accuracy(self, group: Group, drawn: list[Image.Image]) -> float:
        return rightly_seen(self._judge.verdicts(drawn), group.expected, self._erasure.kind).rate

    def _kid(self, title: str, drawn: list[Image.Image]) -> Kid:
        return kid(self._judge.features(drawn), self._reference[title])

    def _factor(self, title: str, after: list[Image.Image]) -> float:
        before = self._kid_before[title]
        return self._kid(title, after).mean / max(before.mean, before.std)


def _real_features(judge: Judge, root: Path, style: str) -> Features:
    (package,) = (each.package for each in STYLES if each.name == style)
    items = [p for p in pictures.all_pictures(root) if p.package == package and p.subject in SUBJECTS]
    features: Features = judge.network.features(pictures.load(items)).numpy()
    return features
