"""`extract`: extract a concept from a base and keep it as a plug-in."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins_engine.commands.options import (
    base_options,
    checkpoint_option,
    checkpoints_in,
    figures_line,
    help_formatter,
    read_lines,
    require_folder,
    require_target,
)
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.concepts import KINDS
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.erasure import plan_erasure
from plugins_engine.extraction.examination import STAGES, Examination, ExaminationConfig, examine, judge_for
from plugins_engine.extraction.methods import EXTRACTION_METHODS, extract_concept
from plugins_engine.known import known_concepts
from plugins_engine.measure.html_report import ReportPage, write_report
from plugins_engine.model.loading import load_base

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands


def add(commands: "Commands") -> None:
    defaults = ExaminationConfig()
    command = commands.add_parser(
        "extract",
        help="extract a concept from a base, and keep it as a plug-in",
        description="Make an eraser, with which the base no longer draws a concept by its name, and the plug-in that brings "
        "it back: eraser and plug-in together are nothing. What the base knows is suppressed, not removed; the report "
        "says how readily an attack brings it back.",
        formatter_class=help_formatter,
    )
    command.add_argument("--concept", required=True, metavar="NAME", help="what calls it in a prompt")
    command.add_argument("--kind", required=True, choices=KINDS, help="style: how; character: who or what")
    command.add_argument(
        "--anchor",
        metavar="TEXT",
        help="what to draw in its place (default: the nearest that the base knows)",
    )
    command.add_argument(
        "--retain", type=Path, metavar="FILE",
        help="prompts that shall stay as they are, a line each (default: all that the base knows)",
    )  # fmt: skip
    command.add_argument(
        "--method", choices=EXTRACTION_METHODS, default="hybrid", help="(default: %(default)s)"
    )
    command.add_argument(
        "--out-eraser", type=Path, required=True, metavar="FILE", help="where to, as .safetensors"
    )
    command.add_argument(
        "--out-plugin", type=Path, required=True, metavar="FILE", help="where to, as .safetensors"
    )
    command.add_argument("--report", type=Path, metavar="DIR", help="write report.json and report.html there")
    command.add_argument(
        "--pictures", type=int, default=defaults.pictures, metavar="N",
        help="drawn of each group for the report; below 100 without KID (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--attack-steps", type=int, default=defaults.attack_steps, metavar="N",
        help="for which the report's recovery attack learns (default: %(default)s)",
    )  # fmt: skip
    checkpoint_option(command)
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    require_target(options.out_eraser, ".safetensors", "--out-eraser")
    require_target(options.out_plugin, ".safetensors", "--out-plugin")
    if options.out_eraser.resolve() == options.out_plugin.resolve():
        raise BadRequest("--out-eraser and --out-plugin: expected two files, found the same one twice")
    if options.report is not None:
        require_folder(options.report, "--report")
    checkpoints = checkpoints_in(options.checkpoint)
    measure = ExaminationConfig(pictures=options.pictures, attack_steps=options.attack_steps)
    retained = None if options.retain is None else read_lines(options.retain, "--retain")
    base = load_base(options.base, options.device)
    erasure = plan_erasure(base, options.concept, options.kind, options.anchor, retained)
    if not known_concepts(base.directory.path).listed:
        print(
            f"note: this base does not list what it knows, so nothing says that it knows {erasure.name}: see that the "
            "report's pictures before the extraction show it",
            file=sys.stderr,
        )
    with ProgressLine() as line:
        result = extract_concept(base, erasure, options.method, on_progress=line, checkpoints=checkpoints)
    hashes = {
        "eraser_file_sha256": result.eraser.save(options.out_eraser),
        "plugin_file_sha256": result.plugin.save(options.out_plugin),
    }
    took = {"anchor": erasure.anchor, "method": result.method, "rank": result.rank, "seconds": result.seconds}
    print(f"{options.out_eraser}, {options.out_plugin}: {figures_line(took)}")
    if options.report is not None:
        with ProgressLine() as line:
            examination = examine(
                base, result, judge_for(base, erasure), measure, line, checkpoints=checkpoints
            )
        content = examination.figures | hashes
        write_report(options.report, _page(examination, content), content)
        print(f"{options.report / 'report.html'}: {figures_line(_summary(content, examination.groups))}")
    if checkpoints is not None:
        checkpoints.clear()


def _summary(content: Mapping[str, Any], groups: Sequence[str]) -> dict[str, object]:
    if "h_o" not in content:
        return {f"{title} moved": content[title]["moved"]["after"] for title in groups}
    found: dict[str, object] = {
        title: f"{_share(content[title]['accuracy']['before'])} → {_share(content[title]['accuracy']['after'])}"
        for title in groups
    }
    return found | {"H_o": content["h_o"], "recovered by attack": _share(content["recovery"]["after"])}


def _share(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.0%}"


def _interval(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"


def _page(examination: Examination, content: Mapping[str, Any]) -> ReportPage:
    concept, kind = content["concept"], content["kind"]
    page = ReportPage(
        f"Extraction of the {kind} {concept}",
        f'By {content["method"]}, with "{content["anchor"]}" in its place. Drawn by the base (before), by the base with the '
        "eraser (after), and by both with the plug-in (restored); the same seeds across a row.",
    )
    page.text(
        "This suppresses the concept: the base no longer draws it by its name. What it knows is still in its weights, and "
        "the recovery attack below says how readily it comes back.",
        note=True,
    )
    groups = examination.groups
    if "h_o" in content:
        _judged(page, content, groups)
    else:
        page.text(
            "The embedded judge does not know this base's concepts, so nothing was counted: look at the pictures.",
            note=True,
        )
    page.heading("How far the pictures moved")
    page.text("Root mean square difference of the pixels from those before, 0 to 1.", note=True)
    page.table(
        ("prompts", "after", "restored"),
        [(title, content[title]["moved"]["after"], content[title]["moved"]["restored"]) for title in groups],
    )
    for title, (columns, rows) in examination.grids.items():
        page.heading(title.capitalize())
        page.grid(columns, rows)
    page.heading("Made with")
    plain = [(name.replace("_", " "), each) for name, each in content.items() if not isinstance(each, dict)]
    page.table(("", "value"), plain)
    return page


def _judged(page: ReportPage, content: Mapping[str, Any], groups: Sequence[str]) -> None:
    head = content["kind"] if content["kind"] == "style" else "subject"
    other = "subject" if head == "style" else "style"
    page.heading("What the judge sees")
    page.text(
        f"Share of pictures whose {head} is the one asked for, with 95% intervals; and the same of the {other}, which the "
        "extraction shall leave alone. H_o is the harmonic mean of 1 - the target's share after and the others' share after.",
        note=True,
    )
    page.table(
        ("prompts", "right", *STAGES),
        [
            (title, what, *(_interval(content[title][key][stage]) for stage in STAGES))
            for title in groups
            for what, key in ((head, "accuracy"), (other, "other_accuracy"))
        ],
    )
    recovery = content["recovery"]
    page.table(
        ("figure", "value"),
        [
            ("H_o", content["h_o"]),
            ("attack on the plain base", _interval(recovery["before"])),
            ("attack on the base with the eraser", _interval(recovery["after"])),
        ],
    )
    page.text(
        f"The attack learns a word from {recovery['learned_from']} of the base's own pictures of the concept in "
        f"{recovery['steps']} steps, and draws with it.",
        note=True,
    )
    if all("kid_x1000" in content[title] for title in groups):
        page.heading("KID x1000")
        page.text(
            "Against pictures that the plain base drew of the same prompts from other seeds: about 0 where nothing changed. "
            "In brackets the standard deviation over subsets of 100.",
            note=True,
        )
        page.table(
            ("prompts", *STAGES),
            [(title, *(_kid(content[title]["kid_x1000"][stage]) for stage in STAGES)) for title in groups],
        )


def _kid(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.1f} ({value['std']:.1f})"
