"""Charts as SVG that lies in the page: no script, no style of its own, colours from reports/charts.css."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pygal
from django.utils.safestring import SafeString, mark_safe

from market.ledger.models import MICROS
from market.ledger.money import words
from market.reports.periods import Grain, Period

SVG = "{http://www.w3.org/2000/svg}"
LABELS = 8


@dataclass(frozen=True)
class Series:
    """One colour of a chart: a name, and an amount in micro-units per bar."""

    name: str
    amounts: Sequence[int]


_LABELS_OF = {Grain.DAY: "%-d %b", Grain.WEEK: "%-d %b %Y", Grain.MONTH: "%b %Y"}
"""How a bar is labelled; one of a week, by its first day."""


def over_time(title: str, period: Period, series: Sequence[Series]) -> SafeString:
    """Draw stacked bars, one for each span of the period's grain. Each part says its days and amount when pointed at."""
    spans = period.spans(period.grain)
    chart = pygal.StackedBar(
        width=1000, height=300, margin=8, spacing=12, show_legend=False, js=[], css=[], no_prefix=True, title=None,
        x_labels_major_every=max(1, -(-len(spans) // LABELS)), show_minor_x_labels=False, truncate_label=-1,
        min_scale=3, max_scale=5, rounded_bars=1, value_formatter=lambda micros: words(int(micros)), range=_range(series),
    )  # fmt: skip
    chart.x_labels = [f"{span.first:{_LABELS_OF[period.grain]}}" for span in spans]
    for each in series:
        chart.add(each.name, list(each.amounts))
    root = chart.render_tree()
    _strip(root)
    for number, each in enumerate(series):
        _say(root, number, each, spans)
    root.set("role", "img")
    root.set("aria-label", f"{title} per {period.grain}. The figures are in the table below.")
    text = ET.tostring(root, encoding="unicode", method="xml")
    # Made here from numbers and escaped by ElementTree.
    return mark_safe(text)  # noqa: S308


def _range(series: Sequence[Series]) -> tuple[int, int] | None:
    """An axis for a period in which nothing was earned; else pygal's own."""
    return None if any(any(each.amounts) for each in series) else (0, MICROS)


def _strip(root: ET.Element) -> None:
    """Take out what a strict content security policy refuses, or what only pygal's script would use."""
    root.attrib.pop("id", None)
    for parent in list(root.iter()):
        for child in list(parent):
            tag: object = child.tag  # of a comment, a function
            name = tag.removeprefix(SVG) if isinstance(tag, str) else "comment"
            unwanted = name in {
                "defs",
                "style",
                "script",
                "comment",
                "desc",
            } or "tooltip-overlay" in child.get("class", "")
            if unwanted or (name == "title" and parent is root):
                parent.remove(child)
    for element in root.iter():
        element.attrib.pop("style", None)


def _say(root: ET.Element, number: int, series: Series, spans: Sequence[Period]) -> None:
    bars = [
        bar
        for group in root.iter()
        if f"serie-{number} " in group.get("class", "") + " "
        for bar in group.iter()
        if bar.get("class") == "bar"
    ]
    for bar, span, amount in zip(bars, spans, series.amounts, strict=True):
        title = ET.Element("title")
        title.text = f"{span.words}: {series.name} {words(amount)}"
        bar.insert(0, title)
