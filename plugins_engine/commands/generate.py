"""`generate`: draw pictures from a prompt."""

import argparse
import io
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.atomic import write_bytes
from plugins_engine.commands.options import base_options, help_formatter, require_target
from plugins_engine.commands.picture_text import parameters_text, plugins_said
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.model.samplers import SAMPLERS
from plugins_engine.works import read_picture

OWN_TEXT = "plugins_engine"
"""The key of a PNG's text that holds how it was drawn as JSON."""
RANDOM = -1
_MOST_RANDOM = 2**32

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "generate",
        help="draw pictures from a prompt",
        description="Draw pictures. The same options draw the same picture; picture i of --count has the seed N + i.",
        formatter_class=help_formatter,
    )
    command.add_argument("--prompt", required=True, metavar="TEXT", help="what to draw")
    command.add_argument("--negative", default="", metavar="TEXT", help="what to steer away from")
    command.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE[:WEIGHT]",
        help="a plug-in to use, any number (weight: 1)",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0; -1: drawn at random)")
    command.add_argument("--steps", type=int, default=25, metavar="N", help="denoising steps (default: 25)")
    command.add_argument(
        "--guidance", type=float, metavar="X", help="how closely to follow (default: the base's own)"
    )
    command.add_argument(
        "--sampler",
        choices=SAMPLERS,
        help="how noise becomes a picture (default: what the base's directory asks for)",
    )
    command.add_argument(
        "--clip-skip",
        type=int,
        metavar="N",
        help="which layer of the text encoder is read, from the end: 1 is the last (default: as the base was trained)",
    )
    command.add_argument("--picture", type=Path, metavar="FILE", help="a picture to begin from (img2img)")
    command.add_argument(
        "--strength",
        type=float,
        default=0.75,
        metavar="X",
        help="how much of --picture is drawn anew, above 0, at most 1 (default: 0.75)",
    )
    command.add_argument("--count", type=int, default=1, metavar="N", help="number of pictures (default: 1)")
    command.add_argument("--width", type=int, metavar="PIXELS", help="(default: the base's)")
    command.add_argument("--height", type=int, metavar="PIXELS", help="(default: the base's)")
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PNG",
        help="where to; with --count above 1, -SEED is added to the name",
    )
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    if options.seed == RANDOM:
        options.seed = secrets.randbelow(_MOST_RANDOM)
    targets = _targets(options.out, options.seed, options.count)
    picture = None if options.picture is None else read_picture(options.picture)
    base = load_base(options.base, options.device)
    plugins = [_weighted(text, base) for text in options.plugin]
    request = SampleRequest(
        options.prompt, options.negative, options.seed, options.steps, options.guidance, options.count, plugins,
        options.width, options.height, options.sampler, options.clip_skip,
        picture, options.strength,
    )  # fmt: skip
    with ProgressLine() as line:
        pictures = generate(base, request, line, preview_every=0)
    for target, picture, seed in zip(
        targets, pictures, range(options.seed, options.seed + options.count), strict=True
    ):
        write_bytes(target, _png(picture, request, base, seed))
        print(target)


def _targets(out: Path, seed: int, count: int) -> list[Path]:
    """Check where pictures will go before time is spent on them."""
    require_target(out, ".png")
    if count <= 1:
        return [out]
    return [out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(seed, seed + count)]


def _weighted(text: str, base: BaseCheckpoint) -> tuple[Adapter, float]:
    """Read FILE[:WEIGHT]; a file whose own name ends like a weight is still found."""
    path, separator, written = text.rpartition(":")
    if not separator or Path(text).exists():
        return Adapter.load(text, base.layers), 1.0
    try:
        weight = float(written)
    except ValueError:
        raise BadRequest(
            f"--plugin {text}: expected FILE or FILE:WEIGHT, found the weight {written!r}"
        ) from None
    return Adapter.load(path, base.layers), weight


def _png(picture: Image.Image, request: SampleRequest, base: BaseCheckpoint, seed: int) -> bytes:
    """Encode with the parameters inside, and nothing that differs from run to run."""
    parameters = {
        "prompt": request.prompt, "negative_prompt": request.negative_prompt, "seed": seed, "steps": request.steps,
        "guidance": base.guidance(request.guidance), "sampler": request.sampler or base.sampler,
        "plugins": plugins_said(request),
    }  # fmt: skip
    if request.clip_skip is not None:
        parameters["clip_skip"] = request.clip_skip
    if request.picture is not None:
        parameters["strength"] = request.strength
    note = PngInfo()
    note.add_text("parameters", parameters_text(base, request, seed, picture.size))
    note.add_itxt(OWN_TEXT, json.dumps(parameters, ensure_ascii=False))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=note)
    return buffer.getvalue()
