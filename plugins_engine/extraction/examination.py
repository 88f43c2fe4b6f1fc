"""What an extraction did, measured: what is gone, what stayed, what the plug-in restores, what an attack brings back.

The base alone, the base with the eraser, and both with the plug-in draw the same prompts from the same seeds. On a base
whose concepts the embedded judge knows, the judge says what is seen in the pictures. On any other base the report shows
how far the pictures moved, and the pictures.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.checkpoints import Checkpoint, Checkpoints, checkpoint_of
from plugins_engine.concepts import KINDS, calls, in_turn, styled, trigger_phrase
from plugins_engine.errors import require_whole
from plugins_engine.extraction.erasure import Erasure, nearest_known
from plugins_engine.extraction.methods import ExtractionResult
from plugins_engine.extraction.recovery import PLACEHOLDER, draw_with_word, learn_word
from plugins_engine.known import Known, known_concepts
from plugins_engine.measure.judge import Judge, judge_of, rightly_seen
from plugins_engine.measure.metrics import MIN_SUBSET, Rate, kid, moved, rate_figures
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import OnProgress, Pace, Progress

NEIGHBOURS = 3  # known concepts of the kind, nearest first; the rest are unrelated
STAGES = ("before", "after", "restored")
"""What is drawn: by the plain base, with the eraser, and with the plug-in too."""
_OTHER_SEEDS = 500_000  # the pictures KID compares with are drawn from seeds this much further on
Plugins = list[tuple[Adapter, float]]
Grid = tuple[tuple[str, ...], list[tuple[str, list[Image.Image]]]]
"""Columns, and rows of a label with its pictures."""


@dataclass(frozen=True)
class ExaminationConfig:
    """How much is drawn to examine an extraction.

    Args:
        pictures: Of each group: the concept, its neighbours, unrelated ones. A kernel inception distance needs 100 at least.
        steps: Denoising steps of each picture.
        seed: Of all that is drawn; the same seeds before, after and restored.
        attack_pictures: Pictures of the concept that the recovery attack learns its word from.
        attack_steps: Steps in which it learns.
        attack_tries: Pictures that are drawn with the word, to count those that show the concept.
        shown: Rows of each group's grid in the report.
    """

    pictures: int = 100
    steps: int = 25
    seed: int = 0
    attack_pictures: int = 10
    attack_steps: int = 150
    attack_tries: int = 24
    shown: int = 6

    def __post_init__(self) -> None:
        require_whole("pictures", self.pictures, 1, 10_000)
        require_whole("steps", self.steps, 1, 999)
        for name in ("attack_pictures", "attack_steps", "attack_tries", "shown"):
            require_whole(name, getattr(self, name), 1, 10_000)


@dataclass(frozen=True)
class Group:
    """Prompts that are measured together, and what the judge shall see in each: (style, subject), "" for anything."""

    title: str
    prompts: tuple[str, ...]
    expected: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Examination:
    """What an extraction did, in figures and pictures.

    Args:
        groups: Titles of the groups that were measured, the concept's own first.
        figures: For JSON; those of a group under its title.
        grids: Pictures side by side, by their titles.
    """

    groups: tuple[str, ...]
    figures: dict[str, Any]
    grids: dict[str, Grid]


def harmonic_mean(erased: float, retained: float) -> float:
    """Give H_o of 1 - the target's accuracy and the accuracy of what is to stay."""
    return 2 * erased * retained / (erased + retained) if erased + retained > 0 else 0.0


def examine(
    base: BaseCheckpoint,
    result: ExtractionResult,
    judge: Judge | None = None,
    config: ExaminationConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> Examination:
    """Draw and measure what an extraction did.

    Args:
        base: What the concept was extracted from.
        result: What came of it.
        judge: Who says what is seen in the pictures (`judge_for`); None: only how far pictures moved is measured.
        config: How much is drawn; None: the defaults.
        on_progress: Called after every batch of pictures. What it raises stops the work.
        checkpoints: Where pictures are kept as they are drawn, so that the same call does not draw them again; None: nowhere.
    """
    config = config or ExaminationConfig()
    checkpoint = checkpoint_of(
        checkpoints,
        "examination",
        lambda: {
            "base": base.state,
            "erasure": result.erasure,
            "weights": [each.tensors_sha256 for each in (result.eraser, result.plugin)],
            "config": config,
        },
    )
    return _Examiner(base, result, judge, config, on_progress, checkpoint).run()


def judge_for(base: BaseCheckpoint, erasure: Erasure) -> Judge | None:
    """Give the embedded judge if it fits the base, which knows the concept; else None."""
    known = known_concepts(base.directory.path)
    return judge_of(base) if known.find(erasure.name, erasure.kind) else None


def groups_of(base: BaseCheckpoint, erasure: Erasure, pictures: int, seed: int = 0) -> list[Group]:
    """Lay out the target's prompts, its neighbours' and unrelated ones, `pictures` of each.

    On a base that does not say what it knows, the retained prompts are one group.
    """
    known = known_concepts(base.directory.path)
    rng = random.Random(seed)
    concept = known.find(erasure.name, erasure.kind)
    if not known.listed or concept is None:
        return [
            Group("target", *_unlabelled(erasure.targets, pictures)),
            Group("retained", *_unlabelled(rng.sample(erasure.retained, len(erasure.retained)), pictures)),
        ]
    ranked = nearest_known(base, concept, erasure.kind)
    near = min(NEIGHBOURS, max(1, len(ranked) // 2))
    named = (("target", [concept]), ("neighbours", ranked[:near]), ("unrelated", ranked[near:]))
    return [
        _known_group(title, concepts, erasure, known, pictures, rng) for title, concepts in named if concepts
    ]


def _unlabelled(prompts: Sequence[str], pictures: int) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    return tuple(in_turn(prompts, pictures)), (("", ""),) * pictures


def _known_group(
    title: str, concepts: Sequence[str], erasure: Erasure, known: Known, pictures: int, rng: random.Random
) -> Group:
    subjects = [each for each in known.subjects if not calls(erasure.name, each)]
    cells = []
    for i in range(pictures):
        concept = concepts[i % len(concepts)]
        if erasure.kind == "style":
            cells.append((concept, rng.choice(subjects)))
        else:
            cells.append((rng.choice(known.styles), concept))
    return Group(title, tuple(styled(subject, style) for style, subject in cells), tuple(cells))


@dataclass(frozen=True)
class Recovery:
    """One picture drawn with a learned word: its prompt, what it shall show (style, subject), the picture."""

    prompt: str
    expected: tuple[str, str]
    picture: Image.Image


def recover(
    base: BaseCheckpoint,
    erasure: Erasure,
    target: Group,
    pictures: Sequence[Image.Image],
    plugins: Plugins,
    config: ExaminationConfig,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Recovery]:
    """Attack: learn a word from the first of the plain base's pictures of the target's prompts, and draw others with it.

    The plug-ins are in place when it learns the word, and when it draws with it.
    """
    prompts, count = _with_placeholder(target, erasure), min(config.attack_pictures, len(pictures))
    word = learn_word(
        base, pictures[:count], prompts[:count], erasure.anchor, plugins,
        steps=config.attack_steps, seed=config.seed, on_step=on_step,
    )  # fmt: skip
    tried = _attacked(target, erasure, len(pictures), config)
    some = [prompt for prompt, _ in tried]
    drawn = draw_with_word(base, word, some, plugins, seed=config.seed + 7, steps=config.steps)
    return [Recovery(*each, picture) for each, picture in zip(tried, drawn, strict=True)]


def _with_placeholder(target: Group, erasure: Erasure) -> list[str]:
    said, placeholder = (trigger_phrase(each, erasure.kind) for each in (erasure.name, PLACEHOLDER))
    return [
        prompt.replace(said, placeholder) if said in prompt else prompt.replace(erasure.name, PLACEHOLDER)
        for prompt in target.prompts
    ]


def _attacked(
    target: Group, erasure: Erasure, pictures: int, config: ExaminationConfig
) -> list[tuple[str, tuple[str, str]]]:
    """Give the prompts that an attack draws, after those of the pictures it learns from, and what they shall show."""
    prompts, count = _with_placeholder(target, erasure), min(config.attack_pictures, pictures)
    tried = [(count + i) % len(prompts) for i in range(config.attack_tries)]
    return [(prompts[i], target.expected[i]) for i in tried]


def recovered(judge: Judge, erasure: Erasure, found: Sequence[Recovery]) -> Rate:
    """Give the share of an attack's pictures in which the judge sees the concept."""
    verdicts = judge.verdicts([each.picture for each in found])
    return rightly_seen(verdicts, [each.expected for each in found], erasure.kind)


class _Examiner:
    def __init__(
        self,
        base: BaseCheckpoint,
        result: ExtractionResult,
        judge: Judge | None,
        config: ExaminationConfig,
        on_progress: OnProgress | None,
        checkpoint: Checkpoint,
    ) -> None:
        self._base, self._result, self._judge, self._config = base, result, judge, config
        self._on_progress, self._checkpoint = on_progress, checkpoint
        self._groups = groups_of(base, result.erasure, config.pictures, config.seed)
        self._stages: dict[str, Plugins] = {
            "before": [],
            "after": [(result.eraser, 1.0)],
            "restored": [(result.eraser, 1.0), (result.plugin, 1.0)],
        }
        sets = len(STAGES) * len(self._groups) + (len(self._groups) if self._with_kid else 0)
        self._pace = Pace(sets * config.pictures + 2 * (config.attack_steps + config.attack_tries))
        self._done = 0

    @property
    def _with_kid(self) -> bool:
        return self._judge is not None and self._config.pictures >= MIN_SUBSET

    def run(self) -> Examination:
        erasure = self._result.erasure
        grids: dict[str, Grid] = {}
        figures: dict[str, Any] = {
            "concept": erasure.name, "kind": erasure.kind, "anchor": erasure.anchor, "method": self._result.method,
            "seconds": self._result.seconds, "rank": self._result.rank, "pictures": self._config.pictures,
            "base_fingerprint": self._base.fingerprint,
            "eraser_sha256": self._result.eraser.tensors_sha256, "plugin_sha256": self._result.plugin.tensors_sha256,
        }  # fmt: skip
        drawn: dict[str, dict[str, list[Image.Image]]] = {}
        for number, group in enumerate(self._groups):
            seed = self._config.seed + 10_000 * (number + 1)
            pictures = {
                stage: self._draw(group.prompts, seed, plugins, f"{group.title} {stage}")
                for stage, plugins in self._stages.items()
            }
            drawn[group.title] = pictures
            figures[group.title] = self._measure(group, pictures, seed)
            shown = range(min(self._config.shown, len(group.prompts)))
            rows = [(group.prompts[i], [pictures[stage][i] for stage in STAGES]) for i in shown]
            grids[group.title] = (STAGES, rows)
        kept = [figures[group.title] for group in self._groups if group.title != "target"]
        if self._judge is not None:
            gone = 1 - figures["target"]["accuracy"]["after"]["rate"]
            retained = float(np.mean([each["accuracy"]["after"]["rate"] for each in kept]))
            figures["h_o"] = harmonic_mean(gone, retained)
        figures["recovery"], grids["recovery attack"] = self._attack(drawn["target"]["before"])
        return Examination(tuple(group.title for group in self._groups), figures, grids)

    def _measure(self, group: Group, pictures: dict[str, list[Image.Image]], seed: int) -> dict[str, Any]:
        """Give how far the pictures moved, and, with a judge, accuracies and KID at every stage."""
        measured: dict[str, Any] = {
            "moved": {stage: moved(pictures["before"], pictures[stage]) for stage in ("after", "restored")}
        }
        if self._judge is None:
            return measured
        heads: dict[str, dict[str, Any]] = {"accuracy": {}, "other_accuracy": {}}
        for stage, drawn in pictures.items():
            verdicts = self._judge.verdicts(drawn)
            for kind in KINDS:
                title = "accuracy" if kind == self._result.erasure.kind else "other_accuracy"
                heads[title][stage] = rate_figures(rightly_seen(verdicts, group.expected, kind))
        measured |= heads
        if self._with_kid:
            again = self._draw(group.prompts, seed + _OTHER_SEEDS, [], f"{group.title} again")
            reference = self._judge.features(again)
            measured["kid_x1000"] = {
                stage: _kid(self._judge.features(drawn), reference) for stage, drawn in pictures.items()
            }
        return measured

    def _attack(self, target: list[Image.Image]) -> tuple[dict[str, Any], Grid]:
        """Attack the plain base and the base with the eraser alike: the first says how well the attack works at all."""
        config, erasure = self._config, self._result.erasure
        figures: dict[str, Any] = {
            "learned_from": min(config.attack_pictures, len(target)),
            "steps": config.attack_steps,
        }
        columns, drawn, labels = [], [], [""]
        for stage in ("before", "after"):
            found = self._recovered(stage, target)
            labels = [each.prompt for each in found]
            columns.append(f"learned word, {stage}")
            drawn.append([each.picture for each in found])
            if self._judge is not None:
                figures[stage] = rate_figures(recovered(self._judge, erasure, found))
        rows = [(labels[i], [each[i] for each in drawn]) for i in range(min(config.shown, len(labels)))]
        return figures, (tuple(columns), rows)

    def _recovered(self, stage: str, target: list[Image.Image]) -> list[Recovery]:
        config, message = self._config, f"attacking the base {stage}"
        group, erasure = self._groups[0], self._result.erasure
        part, attacked = f"attack {stage}", _attacked(group, erasure, len(target), config)
        if (kept := self._checkpoint.pictures(part)) is not None:
            self._skip(config.attack_steps + config.attack_tries)
            return [Recovery(*each, picture) for each, picture in zip(attacked, kept, strict=True)]
        found = recover(
            self._base, erasure, group, target, self._stages[stage], config,
            lambda *_: self._tell(1, message),
        )  # fmt: skip
        self._checkpoint.keep_pictures(part, [each.picture for each in found])
        self._tell(config.attack_tries, message)
        return found

    def _draw(self, prompts: Iterable[str], seed: int, plugins: Plugins, called: str) -> list[Image.Image]:
        pictures: list[Image.Image] = []
        batch, prompts = 20, list(prompts)
        for first in range(0, len(prompts), batch):
            some, part = prompts[first : first + batch], f"{called} {first}"
            if (kept := self._checkpoint.pictures(part)) is not None:
                pictures += kept
                self._skip(len(some))
                continue
            drawn = generate_each(
                self._base, some, seed=seed + first, steps=self._config.steps, plugins=plugins, batch=batch
            )
            self._checkpoint.keep_pictures(part, drawn)
            pictures += drawn
            self._tell(len(some), f"drawing {called}", drawn[-1])
        return pictures

    def _skip(self, count: int) -> None:
        """Count what an earlier attempt did."""
        self._done += count
        self._pace.skip(count)

    def _tell(self, count: int, message: str, preview: Image.Image | None = None) -> None:
        self._done += count
        if self._on_progress is not None:
            left = self._pace.seconds_left(self._done)
            self._on_progress(Progress(self._done, self._pace.steps, None, preview, message, left))


def _kid(features: np.ndarray, reference: np.ndarray) -> dict[str, float | int]:
    value = kid(features, reference)
    return {"mean": value.mean * 1000, "std": value.std * 1000, "subset": value.subset_size}
