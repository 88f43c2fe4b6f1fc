"""`convert`: write a plug-in in another naming, number format or rank."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import torch

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.kinds import Decomposed
from plugins_engine.adapters.written_file import Format
from plugins_engine.commands.options import figures_line, help_formatter, require_target
from plugins_engine.errors import BadRequest, require_whole
from plugins_engine.model.branches import completed, known_beside, require_fit
from plugins_engine.model.loading import load_base

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

_NUMBERS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_MOST_RANK = 4096


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "convert",
        help="write a plug-in in another naming, number format or rank",
        description="Write a plug-in for another program. Nothing is lost but what --numbers and --rank say.",
        formatter_class=help_formatter,
    )
    command.add_argument(
        "plugin", type=Path, metavar="FILE", help="a .safetensors file, a zip or a folder of peft's"
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where to write it, as .safetensors"
    )
    command.add_argument(
        "--naming",
        choices=get_args(Format),
        default="peft",
        help="peft: for diffusers and peft; kohya: for ComfyUI, A1111 and kohya's trainer (default: peft)",
    )
    command.add_argument(
        "--numbers",
        choices=_NUMBERS,
        default="fp32",
        help="number format; fp16 and bf16 are half as large (default: fp32)",
    )
    command.add_argument(
        "--rank",
        type=int,
        metavar="N",
        help="nearest low-rank matrices of at most this rank, whatever kind they were; the error is printed",
    )
    command.add_argument(
        "--low-rank",
        action="store_true",
        help="low-rank matrices whatever kind they were, as exactly as numbers allow",
    )
    command.add_argument(
        "--base",
        type=Path,
        metavar="DIR",
        help="the base that it is for: to make DoRA low-rank, and to check that it fits (default: none)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    require_target(options.out, ".safetensors")
    if options.rank is not None:
        require_whole("rank", options.rank, 1, _MOST_RANK)
    base = load_base(options.base, "cpu") if options.base else None
    adapter = Adapter.load(options.plugin, base.layers if base else None)
    if base is not None:
        require_fit(base, adapter)
        adapter = completed(base, adapter)
    figures: dict[str, object] = {}
    if options.low_rank or options.rank is not None:
        if base is not None:
            adapter = known_beside(base, adapter)
        elif any(isinstance(each, Decomposed) for each in adapter.layers.values()):
            raise BadRequest(
                f"{options.plugin}: expected --base, for DoRA is low-rank only beside the weights it changes"
            )
        whole, adapter = adapter, adapter.in_low_rank(options.rank)
        figures["error"] = adapter.compression_error(whole)
    digest = adapter.save(options.out, naming=options.naming, dtype=_NUMBERS[options.numbers])
    described = figures_line({"rank": adapter.rank, **figures})
    print(f"{options.out}: {described}, sha256 {digest}")
