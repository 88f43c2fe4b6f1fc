"""Charts as SVG inside the page: no script, no own style, colours from reports/charts.css."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pygal
from django.utils.safestring import SafeString, mark_safe

from market.ledger.models import MICROS
from market.ledger.money import formatted
from market.reports.periods import Grain, Period

SVG = "{http://www.w3.org/2000/svg}"
LABELS = 8


@dataclass(frozen=True)
class Series:
    """One colour of a chart: a name, and an amount in micro-units per bar."""

    name: str
    amounts: Sequence[int]


@dataclass(frozen=True)
class Curve:
    """A name, the measured value for each number of extractions from 0 on, and predicted values by number of extractions."""

    name: str
    measured: Sequence[tuple[int, float]]
    predicted: tuple[int, float] | None = None


_LABELS_OF = {Grain.DAY: "%-d %b", Grain.WEEK: "%-d %b %Y", Grain.MONTH: "%b %Y"}
"""How a bar is labelled. The label of a week is its first day."""


def over_time(title: str, period: Period, series: Sequence[Series]) -> SafeString:
    """Draw stacked bars, one for each span of the period's grain. Each part shows its days and amount when pointed at."""
    spans = period.spans(period.grain)
    chart = pygal.StackedBar(
        width=1000, height=300, margin=8, spacing=12, show_legend=False, js=[], css=[], no_prefix=True, title=None,
        x_labels_major_every=max(1, -(-len(spans) // LABELS)), show_minor_x_labels=False, truncate_label=-1,
        min_scale=3, max_scale=5, rounded_bars=1, value_formatter=lambda micros: formatted(int(micros)), range=_range(series),
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


def over_extractions(
    title: str, curves: Sequence[Curve], *, line: float, as_words: Callable[[float], str]
) -> SafeString:
    """Draw measured and predicted values over the number of extractions, and a line that they should not cross.

    Each point shows its number and value when pointed at.
    """
    series = [_Plotted(f"color-{n}", each.name, sorted(each.measured)) for n, each in enumerate(curves)]
    for number, each in enumerate(curves):
        if each.predicted:
            last = max(place for place in each.measured if place[0] < each.predicted[0])
            places = [last, each.predicted]
            series.append(_Plotted(f"color-{number} predicted", f"{each.name}, predicted", places, first=1))
    values = [value for each in series for _, value in each.places]
    most = max(count for each in series for count, _ in each.places)
    series.append(_Plotted("limit", "", [(0, line), (most, line)], first=2))
    low, high = min(line, *values), max(line, *values)
    room = max((high - low) / 10, 0.005)
    chart = pygal.XY(
        width=1000, height=300, margin=8, show_legend=False, js=[], css=[], no_prefix=True, title=None, dots_size=4,
        xrange=(0, most), range=(max(0.0, low - room), high + room), min_scale=3, max_scale=6, value_formatter=as_words,
        x_labels=range(0, most + 1, max(1, -(-most // LABELS))), x_value_formatter=lambda count: f"{count:g}",
    )  # fmt: skip
    for plotted in series:
        chart.add(plotted.name, plotted.places)
    root = chart.render_tree()
    _strip(root)
    for number, plotted in enumerate(series):
        _plot(root, number, plotted, as_words)
    root.set("role", "img")
    root.set("aria-label", f"{title}. The figures are in the table below.")
    text = ET.tostring(root, encoding="unicode", method="xml")
    # Made here from numbers and escaped by ElementTree.
    return mark_safe(text)  # noqa: S308


@dataclass(frozen=True)
class _Plotted:
    """A series as it is drawn: its class, its name, its points, and the index of the first marked one."""

    look: str
    name: str
    places: list[tuple[int, float]]
    first: int = 0


def _plot(root: ET.Element, number: int, series: _Plotted, as_words: Callable[[float], str]) -> None:
    for group in list(root.iter()):
        if f"serie-{number} " not in group.get("class", "") + " ":
            continue
        group.set("class", f"curve {series.look}")
        dots = [each for each in group if each.get("class") == "dots"]
        for at, dot in enumerate(dots):
            if at < series.first:
                group.remove(dot)
                continue
            count, value = series.places[at]
            title = ET.Element("title")
            title.text = f"{series.name}, {count} taken out: {as_words(value)}"
            dot.insert(0, title)


def _range(series: Sequence[Series]) -> tuple[int, int] | None:
    """An axis for a period in which nothing was earned; else pygal's own."""
    return None if any(any(each.amounts) for each in series) else (0, MICROS)


def _strip(root: ET.Element) -> None:
    """Remove what a strict content security policy refuses, and what only pygal's script would use."""
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
        title.text = f"{span.words}: {series.name} {formatted(amount)}"
        bar.insert(0, title)
