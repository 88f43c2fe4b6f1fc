"""Command line of the benchmarks."""

import argparse
from pathlib import Path

from benchmarks import (
    addition,
    base,
    combination,
    degradation,
    evidence,
    extraction,
    formats,
    integrity,
    ledger,
    multi_extraction,
    prompt_guard,
    search,
    sharing,
    uploads,
)
from benchmarks.report import Report

BENCHMARKS = {
    "base": base.measure,
    "addition": addition.measure,
    "extraction": extraction.measure,
    "formats": formats.measure,
    "multi_extraction": multi_extraction.measure,
    "combination": combination.measure,
    "degradation": degradation.measure,
    "evidence": evidence.measure,
    "integrity": integrity.measure,
    "ledger": ledger.measure,
    "prompt_guard": prompt_guard.measure,
    "search": search.measure,
    "sharing": sharing.measure,
    "uploads": uploads.measure,
}

OF_ANY_BASE = {"addition": addition.measure}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--quick", action="store_true", help="fewer pictures: minutes, and wider intervals")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--pictures",
        type=Path,
        default=Path("var/training"),
        help="where `python -m training drawings` wrote",
    )
    parser.add_argument(
        "--base",
        type=Path,
        help=f"measure this base, with its judge and works beside it ({', '.join(OF_ANY_BASE)})",
    )
    parser.add_argument(
        "--beside", type=Path, help="time pictures in turns with those of the base in this directory (base)"
    )
    arguments = parser.parse_args()
    if arguments.beside is not None and arguments.benchmark != "base":
        parser.error("--beside: expected the benchmark base")
    report = Report(arguments.benchmark, arguments.quick)
    if arguments.beside is not None:
        base.measure(report, arguments.pictures, arguments.beside)
    elif arguments.base is None:
        BENCHMARKS[arguments.benchmark](report, arguments.pictures)
    elif arguments.benchmark in OF_ANY_BASE:
        OF_ANY_BASE[arguments.benchmark](report, arguments.pictures, arguments.base)
    else:
        parser.error(f"--base: {arguments.benchmark} measures the embedded base alone")
    report.finish(arguments.json)


if __name__ == "__main__":
    main()
