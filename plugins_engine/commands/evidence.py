"""`evidence`: measure whether a base learned from works."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pictures.still import NAMES
from plugins_engine.commands.options import (
    base_options,
    figures_line,
    help_formatter,
    read_lines,
    require_folder,
)
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.evidence.config import CaptionedPictures, EvidenceConfig
from plugins_engine.evidence.membership import Membership, find_membership
from plugins_engine.evidence.report import (
    FALSE_POSITIVES,
    evidence_content,
    evidence_sentences,
    share,
    spread,
)
from plugins_engine.evidence.reproduction import Reproduction, find_reproductions
from plugins_engine.measure.html_report import ReportPage, write_report
from plugins_engine.model.loading import load_base
from plugins_engine.works import read_works

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

SHOWN = 12  # works and controls shown, nearest drawings first


def add(commands: "Commands") -> None:
    defaults = EvidenceConfig()
    command = commands.add_parser(
        "evidence",
        help="measure whether a base learned from works",
        description="Measure what a base reproduces of works and how well it predicts them, beside controls: comparable works "
        "that it never saw. Captions are read as `add` reads them.",
        formatter_class=help_formatter,
    )
    command.add_argument("--works", type=Path, required=True, metavar="DIR", help=f"the works: {NAMES}")
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
        help="pictures of each prompt (default: %(default)s)",
    )
    command.add_argument(
        "--within", type=float, default=defaults.reproduced_within, metavar="X",
        help="largest distance, 0 to 1, of a work that counts as reproduced (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the first picture (default: 0)")
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
    figures = evidence_content(membership, reproduction) | {
        "base_fingerprint": base.fingerprint,
        "seed": config.seed,
    }
    write_report(options.report, _page(membership, reproduction, works, controls), figures)
    summary = {
        "reproduced": share(reproduction.reproduced(reproduction.works)),
        "of controls": share(reproduction.reproduced(reproduction.controls)),
        "membership area": membership.roc.area,
    }
    print(f"{options.report / 'report.html'}: {figures_line(summary)}")


def _page(
    membership: Membership, reproduction: Reproduction, works: CaptionedPictures, controls: CaptionedPictures
) -> ReportPage:
    page = ReportPage(
        "Evidence",
        f"{len(works)} works beside {len(controls)} controls, comparable works that the base never saw.",
    )
    said = evidence_sentences(reproduction)
    page.text(said["proves"], note=True)
    _reproduction(page, reproduction, works, controls, said)
    _membership(page, membership, said["predicted"])
    return page


def _reproduction(
    page: ReportPage,
    found: Reproduction,
    works: CaptionedPictures,
    controls: CaptionedPictures,
    said: dict[str, str],
) -> None:
    page.heading("Reproduced")
    page.text(said["reproduced"], note=True)
    page.table(
        ("", "reproduced", "nearest distance, median", "smallest"),
        [
            (title, share(found.reproduced(nearest)), *spread([each.distance for each in nearest]))
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
    page.text(said["agreement"], note=True)
    agreeing = sorted(found.agreement, key=lambda each: -each.clique)
    page.table(
        ("prompt", "agree", "of"), [(each.prompt, each.clique, each.seeds) for each in agreeing[:SHOWN]]
    )


def _membership(page: ReportPage, found: Membership, said: str) -> None:
    page.heading("Predicted")
    page.text(said, note=True)
    roc = found.roc
    rows: list[tuple[str, object]] = [
        ("area under the curve", f"{roc.area:.3f} ({roc.low:.3f} to {roc.high:.3f})"),
        ("works' score, median", spread(found.works)[0]),
        ("controls' score, median", spread(found.controls)[0]),
    ]
    rows += [
        (f"works above all but {each:.0%} of controls", f"{roc.found_at(each):.0%}")
        for each in FALSE_POSITIVES
    ]
    page.table(("figure", "value"), rows)
