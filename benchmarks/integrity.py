"""Nobody earns from another's work: what is copied is found, and what is honest is not taken for a copy."""

from pathlib import Path

from benchmarks import trade, works
from benchmarks.report import Report


def measure(report: Report, pictures: Path) -> None:
    works.measure(report, pictures)
    trade.measure(report, pictures)
