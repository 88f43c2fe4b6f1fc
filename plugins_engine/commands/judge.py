"""`judge`: say what style and subject pictures show."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from plugins_engine.commands.options import help_formatter
from plugins_engine.measure.judge import Judge
from plugins_engine.works import read_picture

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "judge",
        help="say what style and subject pictures show",
        description="Judge pictures by the embedded classifier: for each its style and subject, and how sure it is.",
        formatter_class=help_formatter,
    )
    command.add_argument("pictures", nargs="+", type=Path, metavar="PNG", help="pictures")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    pictures = [read_picture(path) for path in options.pictures]
    verdicts = Judge.load().verdicts(pictures)
    if options.json:
        rows = [
            {"file": str(path)} | vars(each) for path, each in zip(options.pictures, verdicts, strict=True)
        ]
        print(json.dumps(rows, indent=2))
        return
    for path, each in zip(options.pictures, verdicts, strict=True):
        print(
            f"{path}  {each.style} {each.style_confidence:.0%}  {each.subject} {each.subject_confidence:.0%}"
        )
