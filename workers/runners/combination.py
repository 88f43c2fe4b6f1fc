"""Make one plug-in of several, and show what it does beside each of them and beside their plain sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from market.basemodels.samples import SAMPLE_SEED, Sample
from market.catalog.versions import MAX_SAMPLES
from market.combinations import finishing as market
from market.combinations.finishing import Inputs, Part
from market.combinations.seen import ADDED_UP, BY_ITSELF, COMBINED, SIDE_BY_SIDE
from market.extractions.grids import Grids
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    Adapter,
    BadRequest,
    BaseCheckpoint,
    CombinationConfig,
    CombinationPart,
    Concept,
    Judge,
    OnProgress,
    Pace,
    Progress,
    Source,
    Weighted,
    applied,
    combine,
    evenly,
    generate_each,
    in_turn,
    judge_of,
    known_concepts,
    parts_drawing,
    seen,
    state_sources,
)
from workers.adapters import named, output_of
from workers.checkpoints import checkpoints_of
from workers.engine import Engine
from workers.lease import Lease
from workers.patience import patiently
from workers.pictures import png

TITLE_LENGTH = 90


@dataclass(frozen=True)
class ShowConfig:
    """How much is drawn of each part, and of each two together: `pictures` are looked at, the first `shown` are kept."""

    pictures: int = 8
    shown: int = 4


@dataclass(frozen=True)
class Group:
    """Prompts that are drawn together, with the concepts that the judge shall see in them, and the plug-ins they call."""

    title: str
    part: CombinationPart
    concepts: tuple[Concept, ...]


def run_combination(
    job: Job,
    engine: Engine,
    lease: Lease,
    *,
    config: CombinationConfig | None = None,
    show: ShowConfig | None = None,
) -> None:
    lease.say("loading the model")
    try:
        inputs = market.inputs(job)
        base = engine.base(inputs.release)
        lasting = engine.laid_over(inputs.release)
        lease.check()
        adapters = [engine.stored(part.weights) for part in inputs.parts]
        concepts = [[Concept(each.name, each.kind) for each in part.concepts] for part in inputs.parts]
        known = known_concepts(base.directory.path)
        parts = parts_drawing(
            list(zip(adapters, concepts, strict=True)),
            inputs.subjects or known.subjects,
            inputs.styles or known.styles,
        )
        # Over what was taken out of the base, as buyers will draw with it.
        with applied(base, lasting):
            done = combine(base, parts, config, lease.report, checkpoints=checkpoints_of(job))
        adapter = _stated(named(done.adapter, base, name=inputs.name, kind="combination"), inputs)
        groups = _groups(inputs.parts, adapters, concepts, parts)
        shown = _Shown(base, inputs, groups, adapters, adapter, lasting, show or ShowConfig(), lease.report)
        samples, grids, counted = shown.draw()
        output = output_of(adapter, base, done.figures | {"seen": counted}, samples)
        patiently(lambda: market.complete(job=job, token=lease.token, output=output, grids=grids))
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadRequest(str(refusal)) from refusal


def _groups(
    parts: Sequence[Part],
    adapters: Sequence[Adapter],
    concepts: Sequence[Sequence[Concept]],
    fitted: Sequence[CombinationPart],
) -> list[Group]:
    """Lay out what is drawn: each part's own prompts, and those that call two."""
    called = {adapter: part.name for part, adapter in zip(parts, adapters, strict=True)}
    learned = dict(zip(adapters, concepts, strict=True))
    groups: dict[str, Group] = {}
    for part in fitted:
        title = " with ".join(called[each] for each in reversed(part.adapters))[:TITLE_LENGTH]
        if title in groups:  # two artists may call theirs alike
            title = f"{title} ({len(groups) + 1})"
        groups[title] = Group(
            title, part, tuple(concept for each in part.adapters for concept in learned[each])
        )
    return list(groups.values())


def _stated(adapter: Adapter, inputs: Inputs) -> Adapter:
    """Write into the file of which versions in which shares it is made, as the market divides its fee."""
    sources = [Source(part.name, part.version.tensors_sha256, part.share) for part in inputs.parts]
    return replace(adapter, metadata={**adapter.metadata, **state_sources(sources)})


class _Shown:
    """The pictures of one combination under way."""

    def __init__(
        self,
        base: BaseCheckpoint,
        inputs: Inputs,
        groups: Sequence[Group],
        adapters: Sequence[Adapter],
        combined: Adapter,
        lasting: Sequence[Weighted],
        config: ShowConfig,
        on_progress: OnProgress,
    ) -> None:
        self._base, self._inputs, self._groups, self._config = base, inputs, groups, config
        self._lasting, self._on_progress = lasting, on_progress
        self._combined: list[Weighted] = [(combined, 1.0)]
        self._sum: list[Weighted] = [(each, 1.0) for each in adapters]
        self._judge = judge_of(base)
        self._pace = Pace((3 * config.pictures + config.shown) * len(groups))
        self._done = 0

    def draw(self) -> tuple[list[Sample], Grids, list[dict[str, Any]]]:
        """Give samples of the combination, grids of all ways by group, and what the judge saw, if it knows the concepts."""
        grids: dict[str, tuple[Sequence[str], Sequence[tuple[str, Sequence[bytes]]]]] = {}
        samples: list[list[Sample]] = []
        counts = []
        for group in self._groups:
            prompts = in_turn(evenly(group.part.prompts, self._config.pictures), self._config.pictures)
            own = group.part.adapters
            ways = {
                BY_ITSELF if len(own) == 1 else SIDE_BY_SIDE: [(each, 1.0) for each in own],
                COMBINED: self._combined,
                ADDED_UP: self._sum,
            }
            drawn = {stage: self._pictures(prompts, plugins) for stage, plugins in ways.items()}
            shown = range(min(self._config.shown, len(dict.fromkeys(prompts))))
            grids[group.title] = (
                tuple(drawn),
                [(prompts[i], [png(pictures[i]) for pictures in drawn.values()]) for i in shown],
            )
            plain = self._pictures([prompts[i] for i in shown], [])
            samples.append(
                [Sample(prompts[i], SAMPLE_SEED + i, png(drawn[COMBINED][i]), png(plain[i])) for i in shown]
            )
            if self._judge is not None and (counted := counted_by(self._judge, group, prompts, drawn)):
                counts.append({"title": group.title, "pictures": len(prompts)} | counted)
        # The first of every group, then the second, until there are enough.
        mixed = [some[i] for i in range(self._config.shown) for some in samples if i < len(some)]
        return mixed[:MAX_SAMPLES], grids, counts

    def _pictures(self, prompts: Sequence[str], plugins: Sequence[Weighted]) -> list[Image.Image]:
        release = self._inputs.release
        pictures = generate_each(
            self._base,
            list(prompts),
            seed=SAMPLE_SEED,
            steps=release.base.default_steps,
            guidance=release.base.default_guidance,
            plugins=[*self._lasting, *plugins],
        )
        self._done += len(pictures)
        left = self._pace.seconds_left(self._done)
        self._on_progress(
            Progress(self._done, self._pace.steps, None, pictures[-1], "drawing with it and its parts", left)
        )
        return pictures


def counted_by(
    judge: Judge, group: Group, prompts: Sequence[str], drawn: Mapping[str, Sequence[Image.Image]]
) -> dict[str, float]:
    """Give, by way of drawing, the share of pictures in which the judge sees all that a prompt names.

    Empty where there is something that it does not know.
    """
    if not all(judge.knows(each) for each in group.concepts):
        return {}
    asked = [[each for each in group.concepts if each.trigger in prompt] for prompt in prompts]
    return {stage: seen(judge.verdicts(pictures), asked).rate for stage, pictures in drawn.items()}
