"""Two, three and five plug-ins become one: the layers' objective, each concept alone, a character in a style. All methods beside ours.

Three plug-ins are the characters that ship with the base, added to it. Two are a style and a character extracted from it, whose
erasers are in the base throughout. SSR-Merge (arXiv 2606.10617) is written from its formula. A and B are the parts' factors laid
one after the other, and z = A x the signals of part i's own inputs. The result is B Q G⁻¹ A, with G = Σ z zᵀ over all parts and Q
the same with every signal but part i's own set to nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.drawing import draw
from benchmarks.report import Report
from plugins_engine import (
    COMBINATION_METHODS,
    EMBEDDED,
    Adapter,
    BaseCheckpoint,
    CombinationConfig,
    CombinationMethod,
    CombinationPart,
    Concept,
    Judge,
    Known,
    combine,
    extract_concept,
    in_turn,
    joint_parts,
    known_concepts,
    load_base,
    plan_erasure,
    seen,
    styled,
    without_article,
)
from plugins_engine.adapters.adapter import combined_adapter
from plugins_engine.adapters.delta import LowRank, materialise
from plugins_engine.combination.easymerge import gather_parts
from plugins_engine.combination.objective import relative_error

SETS = (("Noto", "panda"), ("Noto", "panda", "ghost"), ("Noto", "panda", "ghost", "octopus", "fox"))
EXTRACTED = {"Noto": "style", "fox": "character"}
PEERS = ("sum", "svd", "ties", "dare", "ssr")
JUDGED_ALONE = ("tuned", "closed-form")  # of what the others make of each concept alone nothing is asked
PROMPTS = 96  # that call each plug-in, for the fit
SEED = 7000
RIDGE = 1e-6  # of G's mean diagonal, so that it can be inverted


@dataclass(frozen=True)
class Chosen:
    """One plug-in with prompts that call it, for the fit and for the judge."""

    adapter: Adapter
    subject: str  # as the judge calls it; "" for a style

    @property
    def asked(self) -> Concept:
        return Concept(self.subject or self.adapter.name, self.adapter.kind)

    def prompts(self, known: Known, count: int, shift: int = 0) -> list[str]:
        if self.adapter.kind == "style":
            subjects = [each for each in known.subjects if without_article(each) not in EXTRACTED]
            some = [subjects[(shift + 7 * i) % len(subjects)] for i in range(count)]
            return [styled(subject, self.adapter.name) for subject in some]
        styles = [each for each in known.styles if each not in EXTRACTED]
        return [styled(self.subject, style) for style in in_turn(styles, shift + count)[shift:]]


def measure(report: Report, _: Path) -> None:
    base, judge, known = load_base(), Judge.load(), known_concepts(EMBEDDED)
    # Two in a hundred are to be told from five.
    pictures, sets = (60, SETS[:1]) if report.quick else (180, SETS)
    concepts = _concepts(base, judge, sets)
    for names in sets:
        chosen = [concepts[name] for name in names]
        alone = [CombinationPart(tuple(each.prompts(known, PROMPTS)), (each.adapter,)) for each in chosen]
        parts = [*alone, *joint_parts(alone)]
        validation = gather_parts(base, parts, CombinationConfig(pictures=24, seed=9_000_000))
        own = [_rightly(base, judge, known, each, each.adapter, pictures) for each in chosen]
        apart = _both(base, judge, chosen, [(each.adapter, 1.0) for each in chosen], pictures)
        rows: dict[str, dict[str, float]] = {}
        ways: dict[str, Callable[[], tuple[Adapter, float]]] = {
            method: partial(_combined, base, parts, method) for method in COMBINATION_METHODS
        }
        ways["ssr"] = partial(ssr_merge, base, alone)
        for method, way in ways.items():
            merged, fit = way()
            rows[method] = {
                "error": relative_error(merged, parts, validation)[0],
                "seconds": fit,
                "both": _both(base, judge, chosen, [(merged, 1.0)], pictures),
            }
            if method in JUDGED_ALONE:
                rows[method]["kept_worst"] = min(
                    sum(_rightly(base, judge, known, each, merged, pictures)) / max(sum(before), 1)
                    for each, before in zip(chosen, own, strict=True)
                )
            print(f"  {len(names)} by {method}: {rows[method]}", flush=True)
        _figures(report, len(names), rows, apart)
        report.details[str(len(names))] = rows


def _figures(report: Report, count: int, rows: dict[str, dict[str, float]], apart: float) -> None:
    ours, solved, descent = rows["tuned"], rows["closed-form"], rows["sgd"]
    report.add(
        f"objective_of_{count}", solved["error"], peer=descent["error"], target=descent["error"], at_least=False,
        note=f"relative error on other pictures, of the closed form; peer: sgd; tuned {ours['error']:.4g}",
    )  # fmt: skip
    report.add(
        f"fit_seconds_of_{count}", ours["seconds"], peer=descent["seconds"], target=descent["seconds"] / 20,
        at_least=False, note=f"tuned; peer: sgd; the closed form alone {solved['seconds']:.3g}",
    )  # fmt: skip
    report.add(
        f"each_alone_of_{count}",
        ours["kept_worst"],
        target=0.95,
        note=f"share of its own plug-in's, the worst; by the closed form alone {solved['kept_worst']:.3f}",
    )
    best = max(PEERS, key=lambda method: rows[method]["both"])
    report.add(
        f"character_in_style_of_{count}", ours["both"], peer=rows[best]["both"], target=rows[best]["both"],
        note=f"peer: {best}, the best of {', '.join(PEERS)}; the plug-ins side by side {apart:.3f}",
    )  # fmt: skip


def _combined(
    base: BaseCheckpoint, parts: Sequence[CombinationPart], method: CombinationMethod
) -> tuple[Adapter, float]:
    done = combine(base, parts, CombinationConfig(method=method))
    return done.adapter, float(done.figures["fit_seconds"])


def ssr_merge(base: BaseCheckpoint, parts: Sequence[CombinationPart]) -> tuple[Adapter, float]:
    """Combine by subspace signal routing; give its seconds as well, without the drawing before it."""
    inputs = gather_parts(base, parts, CombinationConfig())
    begun = time.monotonic()
    layers: dict[str, LowRank] = {}
    for layer in inputs[0]:
        held = [
            (part.adapters[0].factors[layer], own[layer].gram)
            for part, own in zip(parts, inputs, strict=True)
            if layer in part.adapters[0].layers
        ]
        up = torch.cat([factors[0].double() for factors, _ in held], dim=1)
        down = torch.cat([factors[1].double() for factors, _ in held])
        gram = down.new_zeros(len(down), len(down))
        routed, first = torch.zeros_like(gram), 0
        for (_, own_down), moments in held:
            signals = down @ moments @ down.T
            gram += signals
            rows = slice(first, first + len(own_down))
            routed[rows] += signals[rows]
            first += len(own_down)
        gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram)).double()
        layers[layer] = up.float(), (torch.linalg.solve(gram, routed, left=False) @ down).float()
    merged = combined_adapter(layers, [(part.adapters[0], part.weight) for part in parts])
    return merged, time.monotonic() - begun


def _concepts(base: BaseCheckpoint, judge: Judge, sets: Sequence[Sequence[str]]) -> dict[str, Chosen]:
    """Read the added plug-ins, and extract the others: their erasers stay in the base."""
    found: dict[str, Chosen] = {}
    subjects = {without_article(each): each for each in judge.subjects}
    for name in dict.fromkeys(each for names in sets for each in names):
        if name in EXTRACTED:
            done = extract_concept(base, plan_erasure(base, name, EXTRACTED[name]))
            _put_in(base, done.eraser)
            print(f"  extracted {name}, {done.seconds:.0f} s", flush=True)
            adapter = done.plugin
        else:
            adapter = Adapter.load(EMBEDDED / "plugins" / f"{name}.safetensors", base.layers)
        found[name] = Chosen(adapter, "" if adapter.kind == "style" else subjects[name])
    return found


@torch.no_grad()
def _put_in(base: BaseCheckpoint, adapter: Adapter) -> None:
    for layer, factors in adapter.factors.items():
        weight = base.module(layer).get_parameter("weight")
        weight.add_(materialise(factors).view_as(weight).to(weight))


def _rightly(
    base: BaseCheckpoint, judge: Judge, known: Known, concept: Chosen, adapter: Adapter, pictures: int
) -> list[bool]:
    """Say of each picture of a concept whether the judge sees it there."""
    prompts = concept.prompts(known, pictures, shift=3)
    verdicts = judge.verdicts(draw(base, prompts, SEED, [(adapter, 1.0)]))
    return [verdict.shows(concept.asked) for verdict in verdicts]


def _both(
    base: BaseCheckpoint,
    judge: Judge,
    chosen: Sequence[Chosen],
    plugins: Sequence[tuple[Adapter, float]],
    pictures: int,
) -> float:
    """Give the share of pictures that show a character in the style, both as asked for."""
    style = next(each.adapter.name for each in chosen if each.adapter.kind == "style")
    subjects = [each.subject for each in chosen if each.subject]
    asked = in_turn(subjects, pictures)
    prompts = [styled(subject, style) for subject in asked]
    verdicts = judge.verdicts(draw(base, prompts, SEED + 500, plugins))
    return seen(
        verdicts, [[Concept(style, "style"), Concept(subject, "character")] for subject in asked]
    ).rate
