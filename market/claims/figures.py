"""The figures of an evidence report as its page shows them, read from what was signed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import Any

from market.claims.models import EvidencePair, EvidenceReport, PictureSort

AGREEING = 12


@dataclass(frozen=True)
class Row:
    """One figure for the works, beside the same figure for the controls."""

    name: str
    works: str
    controls: str


@dataclass(frozen=True)
class ShownFigures:
    """What a claim's page shows of its evidence. `said` has the engine's sentences, by the part of the report."""

    report: EvidenceReport
    said: dict[str, str]
    reproduced: list[Row]
    predicted: list[Row]
    area: str
    found: list[tuple[str, str]]
    agreement: list[dict[str, Any]]
    pairs: list[EvidencePair]
    control_pairs: list[EvidencePair]
    counts: str


def shown_figures(report: EvidenceReport) -> ShownFigures:
    content = json.loads(report.content)
    reproduction, membership = content["figures"]["reproduction"], content["figures"]["membership"]
    pairs = list(report.pairs.select_related("picture"))
    works = [pair for pair in pairs if pair.picture.sort == PictureSort.WORK]
    controls = [pair for pair in pairs if pair.picture.sort == PictureSort.CONTROL]
    low, high = membership["interval"]
    settings = content["settings"]
    return ShownFigures(
        report=report,
        said=content["sentences"],
        reproduced=[
            Row("Reproduced", *(_share(reproduction["reproduced"][sort]) for sort in ("works", "controls"))),
            Row("Nearest drawing, median distance", _middle(works), _middle(controls)),
            Row("Nearest drawing, smallest distance", _least(works), _least(controls)),
        ],
        predicted=[
            Row("Score, median", *(f"{membership['medians'][sort]:.2f}" for sort in ("works", "controls")))
        ],
        area=f"{membership['area']:.3f} ({low:.3f} to {high:.3f})",
        found=[
            (f"{float(few):.0%}", f"{share:.0%}")
            for few, share in membership["found_at_false_positives"].items()
        ],
        agreement=sorted(reproduction["agreement"], key=lambda each: -int(each["clique"]))[:AGREEING],
        pairs=works,
        control_pairs=controls,
        counts=f"{len(works)} works beside {len(controls)} controls; {len(content['prompts'])} prompts, each drawn with "
        f"{settings['seeds']} seeds.",
    )


def _share(rate: dict[str, Any]) -> str:
    low, high = rate["interval"]
    return f"{rate['right']} of {rate['total']} ({low:.0%} to {high:.0%})"


def _middle(pairs: list[EvidencePair]) -> str:
    return f"{median(pair.distance for pair in pairs):.3f}"


def _least(pairs: list[EvidencePair]) -> str:
    return f"{min(pair.distance for pair in pairs):.3f}"
