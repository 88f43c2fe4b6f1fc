"""`evidence`: measure whether a base learned from works."""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins_engine.base import load_base
from plugins_engine.commands.options import (
    base_options,
    figures_line,
    help_formatter,
    read_lines,
    require_folder,
)
from plugins_engine.evidence import (
    CaptionedPictures,
    EvidenceConfig,
    Membership,
    Nearest,
    Reproduction,
    find_membership,
    find_reproductions,
)
from plugins_engine.html_report import ReportPage, write_report
from plugins_engine.metrics import Rate
from plugins_engine.progress_line import ProgressLine
from plugins_engine.works import read_works

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

SHOWN = 12  # works and controls shown, nearest drawings first
FALSE_POSITIVES = (0.01, 0.1)


def add(commands: "Commands") -> None:
    defaults = EvidenceConfig()
    command = commands.add_parser(
        "evidence",
        help="measure whether a base learned from works",
        description="Measure what a base reproduces of works and how well it predicts them, beside controls: comparable works "
        "that it never saw. Captions are read as `add` reads them.",
        formatter_class=help_formatter,
    )
    command.add_argument(
        "--works", type=Path, required=True, metavar="DIR", help="the works: PNG, JPEG or WebP"
    )
    command.add_argument(
        "--controls", type=Path, required=True, metavar="DIR", help="comparable works that the base never saw"
    )
    command.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE",
        help="prompts that may reproduce the works, a line each",
    )  # fmt: skip
    command.add_argument(
        "--report", type=Path, required=True, metavar="DIR", help="where report.json and report.html go"
    )
    command.add_argument(
        "--seeds",
        type=int,
        default=defaults.seeds,
        metavar="N",
        help="drawings of each prompt (default: %(default)s)",
    )
    command.add_argument(
        "--within", type=float, default=defaults.reproduced_within, metavar="X",
        help="largest distance, 0 to 1, of a work that counts as reproduced (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the first drawing (default: 0)")
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    require_folder(options.report, "--report")
    config = EvidenceConfig(seeds=options.seeds, reproduced_within=options.within, seed=options.seed)
    prompts = read_lines(options.prompts, "--prompts")
    works, controls = read_works(options.works), read_works(options.controls)
    base = load_base(options.base, options.device)
    with ProgressLine() as line:
        membership = find_membership(base, works, controls, config, line.step)
        reproduction = find_reproductions(base, works, controls, prompts, config, line.step)
    content = _content(membership, reproduction) | {"base_fingerprint": base.fingerprint, "seed": config.seed}
    write_report(options.report, _page(membership, reproduction, works, controls), content)
    summary = {
        "reproduced": _share(reproduction.reproduced(reproduction.works)),
        "of controls": _share(reproduction.reproduced(reproduction.controls)),
        "membership area": membership.roc.area,
    }
    print(f"{options.report / 'report.html'}: {figures_line(summary)}")


def _content(membership: Membership, reproduction: Reproduction) -> dict[str, Any]:
    roc = membership.roc
    return {
        "reproduction": {
            "within": reproduction.within,
            "works": [_nearest(each) for each in reproduction.works],
            "controls": [_nearest(each) for each in reproduction.controls],
            "agreement": [vars(each) for each in reproduction.agreement],
        },
        "membership": {
            "works": membership.works,
            "controls": membership.controls,
            "area": roc.area,
            "interval": [roc.low, roc.high],
            "curve": roc.curve,
            "found_at_false_positives": {str(each): roc.found_at(each) for each in FALSE_POSITIVES},
        },
    }


def _nearest(found: Nearest) -> dict[str, Any]:
    return {"distance": found.distance, "prompt": found.prompt, "seed": found.seed}


def _share(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.right} of {rate.total} ({low:.0%} to {high:.0%})"


def _page(
    membership: Membership, reproduction: Reproduction, works: CaptionedPictures, controls: CaptionedPictures
) -> ReportPage:
    page = ReportPage(
        "Evidence",
        f"{len(works)} works beside {len(controls)} controls, comparable works that the base never saw.",
    )
    page.text(
        "These numbers do not prove that a base was trained on a work. Works of one artist are alike, and so are drawings of "
        "one thing; a base may have learned from copies, and controls may differ from the works in more than that the base "
        "never saw them. Nor does finding nothing prove the contrary.",
        note=True,
    )
    _reproduction(page, reproduction, works, controls)
    _membership(page, membership)
    return page


def _reproduction(
    page: ReportPage, found: Reproduction, works: CaptionedPictures, controls: CaptionedPictures
) -> None:
    page.heading("Reproduced")
    page.text(
        f"Pictures within a distance of {found.within:g} of a drawing: root mean square difference, 0 to 1, of the worst tile. "
        "In brackets 95% intervals.",
        note=True,
    )
    page.table(
        ("", "reproduced", "nearest distance, median", "smallest"),
        [
            (title, _share(found.reproduced(nearest)), *_spread([each.distance for each in nearest]))
            for title, nearest in (("works", found.works), ("controls", found.controls))
        ],
    )
    for title, nearest, pictures in (("works", found.works, works), ("controls", found.controls, controls)):
        order = sorted(range(len(nearest)), key=lambda i: nearest[i].distance)[:SHOWN]
        page.heading(f"Nearest drawings of {title}")
        rows = [
            (f"{pictures[i][1]}, distance {nearest[i].distance:.3f}, seed {nearest[i].seed}", [pictures[i][0], nearest[i].picture])
            for i in order
        ]  # fmt: skip
        page.grid((title[:-1], "drawing"), rows)
    page.heading("Drawings that agree")
    page.text(
        "For each prompt the most drawings, of different seeds, that are all within that distance of each other. Many are a "
        "sign of a memorised picture.",
        note=True,
    )
    agreeing = sorted(found.agreement, key=lambda each: -each.clique)
    page.table(
        ("prompt", "agree", "of"), [(each.prompt, each.clique, each.seeds) for each in agreeing[:SHOWN]]
    )


def _membership(page: ReportPage, found: Membership) -> None:
    page.heading("Predicted")
    page.text(
        "A score says by how many standard deviations of the controls the base's error on a work, with its caption beside without, "
        "lies below theirs. The area is the chance that a work scores above a control: 0.5 where the two are alike.",
        note=True,
    )
    roc = found.roc
    rows: list[tuple[str, object]] = [
        ("area under the curve", f"{roc.area:.3f} ({roc.low:.3f} to {roc.high:.3f})"),
        ("works' score, median", _spread(found.works)[0]),
        ("controls' score, median", _spread(found.controls)[0]),
    ]
    rows += [
        (f"works above all but {each:.0%} of controls", f"{roc.found_at(each):.0%}")
        for each in FALSE_POSITIVES
    ]
    page.table(("figure", "value"), rows)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Give the median and the smallest."""
    return statistics.median(values), min(values)
