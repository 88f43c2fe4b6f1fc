"""Benchmarks say plainly what was reached and what was missed, and the docs say the same."""

import json
from pathlib import Path

import pytest

from benchmarks import degradation
from benchmarks.page import FIGURES, PAGE, page, plots
from benchmarks.report import Figure, Plot, Report


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (Figure("a", 0.9, target=0.9), "a ours=0.9 target=>=0.9 met"),
        (Figure("a", 0.89, target=0.9), "a ours=0.89 target=>=0.9 missed"),
        (Figure("a", 0.05, target=0.03, at_least=False), "a ours=0.05 target=<=0.03 missed"),
        (Figure("a", 2.0, peer=4.0, target=1.0), "a ours=2 peer=4 ratio=0.5 target=>=1 met"),
        (Figure("a", 2.0), "a ours=2"),
    ],
)
def test_a_figure_says_whether_its_target_was_met(figure: Figure, line: str) -> None:
    assert figure.line() == line


def test_a_report_is_written_with_the_machine_and_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("sample", quick=True)
    report.add("one", 1.5, target=2.0, note="of three")

    report.finish(tmp_path / "out.json")

    written = json.loads((tmp_path / "out.json").read_text())
    assert written["figures"] == [
        {
            "name": "one",
            "ours": 1.5,
            "target": 2.0,
            "at_least": True,
            "peer": None,
            "note": "of three",
            "met": False,
        }
    ]
    assert "cores" in written["machine"]
    assert "one ours=1.5 target=>=2 missed" in capsys.readouterr().out.splitlines()


def test_the_page_of_figures_is_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m benchmarks.page`"
    for name, drawing in plots().items():
        assert (FIGURES / name).read_text(encoding="utf-8") == drawing, "run `python -m benchmarks.page`"


def test_a_plot_is_shown_below_its_table_with_every_series_named(tmp_path: Path) -> None:
    report = Report("sample", quick=True)
    report.plots.append(
        Plot("What is left", "concepts", "share", {"ours": [(1, 0.9), (9, 0.8)], "sum": [(1, 0.9)]})
    )
    report.finish(tmp_path / "sample.json")

    assert "![What is left](../figures/sample-1.svg)" in page(tmp_path)
    drawn = plots(tmp_path)["sample-1.svg"]
    assert drawn == plots(tmp_path)["sample-1.svg"]
    assert all(f">{words}<" in drawn for words in ("What is left", "concepts", "share", "ours", "sum"))
    assert "script" not in drawn


def test_the_figures_of_degradation_follow_from_those_of_several_extractions() -> None:
    report = Report("degradation", quick=False)
    degradation.measure(report, Path())

    kept = json.loads((FIGURES / "degradation.json").read_text())
    assert [figure.ours for figure in report.figures] == pytest.approx(
        [figure["ours"] for figure in kept["figures"]]
    ), "run `python -m benchmarks degradation --json docs/figures/degradation.json`"
