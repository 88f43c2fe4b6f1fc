"""Figures with their targets, printed and written in one form by every benchmark."""

import json
import os
import platform
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pygal
import torch


@dataclass(frozen=True)
class Figure:
    """One measured number. ``at_least`` says which side of the target is the good one."""

    name: str
    ours: float
    target: float | None = None
    at_least: bool = True
    peer: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.ours >= self.target if self.at_least else self.ours <= self.target

    def line(self) -> str:
        parts = [f"{self.name} ours={self.ours:.4g}"]
        if self.peer is not None:
            ratio = self.ours / self.peer if self.peer else float("nan")
            parts.append(f"peer={self.peer:.4g} ratio={ratio:.4g}")
        if self.target is not None:
            sign = ">=" if self.at_least else "<="
            parts.append(f"target={sign}{self.target:.4g} {'met' if self.met else 'missed'}")
        return " ".join(parts)


_STYLE = pygal.style.Style(
    background="white", plot_background="white", colors=("#1f5fa8", "#d2691e", "#2e8b57", "#7b4fa3", "#555555")
)  # fmt: skip


@dataclass(frozen=True)
class Plot:
    """A chart of points (x, y) joined by lines, a line for each named series."""

    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]

    def svg(self) -> str:
        """Draw it. The same points give the same text."""
        chart = pygal.XY(
            width=800, height=420, title=self.title, x_title=self.x, y_title=self.y, legend_at_bottom=True, js=[],
            no_prefix=True, dots_size=3, truncate_legend=-1, style=_STYLE, disable_xml_declaration=True,
        )  # fmt: skip
        for name, points in self.series.items():
            chart.add(name, points)
        drawn: str = chart.render()
        # Comments note the day; scripts hold an address of the chart that changes every time.
        return re.sub(r"<!--.*?-->|<script.*?</script>", "", drawn, flags=re.DOTALL) + "\n"


@dataclass
class Report:
    """All figures of one benchmark run, and the machine it ran on."""

    benchmark: str
    quick: bool
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    plots: list[Plot] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def add(self, name: str, ours: float, **said: Any) -> Figure:
        figure = Figure(name, float(ours), **said)
        self.figures.append(figure)
        print(f"  {figure.line()}", flush=True)
        return figure

    def finish(self, path: Path | None) -> None:
        """Print the table and the lines; write JSON where asked to."""
        machine = describe_machine()
        width = max((len(figure.name) for figure in self.figures), default=4)
        print(
            f"\n{self.benchmark}{' (quick)' if self.quick else ''} on {machine}, {time.monotonic() - self.begun:.0f} s\n"
        )
        print(f"{'figure':{width}}  {'ours':>10}  {'peer':>10}  {'target':>10}  note")
        for f in self.figures:
            target = "" if f.target is None else f"{'>=' if f.at_least else '<='} {f.target:.4g}"
            peer = "" if f.peer is None else f"{f.peer:.4g}"
            print(f"{f.name:{width}}  {f.ours:>10.4g}  {peer:>10}  {target:>10}  {f.note}")
        print()
        for f in self.figures:
            print(f.line())
        if path is not None:
            content = {
                "benchmark": self.benchmark,
                "quick": self.quick,
                "machine": machine,
                "figures": [{**asdict(f), "met": f.met} for f in self.figures],
                "details": self.details,
                "plots": [asdict(plot) for plot in self.plots],
            }
            path.write_text(json.dumps(content, indent=1) + "\n")


def describe_machine() -> str:
    """Say on what a benchmark ran: processor, cores, threads, torch."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"
