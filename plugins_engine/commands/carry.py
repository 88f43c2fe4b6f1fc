"""`carry`: bring a plug-in over to the next generation of its base."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.carrying.carrying import Carried, carry
from plugins_engine.carrying.config import CARRYING_METHODS, CarryingConfig
from plugins_engine.combination.prompts import prompts_calling
from plugins_engine.commands.options import (
    checkpoint_option,
    checkpoints_in,
    device_option,
    figures_line,
    help_formatter,
    read_lines,
    require_folder,
    require_target,
)
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.concepts import KINDS, Concept, evenly, joined, styled
from plugins_engine.errors import BadRequest
from plugins_engine.known import known_concepts
from plugins_engine.measure.html_report import ReportPage, write_report
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import generate_each

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

SHOWN = 6  # prompts in a report
SEED = 1


def add(commands: "Commands") -> None:
    defaults = CarryingConfig()
    command = commands.add_parser(
        "carry",
        help="bring a plug-in over to the next generation of its base",
        description="Make a plug-in of a base's next generation out of one of the generation before, without its works, and say how much "
        "of it is missed. Both bases are loaded at once. Where more is missed than is good enough, the plug-in is written all the same, but one "
        "that is trained from the works is better.",
        formatter_class=help_formatter,
    )
    command.add_argument("plugin", type=Path, metavar="FILE", help="a plug-in, as .safetensors")
    command.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="DIR", help="the base that it is for"
    )
    command.add_argument(
        "--to",
        dest="target",
        type=Path,
        metavar="DIR",
        help="the base that it shall be for (default: the embedded one)",
    )
    command.add_argument(
        "--prompts", type=Path, metavar="FILE",
        help="that call the plug-in, a line each (default: what the new base knows, with the plug-in's name)",
    )  # fmt: skip
    command.add_argument(
        "--method", choices=CARRYING_METHODS, default=defaults.method,
        help="(default: %(default)s, which takes the first of the others that is good enough)",
    )  # fmt: skip
    command.add_argument(
        "--good-enough", type=float, default=defaults.good_enough, metavar="N",
        help="how much may be missed of what the plug-in changes, as a share (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--steps", type=int, default=defaults.steps, metavar="N", help="of distil (default: %(default)s)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to, as .safetensors")
    command.add_argument("--report", type=Path, metavar="DIR", help="write report.json and report.html there")
    checkpoint_option(command)
    device_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    require_target(options.out, ".safetensors")
    if options.report is not None:
        require_folder(options.report, "--report")
    config = CarryingConfig(
        method=options.method, good_enough=options.good_enough, steps=options.steps, seed=options.seed
    )
    checkpoints = checkpoints_in(options.checkpoint)
    source, target = (load_base(path, options.device) for path in (options.source, options.target))
    adapter = Adapter.load(options.plugin, source.layers)
    prompts = _prompts(options.prompts, adapter, target)
    with ProgressLine() as line:
        done = carry(source, target, adapter, prompts, config, line, checkpoints=checkpoints)
    done.adapter.save(options.out)
    if checkpoints is not None:
        checkpoints.clear()
    if options.report is not None:
        content = {
            **done.figures,
            "is_good_enough": done.is_good_enough,
            "from": source.fingerprint,
            "to": target.fingerprint,
            "tensors_sha256": done.adapter.tensors_sha256,
        }
        write_report(options.report, _page(source, target, adapter, done, prompts, content), content)
    print(f"{options.out}: {figures_line(_plain(done.figures))}")
    if left := done.figures["left_out"]:
        print(f"left out, as the new base lacks them: {len(left)} layers, such as {left[0]}")
    if not done.is_good_enough:
        print(
            f"not good enough: {done.figures['missed']:.0%} of what the plug-in changes is missed, at most {config.good_enough:.0%} was "
            "asked for; train it anew from its works"
        )


def _prompts(path: Path | None, adapter: Adapter, target: BaseCheckpoint) -> list[str]:
    if path is not None:
        return [each for each in read_lines(path, "--prompts") if each.strip()]
    known = known_concepts(target.directory.path)
    if adapter.name and adapter.kind in KINDS:
        return prompts_calling(Concept(adapter.name, adapter.kind), known.subjects, known.styles)
    if adapter.trigger:
        return [joined(subject, adapter.trigger) for subject in known.subjects]
    raise BadRequest("--prompts: the plug-in's file does not say what calls it: give prompts that do")


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    tried = {f"missed by {way}": value for way, value in figures["tried"].items()}
    return {**{name: figures[name] for name in ("method", "missed", "disturbed", "seconds")}, **tried}


def _page(
    source: BaseCheckpoint,
    target: BaseCheckpoint,
    adapter: Adapter,
    done: Carried,
    prompts: Sequence[str],
    content: dict[str, Any],
) -> ReportPage:
    page = ReportPage(
        f"Carried over: {adapter.name}",
        "The plug-in's prompts drawn by the old base with it, by the new base alone, and by the new base with the carried plug-in; the "
        "same seeds across a row. Below, prompts that do not call it.",
    )
    page.heading("Figures")
    page.table(("figure", "value"), list(_plain(content).items()))
    known = known_concepts(target.directory.path)
    others = [styled(subject, style) for subject in known.subjects[:2] for style in known.styles[:2]] or list(
        known.subjects[:SHOWN]
    )
    for title, shown in (("Prompts that call it", evenly(prompts, SHOWN)), ("Other prompts", others)):
        page.heading(title)
        drawn = [
            generate_each(base, shown, seed=SEED, plugins=plugins)
            for base, plugins in ((source, [(adapter, 1.0)]), (target, []), (target, [(done.adapter, 1.0)]))
        ]
        rows = [(prompt, [pictures[i] for pictures in drawn]) for i, prompt in enumerate(shown)]
        page.grid(("old base, with it", "new base", "new base, carried"), rows)
    return page
