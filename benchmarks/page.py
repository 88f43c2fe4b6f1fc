"""Write docs/reference/figures.md, and its plots, from the figures kept in docs/figures: ``python -m benchmarks.page``.

After a full run: ``python -m benchmarks NAME --json docs/figures/NAME.json``, then this.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.report import Plot

DOCS = Path(__file__).parent.parent / "docs"
FIGURES = DOCS / "figures"
PAGE = DOCS / "reference" / "figures.md"
_INTRODUCTION = """# Measured figures

Each table is what the command above it printed in one run, on the machine it names. A missed target is written as missed. This page
is made from `docs/figures/*.json` by `python -m benchmarks.page`; a test holds the two together.

In extraction, several extractions and combination the pictures for the judge are drawn in 10 denoising steps, and they and the recovery
attack are computed in bfloat16 where the processor is quicker in it.
"""


def page(folder: Path = FIGURES) -> str:
    """Give the page's text for the figures in a folder."""
    parts = [_INTRODUCTION]
    for path in sorted(folder.glob("*.json")):
        parts.append(_section(json.loads(path.read_text())))
    return "\n".join(parts)


def _section(measured: dict[str, Any]) -> str:
    quick = " --quick" if measured["quick"] else ""
    lines = [
        f"## {measured['benchmark'].replace('_', ' ').capitalize()}",
        "",
        f"`python -m benchmarks {measured['benchmark']}{quick}`, on {measured['machine']}.{_of(measured)}",
        "",
        "| Figure | Ours | Peer | Target | |",
        "|---|---:|---:|---:|---|",
    ]
    for figure in measured["figures"]:
        target, peer = figure["target"], figure["peer"]
        sign = "≥" if figure["at_least"] else "≤"
        note = f" ({figure['note']})" if figure["note"] else ""
        cells = (
            figure["name"].replace("_", " ") + note,
            f"{figure['ours']:.4g}",
            "" if peer is None else f"{peer:.4g}",
            "" if target is None else f"{sign} {target:.4g}",
            {True: "met", False: "**missed**", None: ""}[figure["met"]],
        )
        lines.append(f"| {' | '.join(cells)} |")
    for number, plot in enumerate(measured.get("plots", []), 1):
        lines += ["", f"![{plot['title']}](../figures/{_plot_name(measured, number)})"]
    return "\n".join(lines) + "\n"


def _of(measured: dict[str, Any]) -> str:
    """Say of what the figures are, where that is not the program as it is."""
    return f" **{measured['of']}**" if "of" in measured else ""


def plots(folder: Path = FIGURES) -> dict[str, str]:
    """Draw every plot of the figures in a folder, by file name."""
    drawn = {}
    for path in sorted(folder.glob("*.json")):
        measured = json.loads(path.read_text())
        for number, plot in enumerate(measured.get("plots", []), 1):
            drawn[_plot_name(measured, number)] = Plot(**plot).svg()
    return drawn


def _plot_name(measured: dict[str, Any], number: int) -> str:
    return f"{measured['benchmark']}-{number}.svg"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for name, drawing in plots().items():
        (FIGURES / name).write_text(drawing, encoding="utf-8")
