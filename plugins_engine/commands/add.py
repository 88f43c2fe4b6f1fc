"""`add`: make a plug-in of a concept from pictures."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pictures.still import NAMES
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.on_the_way import OnTheWay
from plugins_engine.addition.training import add_concept
from plugins_engine.commands.options import (
    base_options,
    checkpoint_option,
    checkpoints_in,
    figures_line,
    help_formatter,
    require_target,
)
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.concepts import KINDS
from plugins_engine.errors import BadPrompt, LongCaption
from plugins_engine.model.loading import load_base
from plugins_engine.works import read_folder

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "add",
        help="make a plug-in of a concept from pictures",
        description="Train a plug-in of one concept from a folder of works. A work's caption is the one that "
        "works.json or metadata.jsonl lists, else the text of NAME.txt, NAME.caption or NAME.tags beside NAME.png, else the name itself.",
        formatter_class=help_formatter,
    )
    command.add_argument("--images", type=Path, required=True, metavar="DIR", help=f"the works: {NAMES}")
    command.add_argument("--name", required=True, metavar="TEXT", help="what calls the concept in a prompt")
    command.add_argument("--kind", required=True, choices=KINDS, help="style: how; character: who or what")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to, as .safetensors")
    for option, kind in (("rank", int), ("steps", int), ("learning-rate", float)):
        command.add_argument(
            f"--{option}",
            type=kind,
            metavar="N",
            help=f"(default: the base's own, else {getattr(AdditionConfig, option.replace('-', '_'))})",
        )
    command.add_argument(
        "--square",
        action="store_true",
        help="cut works square (default: they are learned from in about their own shapes)",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    command.add_argument(
        "--from",
        dest="begin",
        type=Path,
        metavar="FILE",
        help="a plug-in of this base to begin from (default: from nothing)",
    )
    command.add_argument(
        "--save-every",
        type=int,
        metavar="N",
        help="also save the plug-in after every N steps, as NAME-stepN.safetensors beside the last one (default: none)",
    )
    command.add_argument(
        "--known-name",
        action="store_true",
        help="take a name that the base lists among what it draws already",
    )
    checkpoint_option(command)
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    require_target(options.out, ".safetensors")
    asked = {"rank": options.rank, "steps": options.steps, "learning_rate": options.learning_rate}
    chosen = {name: value for name, value in asked.items() if value is not None} | {"seed": options.seed}
    if options.square:
        chosen["buckets"] = False
    checkpoints = checkpoints_in(options.checkpoint)
    AdditionConfig(**chosen)  # refused before a base is loaded
    earlier = (
        None if options.save_every is None else OnTheWay(options.save_every, partial(_save, options.out))
    )
    folder = read_folder(options.images)
    for name in folder.skipped:
        print(f"skipped {name}: neither a picture nor the caption of one", file=sys.stderr)
    base = load_base(options.base, options.device)
    config = AdditionConfig.for_base(base, **chosen)
    begin = None if options.begin is None else Adapter.load(options.begin, base.layers)
    try:
        with ProgressLine() as line:
            result = add_concept(
                base,
                folder.works,
                options.name,
                options.kind,
                config,
                line,
                may_be_known=options.known_name,
                checkpoints=checkpoints,
                begin=begin,
                on_the_way=earlier,
            )
    except LongCaption as error:
        raise BadPrompt(f"{options.images / folder.files[error.work]}: {error.why}") from None
    result.adapter.save(options.out)
    if checkpoints is not None:
        checkpoints.clear()
    plain = {
        name: value for name, value in result.figures.items() if name not in ("given_back", "unlike_works")
    }
    print(f"{options.out}: {figures_line(plain)}")
    if found := result.figures.get("given_back"):
        print(f"works given back verbatim: {len(found['works'])} of the {found['looked_at']} looked at")
    if unlike := result.figures.get("unlike_works"):
        names = " and ".join(folder.files[i] for i in unlike)
        print(f"the works look like more than one style; {names} differ most")


def _save(last: Path, done: int, adapter: Adapter) -> None:
    adapter.save(last.with_name(f"{last.stem}-step{done}{last.suffix}"))
