"""What a report on evidence says: its figures as plain data, and the sentences without which they would say too much."""

import statistics
from collections.abc import Sequence
from typing import Any

from plugins_engine.evidence.membership import Membership
from plugins_engine.evidence.reproduction import Nearest, Reproduction
from plugins_engine.measure.metrics import Rate

FALSE_POSITIVES = (0.01, 0.1)
SENTENCES = {
    "proves": "These numbers do not prove that a base was trained on a work. Works of one artist are alike, and so are drawings of "
    "one thing; a base may have learned from copies, and controls may differ from the works in more than that the base "
    "never saw them. Nor does finding nothing prove the contrary.",
    "reproduced": "Pictures within a distance of {within:g} of a drawing: root mean square difference, 0 to 1, of the worst tile. "
    "In brackets 95% intervals.",
    "agreement": "For each prompt the most drawings, of different seeds, that are all within that distance of each other. Many are a "
    "sign of a memorised picture.",
    "predicted": "A score says by how many standard deviations of the controls the base's error on a work, with its caption beside "
    "without, lies below theirs. The area is the chance that a work scores above a control: 0.5 where the two are alike.",
}


def evidence_sentences(reproduction: Reproduction) -> dict[str, str]:
    """Give what a report has to say beside its figures, by the part of the report."""
    return {part: said.format(within=reproduction.within) for part, said in SENTENCES.items()}


def evidence_content(membership: Membership, reproduction: Reproduction) -> dict[str, Any]:
    """Give all figures as JSON can hold them."""
    roc = membership.roc
    return {
        "reproduction": {
            "within": reproduction.within,
            "works": [_nearest(each) for each in reproduction.works],
            "controls": [_nearest(each) for each in reproduction.controls],
            "reproduced": {
                "works": _rate(reproduction.reproduced(reproduction.works)),
                "controls": _rate(reproduction.reproduced(reproduction.controls)),
            },
            "agreement": [vars(each) for each in reproduction.agreement],
        },
        "membership": {
            "works": list(membership.works),
            "controls": list(membership.controls),
            "medians": {
                "works": spread(membership.works)[0],
                "controls": spread(membership.controls)[0],
            },
            "area": roc.area,
            "interval": [roc.low, roc.high],
            "curve": [list(point) for point in roc.curve],
            "found_at_false_positives": {str(each): roc.found_at(each) for each in FALSE_POSITIVES},
        },
    }


def share(rate: Rate) -> str:
    """Write a share with its interval, as a person reads it."""
    low, high = rate.interval
    return f"{rate.right} of {rate.total} ({low:.0%} to {high:.0%})"


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Give the median and the smallest."""
    return statistics.median(values), min(values)


def _rate(rate: Rate) -> dict[str, Any]:
    return {"right": rate.right, "total": rate.total, "interval": list(rate.interval)}


def _nearest(found: Nearest) -> dict[str, Any]:
    return {"distance": found.distance, "prompt": found.prompt, "seed": found.seed}
