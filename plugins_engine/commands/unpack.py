"""`unpack`: make a diffusers directory of a checkpoint in one file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from plugins_engine.commands.options import help_formatter
from plugins_engine.model.unpacking import unpack

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "unpack",
        help="make a diffusers directory of a checkpoint in one file",
        description="Make a diffusers directory of a .safetensors checkpoint of Stable Diffusion 1.x, 2.x, XL, 3 or 3.5, or of FLUX.1. "
        "Every part is loaded once, so it takes the memory that the base takes.",
        formatter_class=help_formatter,
    )
    command.add_argument(
        "checkpoint", type=Path, metavar="FILE", help="the checkpoint, in the original code's names"
    )
    command.add_argument(
        "--components",
        type=Path,
        required=True,
        metavar="DIR",
        help="a diffusers directory of the same family: its configs, tokenizers and scheduler are used, and its weights for what the "
        "file lacks, as files of FLUX.1 lack text encoders",
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the directory to make")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    made = unpack(options.checkpoint, options.components, options.out)
    print(f"{made.directory}: a {made.pipeline}")
    if made.taken:
        print(f"from {options.components}: the weights of {', '.join(made.taken)}, which the file lacks")
    if made.left_out:
        print(f"left out of the file: {', '.join(made.left_out)}")
