"""Whether measures with fewer extractions predict the quality of a base with more.

It goes through what `multi_extraction` measured, in order. It predicts each count of extractions from the counts before it, as the
market predicts a base's next release (market.extractions.prediction). The market looks only one extraction ahead; this looks further.
Nothing is drawn.
"""

import json
from itertools import pairwise
from pathlib import Path

from benchmarks.page import FIGURES
from benchmarks.report import Plot, Report
from market.extractions.prediction import COVERED, Counted, Predicted, predict

MEASURED = FIGURES / "multi_extraction.json"
WAYS = {"easymerge": "what releases are merged with", "sum": "the erasers added up", "closed_form": "all in one closed form"}  # fmt: skip


def measure(report: Report, _: Path) -> None:
    measured = json.loads(MEASURED.read_text())
    plain = next(each for each in measured["figures"] if each["name"] == "retained_by_plain_base")
    pictures = int(plain["note"].split()[0])
    curves = {
        way: {
            int(count): found[way][0]
            for count, found in measured["details"]["retained_and_targets_by_count"].items()
        }
        for way in WAYS
    }
    for way, curve in curves.items():
        predicted = one_by_one({0: plain["ours"], **curve}, pictures)
        known = [plain["ours"], *curve.values()]
        errors = [abs(said.rate - curve[count]) for count, said in predicted.items()]
        same = [abs(before - now) for before, now in pairwise(known)]
        inside = [said.low <= curve[count] <= said.high for count, said in predicted.items()]
        counts = ", ".join(map(str, predicted))
        report.add(
            f"{way}_error", sum(errors) / len(errors), at_least=False, peer=sum(same) / len(same),
            note=f"{WAYS[way]}: mean error of the share predicted with {counts} out; peer: as much as before",
        )  # fmt: skip
        report.add(
            f"{way}_inside", sum(inside) / len(inside), target=COVERED if way == "easymerge" else None,
            note=f"share of the {len(inside)} that lie in the interval",
        )  # fmt: skip
        report.plots.append(
            Plot(f"Predicted and measured: {WAYS[way]}", "concepts extracted", "judge accuracy", {
                "measured": list(curve.items()),
                "predicted": [(count, said.rate) for count, said in predicted.items()],
                "at least": [(count, said.low) for count, said in predicted.items()],
                "at most": [(count, said.high) for count, said in predicted.items()],
            })
        )  # fmt: skip


def one_by_one(curve: dict[int, float], pictures: int) -> dict[int, Predicted]:
    """Predict each share of a curve but the first from those before it."""
    counted = [Counted(count, round(share * pictures), pictures) for count, share in curve.items()]
    return {
        each.extractions: predict(counted[:place], each.extractions, pictures)
        for place, each in enumerate(counted)
        if place
    }
