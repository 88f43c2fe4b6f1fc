"""A release: several extractions laid over one base for good, combined into one eraser, and tested as a whole."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.checkpoints import Checkpoint, Checkpoints, checkpoint_of
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.easymerge import combine
from plugins_engine.combination.parts import CombinationPart, kept_by_erasers
from plugins_engine.concepts import KINDS, calls, in_turn, styled
from plugins_engine.errors import BadRequest, require_whole
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.extraction.examination import STAGES, Grid, Group, Plugins, groups_of
from plugins_engine.extraction.restoration import Restoration, require_of_unet, restoring_plugin
from plugins_engine.known import known_concepts
from plugins_engine.measure.judge import Judge, rightly_seen
from plugins_engine.measure.metrics import moved, moved_interval, rate_figures
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.sampler import generate_each
from plugins_engine.progress import OnProgress, Pace, Progress

_BATCH = 20  # pictures


@dataclass(frozen=True)
class ErasedConcept:
    """A concept that a release shall lack.

    Args:
        erasure: Its prompts.
        eraser: What erases it.
        plugin: What gives it back if it was erased alone.
    """

    erasure: Erasure
    eraser: Adapter
    plugin: Adapter


@dataclass(frozen=True)
class ReleaseConfig:
    """How a release is made and how much is drawn to test it.

    Args:
        combination: How the erasers of several concepts are combined. Each part has fewer pictures than usual, as there are
            many parts.
        restoring_steps: Training steps of each plug-in beside several erasers (`restoring_plugin`).
        pictures: Of each concept, and of all else.
        steps: Denoising steps of each.
        seed: Of all that is drawn. It is the same for every concept, so that its pictures can be compared between releases.
        shown: Rows of each grid in the report.
    """

    combination: CombinationConfig = field(default_factory=lambda: CombinationConfig(pictures=16))
    restoring_steps: int = 30
    pictures: int = 60
    steps: int = 25
    seed: int = 0
    shown: int = 6

    def __post_init__(self) -> None:
        for name in ("restoring_steps", "pictures", "shown"):
            require_whole(name, getattr(self, name), 1, 10_000)
        require_whole("steps", self.steps, 1, 999)


@dataclass(frozen=True)
class CombinedErasers:
    """What a release lays over its base for good, and what gives each concept back.

    Args:
        eraser: One for all concepts.
        plugins: In the order of the concepts, what restores each beside that eraser.
    """

    eraser: Adapter
    plugins: tuple[Adapter, ...]


@dataclass(frozen=True)
class ReleaseTest:
    """What a release does, in figures and pictures.

    Args:
        figures: For JSON: `concepts`, `retained`, and what was tested.
        grids: Pictures side by side, by their titles: each concept's name, and "all else".
    """

    figures: dict[str, Any]
    grids: dict[str, Grid]


def combine_erasers(
    base: BaseCheckpoint,
    taken: Sequence[ErasedConcept],
    config: ReleaseConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> CombinedErasers:
    """Combine the erasers of several concepts, and fit each one's plug-in to what they became.

    One alone stays as it is, and so does its plug-in, which is exact. Raises BadRequest, BaseMismatch.

    Args:
        base: What they are extracted from.
        taken: The concepts, at least one.
        config: How; None: the defaults.
        on_progress: Called after every step. What it raises (Cancelled) stops the work.
        checkpoints: Where the combination is kept, so that the same call goes on from there; None: nowhere.
    """
    config = config or ReleaseConfig()
    if not taken:
        raise BadRequest("expected at least one extraction to release without, found none")
    if len(taken) == 1:
        return CombinedErasers(taken[0].eraser, (taken[0].plugin,))
    require_of_unet([each.eraser for each in taken])
    parts = [CombinationPart(each.erasure.targets, (each.eraser,)) for each in taken]
    kept = kept_by_erasers(base, [each.eraser for each in taken])
    if kept:
        # In no order, so that a sample of them is one of everything.
        parts.append(CombinationPart(tuple(random.Random(config.seed).sample(kept, len(kept)))))
    combined = combine(base, parts, config.combination, on_progress, checkpoints=checkpoints).adapter
    plugins = tuple(
        restoring_plugin(
            base,
            Restoration(parts, combined, each.eraser),
            steps=config.restoring_steps,
            seed=config.seed,
            on_progress=on_progress,
        )
        for each in taken
    )
    return CombinedErasers(combined, plugins)


def check_release(
    base: BaseCheckpoint,
    taken: Sequence[ErasedConcept],
    combined: CombinedErasers,
    judge: Judge | None = None,
    config: ReleaseConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> ReleaseTest:
    """Draw each concept's prompts with the plain base, with the combined eraser, and with both and its plug-in.

    All else is drawn without and with the eraser.

    Args:
        base: The plain base.
        taken: The concepts.
        combined: What `combine_erasers` gave of them.
        judge: Who says what is seen, and knows all the concepts; None: only how far pictures moved is measured.
        config: How much is drawn; None: the defaults.
        on_progress: Called after every batch of pictures. What it raises stops the work.
        checkpoints: Where pictures are kept as they are drawn, so that the same call does not draw them again; None: nowhere.
    """
    config = config or ReleaseConfig()
    checkpoint = checkpoint_of(
        checkpoints,
        "release",
        lambda: {
            "base": base.state,
            "erasures": [each.erasure for each in taken],
            "weights": [each.tensors_sha256 for each in (combined.eraser, *combined.plugins)],
            "config": config,
        },
    )
    return _Check(base, taken, combined, judge, config, on_progress, checkpoint).run()


class _Check:
    def __init__(
        self,
        base: BaseCheckpoint,
        taken: Sequence[ErasedConcept],
        combined: CombinedErasers,
        judge: Judge | None,
        config: ReleaseConfig,
        on_progress: OnProgress | None,
        checkpoint: Checkpoint,
    ) -> None:
        self._base, self._taken, self._combined, self._judge, self._config = (
            base,
            taken,
            combined,
            judge,
            config,
        )
        self._on_progress, self._checkpoint = on_progress, checkpoint
        self._pace = Pace((len(STAGES) * len(taken) + 2) * config.pictures)
        self._done = 0

    def run(self) -> ReleaseTest:
        lasting: Plugins = [(self._combined.eraser, 1.0)]
        grids: dict[str, Grid] = {}
        concepts = []
        for number, (each, plugin) in enumerate(zip(self._taken, self._combined.plugins, strict=True)):
            erasure = each.erasure
            group = groups_of(self._base, erasure, self._config.pictures, self._config.seed)[0]
            ways: dict[str, Plugins] = {"before": [], "after": lasting, "restored": [*lasting, (plugin, 1.0)]}
            drawn = self._draw_all(group, ways, erasure.name, f"concept {number}")
            measured: dict[str, Any] = {
                "name": erasure.name,
                "kind": erasure.kind,
                "moved": {stage: moved(drawn["before"], drawn[stage]) for stage in ("after", "restored")},
            }
            if self._judge is not None:
                measured["accuracy"] = self._rates(self._judge, group, drawn, erasure.kind)
            concepts.append(measured)
            grids[erasure.name] = self._grid(group, drawn)
        group = self._others()
        drawn = self._draw_all(group, {"before": [], "after": lasting}, "all else", "all else")
        kept: dict[str, Any] = {"moved": {"after": moved(drawn["before"], drawn["after"])}}
        kept["moved_interval"] = {"after": moved_interval(drawn["before"], drawn["after"])}
        if self._judge is not None and any(group.expected[0]):
            kept |= {kind: self._rates(self._judge, group, drawn, kind) for kind in KINDS}
        grids["all else"] = self._grid(group, drawn)
        figures = {
            "concepts": concepts,
            "retained": kept,
            "pictures": self._config.pictures,
            "rank": self._combined.eraser.rank,
            "eraser_sha256": self._combined.eraser.tensors_sha256,
            "base_fingerprint": self._base.fingerprint,
        }
        return ReleaseTest(figures, grids)

    def _others(self) -> Group:
        """Lay out prompts of what was not erased: on a base that says what it knows, of its subjects in its styles."""
        known, rng = known_concepts(self._base.directory.path), random.Random(self._config.seed)
        names = [each.erasure.name for each in self._taken]
        subjects, styles = (
            [each for each in listed if not any(calls(name, each) for name in names)]
            for listed in (known.subjects, known.styles)
        )
        count = self._config.pictures
        if known.listed and subjects and styles:
            cells = tuple((rng.choice(styles), rng.choice(subjects)) for _ in range(count))
            return Group("retained", tuple(styled(subject, style) for style, subject in cells), cells)
        kept = kept_by_erasers(self._base, [each.eraser for each in self._taken])
        if not kept:
            raise BadRequest(
                "expected something that the base draws and that is not taken out, found nothing"
            )
        prompts = in_turn(rng.sample(kept, len(kept)), count)
        return Group("retained", tuple(prompts), (("", ""),) * count)

    def _draw_all(
        self, group: Group, ways: dict[str, Plugins], called: str, part: str
    ) -> dict[str, list[Image.Image]]:
        # The same seeds for every concept, so that a concept's pictures are comparable between releases.
        return {
            stage: self._draw(
                group.prompts, self._config.seed, plugins, f"drawing {called} {stage}", f"{part} {stage}"
            )
            for stage, plugins in ways.items()
        }

    def _draw(
        self, prompts: Sequence[str], seed: int, plugins: Plugins, message: str, called: str
    ) -> list[Image.Image]:
        pictures: list[Image.Image] = []
        for first in range(0, len(prompts), _BATCH):
            some, part = prompts[first : first + _BATCH], f"{called} {first}"
            if (kept := self._checkpoint.pictures(part)) is not None:
                pictures += kept
                self._done += len(some)
                self._pace.skip(len(some))
                continue
            drawn = generate_each(
                self._base, some, seed=seed + first, steps=self._config.steps, plugins=plugins, batch=_BATCH
            )
            self._checkpoint.keep_pictures(part, drawn)
            pictures += drawn
            self._done += len(some)
            if self._on_progress is not None:
                left = self._pace.seconds_left(self._done)
                self._on_progress(Progress(self._done, self._pace.steps, None, pictures[-1], message, left))
        return pictures

    def _rates(
        self, judge: Judge, group: Group, drawn: dict[str, list[Image.Image]], kind: str
    ) -> dict[str, Any]:
        return {
            stage: rate_figures(rightly_seen(judge.verdicts(pictures), group.expected, kind))
            for stage, pictures in drawn.items()
        }

    def _grid(self, group: Group, drawn: dict[str, list[Image.Image]]) -> Grid:
        shown = range(min(self._config.shown, len(group.prompts)))
        return tuple(drawn), [(group.prompts[i], [each[i] for each in drawn.values()]) for i in shown]
