"""Make one plug-in of several, and show what it does beside each of them and beside their plain sum."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from PIL import Image

from market.basemodels.samples import Sample
from market.catalog.versions import MAX_SAMPLES
from market.combinations import finishing as market
from market.combinations.finishing import Inputs, Learned, Part
from market.combinations.seen import ADDED_UP, BY_ITSELF, COMBINED, SIDE_BY_SIDE
from market.extractions.grids import Grids
from market.extractions.releases import weights_of
from market.jobs.lifecycle import BadResult
from market.jobs.models import Job
from plugins_engine import (
    KINDS,
    Adapter,
    BadRequest,
    BaseCheckpoint,
    CombinationConfig,
    CombinationPart,
    Judge,
    OnProgress,
    Pace,
    Progress,
    Weighted,
    applied,
    combine,
    evenly,
    generate_each,
    in_turn,
    judge_of,
    known_concepts,
    styled,
    trigger_phrase,
    without_article,
)
from workers.engine import Engine
from workers.lease import Lease
from workers.runners.addition import output_of
from workers.runners.extraction import png
from workers.samples import SAMPLE_SEED

TITLE_LENGTH = 90


@dataclass(frozen=True)
class ShowConfig:
    """How much is drawn of each part, and of each two together: `pictures` are looked at, the first `shown` are kept."""

    pictures: int = 8
    shown: int = 4


@dataclass(frozen=True)
class Group:
    """Prompts that are drawn together, with what the judge shall see in them, and the plug-ins they call."""

    title: str
    prompts: tuple[str, ...]
    expected: tuple[Learned, ...]
    adapters: tuple[Adapter, ...]


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
        adapters = [_adapter(engine, part, inputs) for part in inputs.parts]
        subjects, styles = _known(base, inputs)
        parts = [
            CombinationPart(prompts_of(part.concepts, subjects, styles), (adapter,))
            for part, adapter in zip(inputs.parts, adapters, strict=True)
        ]
        # Over what was taken out of the base, as buyers will draw with it.
        with applied(base, lasting):
            done = combine(base, [*parts, *together(inputs.parts, adapters)], config, lease.report)
        adapter = _named(done.adapter, inputs, base)
        groups = groups_of(inputs.parts, adapters, parts)
        shown = _Shown(base, inputs, groups, adapters, adapter, lasting, show or ShowConfig(), lease.report)
        samples, grids, seen = shown.draw()
        output = output_of(adapter, base, done.figures | {"seen": seen}, samples)
        market.complete(job=job, token=lease.token, output=output, grids=grids)
    except BadResult as refusal:
        # It would be refused the same way again.
        raise BadRequest(str(refusal)) from refusal


def _adapter(engine: Engine, part: Part, inputs: Inputs) -> Adapter:
    weights = weights_of(part.version, inputs.release)
    if weights is None:
        raise BadResult(f"“{part.name}” has nothing to restore on {inputs.release}.")
    return engine.stored(weights)


def _known(base: BaseCheckpoint, inputs: Inputs) -> tuple[Sequence[str], Sequence[str]]:
    known = known_concepts(base.directory.path)
    return inputs.subjects or known.subjects, inputs.styles or known.styles


def prompts_of(
    concepts: Sequence[Learned], subjects: Sequence[str], styles: Sequence[str]
) -> tuple[str, ...]:
    """List prompts that call each concept alone: a style on every subject, a character in every style."""
    prompts: list[str] = []
    for each in concepts:
        if each.kind == "style":
            found = [styled(subject, each.name) for subject in subjects]
        else:
            found = [styled(each.name, style) for style in styles]
        prompts += found or [trigger_phrase(each.name, each.kind)]
    return tuple(prompts)


def together(parts: Sequence[Part], adapters: Sequence[Adapter]) -> list[CombinationPart]:
    """Compose prompts that call two parts at once: every character of the one in every style of the other."""
    found = []
    for (part, adapter), (other, beside) in permutations(zip(parts, adapters, strict=True), 2):
        characters = [each.name for each in part.concepts if each.kind != "style"]
        prompts = [
            styled(name, each.name) for name in characters for each in other.concepts if each.kind == "style"
        ]
        if prompts:
            found.append(CombinationPart(tuple(prompts), (beside, adapter)))
    return found


def groups_of(
    parts: Sequence[Part], adapters: Sequence[Adapter], alone: Sequence[CombinationPart]
) -> list[Group]:
    """Lay out what is drawn: each part's own prompts, and those that call two."""
    named = {adapter: part.name for part, adapter in zip(parts, adapters, strict=True)}
    learned = {adapter: part.concepts for part, adapter in zip(parts, adapters, strict=True)}
    groups: dict[str, Group] = {}
    for merge in (*alone, *together(parts, adapters)):
        title = " with ".join(named[each] for each in reversed(merge.adapters))[:TITLE_LENGTH]
        if title in groups:  # two artists may call theirs alike
            title = f"{title} ({len(groups) + 1})"
        concepts = tuple(concept for each in merge.adapters for concept in learned[each])
        groups[title] = Group(title, merge.prompts, concepts, merge.adapters)
    return list(groups.values())


def _named(adapter: Adapter, inputs: Inputs, base: BaseCheckpoint) -> Adapter:
    """Write into the file what the market calls it, and of which versions in which shares it is made."""
    sources = [
        {
            "name": part.name,
            "tensors_sha256": part.version.tensors_sha256,
            "weight": 1.0,
            "share_bps": part.share,
        }
        for part in inputs.parts
    ]
    return replace(
        adapter,
        name=inputs.name,
        kind="combination",
        base_fingerprint=base.fingerprint,
        architecture=base.architecture,
        metadata={**adapter.metadata, "plugin.merged_from": json.dumps(sources)},
    )


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
        self._pace = Pace(3 * config.pictures * len(groups))
        self._done = 0

    def draw(self) -> tuple[list[Sample], Grids, list[dict[str, Any]]]:
        """Give samples of the combination, grids of all ways by group, and what the judge saw, if it knows the concepts."""
        grids: dict[str, tuple[Sequence[str], Sequence[tuple[str, Sequence[bytes]]]]] = {}
        samples: list[list[Sample]] = []
        seen = []
        for group in self._groups:
            prompts = in_turn(evenly(group.prompts, self._config.pictures), self._config.pictures)
            ways = {
                BY_ITSELF if len(group.adapters) == 1 else SIDE_BY_SIDE: [
                    (each, 1.0) for each in group.adapters
                ],
                COMBINED: self._combined,
                ADDED_UP: self._sum,
            }
            drawn = {stage: self._pictures(prompts, plugins) for stage, plugins in ways.items()}
            shown = range(min(self._config.shown, len(dict.fromkeys(prompts))))
            grids[group.title] = (
                tuple(drawn),
                [(prompts[i], [png(pictures[i]) for pictures in drawn.values()]) for i in shown],
            )
            samples.append([Sample(prompts[i], SAMPLE_SEED + i, png(drawn[COMBINED][i])) for i in shown])
            if self._judge is not None and (counted := counted_by(self._judge, group, prompts, drawn)):
                seen.append({"title": group.title, "pictures": len(prompts)} | counted)
        # The first of every group, then the second, until there are enough.
        mixed = [some[i] for i in range(self._config.shown) for some in samples if i < len(some)]
        return mixed[:MAX_SAMPLES], grids, seen

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
    judge: Judge, group: Group, prompts: Sequence[str], drawn: dict[str, list[Image.Image]]
) -> dict[str, float]:
    """Give, by way of drawing, the share of pictures in which the judge sees all that a prompt names.

    Empty where there is something that it does not know.
    """
    known = {"style": {each.lower() for each in judge.styles}}
    known["character"] = {without_article(each).lower() for each in judge.subjects}
    if any(_plain(each) not in known[each.kind] for each in group.expected):
        return {}
    shares = {}
    for stage, pictures in drawn.items():
        right = 0
        for prompt, verdict in zip(prompts, judge.verdicts(pictures), strict=True):
            seen = dict(
                zip(KINDS, (verdict.style.lower(), without_article(verdict.subject).lower()), strict=True)
            )
            named = [each for each in group.expected if trigger_phrase(each.name, each.kind) in prompt]
            right += all(seen[each.kind] == _plain(each) for each in named)
        shares[stage] = right / len(pictures)
    return shares


def _plain(concept: Learned) -> str:
    name = concept.name if concept.kind == "style" else without_article(concept.name)
    return name.lower()
