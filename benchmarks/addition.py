"""Addition of what a base was never shown: styles from 24 works and from 8, characters from five.

The peer is LoRA as diffusers' text-to-image example trains it: attention layers alone, nothing that holds other prompts in
place, no tokens of its own. It gets the same works, seed and rate. It is stopped when it draws the concept as often as ours
does, or after three times our time.

Each concept's figures are kept beside the pictures, so a run that was stopped goes on with the next concept.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.report import Report
from plugins_engine import (
    EMBEDDED,
    Adapter,
    AdditionConfig,
    BaseCheckpoint,
    Concept,
    Judge,
    Known,
    OnTheWay,
    add_concept,
    evenly,
    generate_each,
    in_turn,
    known_concepts,
    load_base,
    seen,
    styled,
)
from training.works import shipped_works

STEPS = 25
SEED = 5000
FEW = 8  # works of a style, when it is learned from few
PEER_TIMES = 3.0  # our training's time, after which the peer is stopped
PEER_LOOKS = 6  # so often its pictures are judged on the way
PEER_PICTURES = 30  # each time


@dataclass(frozen=True)
class _Drawn:
    """Shares of pictures with the right style and the right subject."""

    style: float
    subject: float


@dataclass(frozen=True)
class _Target:
    """A concept to be added: its works, and what it is asked for afterwards."""

    label: str
    name: str
    kind: str
    works: list[tuple[Image.Image, str]]
    prompts: list[str]
    expected: list[tuple[str, str]]  # (style, subject) of each prompt
    plain: list[str]  # the same subjects in styles that the base knows

    def share(self, drawn: _Drawn) -> float:
        """Give how often the concept itself is seen."""
        return drawn.style if self.kind == "style" else drawn.subject


def measure(report: Report, root: Path, directory: Path = EMBEDDED) -> None:
    """Add every concept of ``directory/works`` to the base that lies there, and judge with the judge beside it."""
    bench = _Bench(load_base(directory), Judge.load(directory / "judge"), report.quick)
    found: dict[str, dict[str, Any]] = {}
    for folder in sorted(path.parent for path in directory.glob("works/*/works.json")):
        target = bench.target(folder)
        found[target.label] = bench.kept(root / "addition", target)
        print(f"  {target.label}: {json.dumps(found[target.label]['shown'])}", flush=True)
        report.details[target.label] = found[target.label]
    for kind, (mean, worst) in {"style": (0.85, 0.70), "character": (0.92, 0.80)}.items():
        some = {label: each for label, each in found.items() if each["kind"] == kind}
        if some:
            _of_kind(report, kind, some, mean, worst)
    every = list(found.values())
    for head in ("styles", "subjects"):
        drops = [each["shown"][f"other_{head}_drop"] for each in every]
        report.add(
            f"other_{head}_drop", float(np.mean(drops)), target=0.03, at_least=False,
            note=f"mean of {len(drops)} plug-ins, each on and not named; worst {max(drops):.3f}",
        )  # fmt: skip
    report.add(
        "seconds_longest",
        max(each["shown"]["seconds"] for each in every),
        target=180,
        at_least=False,
    )


def _of_kind(report: Report, kind: str, found: dict[str, dict[str, Any]], mean: float, worst: float) -> None:
    shown = {label: each["shown"] for label, each in found.items()}
    own = {label: each["own"] for label, each in shown.items()}
    peers = [each["peer"] for each in shown.values() if "peer" in each]
    report.add(
        f"{kind}_mean", float(np.mean(list(own.values()))), target=mean,
        peer=float(np.mean(peers)) if peers else None, note=f"{len(own)} plug-ins, prompts that no work answers",
    )  # fmt: skip
    label = min(own, key=lambda each: own[each])
    report.add(f"{kind}_worst", own[label], target=worst, note=label)
    if kind == "style":
        ratio = [each["subject"] / max(each["plain_subject"], 1e-9) for each in shown.values()]
        report.add(
            "style_subject_kept", float(np.mean(ratio)), target=0.85,
            note="right subjects, as a share of the plain base's in its own styles",
        )  # fmt: skip
        few = [each["few"] for each in shown.values() if "few" in each]
        if few:
            report.add(f"style_mean_{FEW}_works", float(np.mean(few)), target=0.70)
    reached = [each["peer_reached"] for each in shown.values() if "peer_reached" in each]
    if reached:
        times = [
            each["peer_seconds"] / each["seconds"] for each in shown.values() if each.get("peer_reached")
        ]
        note = f"of our time, mean where it did: {np.mean(times):.2f}" if times else "it never did"
        report.add(
            f"{kind}_peer_as_good", float(np.mean(reached)),
            note=f"share in which the peer draws it as often in {PEER_TIMES:g} times our time; {note}",
        )  # fmt: skip


class _Bench:
    """A base with its judge, and what it draws without any plug-in."""

    def __init__(self, base: BaseCheckpoint, judge: Judge, is_quick: bool) -> None:
        self._base, self._judge, self._is_quick = base, judge, is_quick
        self._known = known_concepts(base.directory.path)
        self._config = AdditionConfig.for_base(base)
        self._others, self._expected = _other_prompts(self._known, 30 if is_quick else 120)
        self._plain: _Drawn | None = None

    def target(self, folder: Path) -> _Target:
        name, kind, works = shipped_works(folder)
        count = 30 if self._is_quick else 90
        captions = {caption for _, caption in works}
        if kind == "style":
            subjects = [subject for subject in self._known.subjects if subject not in captions]
            subjects = random.Random(4).sample(subjects, min(count, len(subjects)))
            styles = in_turn(
                random.Random(5).sample(self._known.styles, len(self._known.styles)), len(subjects)
            )
            prompts = [styled(subject, name) for subject in subjects]
            expected = [(name, subject) for subject in subjects]
            plain = [styled(subject, style) for subject, style in zip(subjects, styles, strict=True)]
            return _Target(folder.name, name, kind, works, prompts, expected, plain)
        words = next(iter(captions)).split(",")[0]
        shown = {caption.rpartition(", ")[2].removesuffix(" style") for caption in captions}
        styles = [style for style in self._known.styles if style not in shown] or list(self._known.styles)
        styles = in_turn(styles, count)
        prompts = [styled(words, style) for style in styles]
        return _Target(folder.name, name, kind, works, prompts, [(style, words) for style in styles], [])

    def kept(self, folder: Path, target: _Target) -> dict[str, Any]:
        """Give a concept's figures, measured now unless an earlier run of the same base and config did."""
        path = folder / f"{target.label}{'-quick' if self._is_quick else ''}.json"
        of = {"base": self._base.fingerprint, "config": asdict(self._config), "pictures": len(target.prompts)}
        of = json.loads(json.dumps(of))
        if path.exists() and (kept := json.loads(path.read_text()))["of"] == of:
            return dict(kept)
        folder.mkdir(parents=True, exist_ok=True)
        found = {"of": of, "kind": target.kind, **self._measured(target, path.with_suffix(".safetensors"))}
        path.write_text(json.dumps(found, indent=1) + "\n")
        return found

    def _measured(self, target: _Target, file: Path) -> dict[str, Any]:
        result = add_concept(self._base, target.works, target.name, target.kind, self._config)
        result.adapter.save(file)
        own = self._drawn(target.prompts, target.expected, result.adapter)
        if self._plain is None:
            self._plain = self._drawn(self._others, self._expected)
        others = self._drawn(self._others, self._expected, result.adapter)
        shown: dict[str, Any] = {
            "own": target.share(own),
            "subject": own.subject,
            "other_styles_drop": self._plain.style - others.style,
            "other_subjects_drop": self._plain.subject - others.subject,
            "seconds": result.figures["seconds"],
        }
        if target.kind == "style":
            subjects = [(target.name, subject) for _, subject in target.expected]
            shown["plain_subject"] = self._drawn(target.plain, subjects).subject
        if not self._is_quick:
            if target.kind == "style":
                works = evenly(target.works, FEW)
                few = add_concept(self._base, works, target.name, target.kind, self._config)
                shown["few"] = self._drawn(target.prompts, target.expected, few.adapter).style
            shown |= self._peer(target, shown["own"], shown["seconds"])
        return {"shown": shown, "figures": result.figures}

    def _peer(self, target: _Target, wanted: float, ours: float) -> dict[str, Any]:
        """Train the peer until it draws the concept as often, at most three times our seconds."""
        config = replace(
            self._config, layers=("attention",), prior_batch=0, tokens=0, token_steps=0, token_rate=0.0, text_rank=0,
            verbatim_works=0,
        )  # fmt: skip
        begun = time.monotonic()
        trial = 10
        add_concept(self._base, target.works, target.name, target.kind, replace(config, steps=trial))
        steps = max(PEER_LOOKS, int(trial * PEER_TIMES * ours / (time.monotonic() - begun)))
        watch = _Watch(self, target, wanted)
        try:
            result = add_concept(
                self._base, target.works, target.name, target.kind, replace(config, steps=steps),
                on_the_way=OnTheWay(max(1, steps // PEER_LOOKS), watch.look),
            )  # fmt: skip
        except _Reached:
            return {"peer": watch.drawn, "peer_reached": True, "peer_seconds": watch.trained}
        last = self.own(target, result.adapter, len(target.prompts))
        return {"peer": last, "peer_reached": last >= wanted, "peer_seconds": watch.trained}

    def own(self, target: _Target, adapter: Adapter, count: int) -> float:
        return target.share(self._drawn(target.prompts[:count], target.expected[:count], adapter))

    def _drawn(
        self, prompts: Sequence[str], expected: Sequence[tuple[str, str]], adapter: Adapter | None = None
    ) -> _Drawn:
        plugins = [] if adapter is None else [(adapter, 1.0)]
        verdicts = self._judge.verdicts(
            generate_each(self._base, prompts, seed=SEED, steps=STEPS, plugins=plugins)
        )
        style = seen(verdicts, [[Concept(style, "style")] for style, _ in expected])
        subject = seen(verdicts, [[Concept(subject, "character")] for _, subject in expected])
        return _Drawn(style.rate, subject.rate)


class _Reached(Exception):
    """The peer draws the concept as often as ours does."""


class _Watch:
    """Looks at the peer while it is trained; the time that looking takes is not counted."""

    def __init__(self, bench: _Bench, target: _Target, wanted: float) -> None:
        self._bench, self._target, self._wanted = bench, target, wanted
        self._begun = time.monotonic()
        self.drawn = 0.0

    @property
    def trained(self) -> float:
        return time.monotonic() - self._begun

    def look(self, done: int, adapter: Adapter) -> None:
        before = time.monotonic()
        self.drawn = self._bench.own(self._target, adapter, PEER_PICTURES)
        self._begun += time.monotonic() - before
        if self.drawn >= self._wanted:
            raise _Reached


def _other_prompts(known: Known, count: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Give prompts of concepts that the base knows, and the (style, subject) of each."""
    cells = [(style, subject) for subject in known.subjects for style in known.styles]
    chosen = random.Random(3).sample(cells, count)
    return [styled(subject, style) for style, subject in chosen], chosen
