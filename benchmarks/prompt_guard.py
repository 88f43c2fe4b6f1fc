"""Precision and recall of the prompt guard on labelled prompts, innocent look-alikes among them.

The guard was made with `prompts/development.csv`. `prompts/held_out.csv` is about other concepts, and was labelled before the
guard ran on it: it says what to expect. The guard was not changed after. One label was mended, and four prompts that repeated
a description word for word were reworded. The figures count (prompt, concept) pairs; the intervals are Wilson's, at 95%.
"""

import csv
import json
from collections import Counter
from pathlib import Path

from benchmarks.report import Report
from market.generation.prompt_guard import Guarded, PromptGuard
from plugins_engine import Rate

PROMPTS = Path(__file__).parent / "prompts"
TARGETS = {"precision": 0.95, "recall": 0.9}


def measure(report: Report, _: Path) -> None:
    concepts = json.loads((PROMPTS / "concepts.json").read_text())
    for name in ("development", "held_out"):
        titles = list(concepts[name])
        guard = PromptGuard(
            [
                Guarded(number, tuple(each["names"]), tuple(each["descriptions"]))
                for number, each in enumerate(concepts[name].values())
            ]
        )
        counted: Counter[str] = Counter()
        by_sort: dict[str, Counter[str]] = {}
        wrong = []
        rows = list(csv.DictReader((PROMPTS / f"{name}.csv").read_text().splitlines()))
        for row in rows:
            expected = set(filter(None, row["concepts"].split(";")))
            found = {titles[mention.concept] for mention in guard.find(row["prompt"])}
            counts = Counter(
                right=len(expected & found), invented=len(found - expected), missed=len(expected - found)
            )
            counted += counts
            by_sort.setdefault(row["sort"], Counter()).update(counts)
            if found != expected:
                wrong.append({**row, "found": ";".join(sorted(found))})
        rates = {
            "precision": Rate(counted["right"], counted["right"] + counted["invented"]),
            "recall": Rate(counted["right"], counted["right"] + counted["missed"]),
        }
        for figure, rate in rates.items():
            low, high = rate.interval
            report.add(
                f"{name}_{figure}", rate.rate, target=TARGETS[figure] if name == "held_out" else None,
                note=f"{len(rows)} prompts; {low:.3f} to {high:.3f}",
            )  # fmt: skip
        report.details[name] = {"by_sort": by_sort, "wrong": wrong}
