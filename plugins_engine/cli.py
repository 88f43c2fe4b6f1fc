"""The command line: look at bases and plug-ins, draw, judge."""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from plugins_engine import delta
from plugins_engine.adapter import Adapter
from plugins_engine.addition import KINDS, AdditionConfig, add_concept
from plugins_engine.atomic import write_bytes
from plugins_engine.base import LAYER_KINDS, BaseModel, load_base
from plugins_engine.branches import require_fit
from plugins_engine.errors import BadRequest, BaseMismatch, EngineError
from plugins_engine.judge import Judge
from plugins_engine.progress_line import ProgressLine
from plugins_engine.sampler import SampleRequest, generate
from plugins_engine.works import read_picture, read_works

WRONG, INTERRUPTED = 2, 130
HELP_WIDTH = 100  # fixed, so that the reference page can hold the very text


def main(arguments: Sequence[str]) -> int:
    """Run one command and give the exit status: 0, 2 for anything wrong with what was asked, 130 for Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        print("\nstopped; nothing was written", file=sys.stderr)
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """Make the parser of every command."""
    root = argparse.ArgumentParser(
        prog="python -m plugins_engine",
        description="Make, look at and draw with low-rank plug-ins for latent diffusion models.",
        formatter_class=_help,
    )
    commands = root.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_info, _add_add, _add_generate, _add_judge):
        add(commands)
    return root


def _help(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, max_help_position=28, width=HELP_WIDTH)


def _base_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--base",
        type=Path,
        metavar="DIR",
        help="a diffusers directory: SD 1.x, 2.x or SDXL (default: the embedded one)",
    )
    command.add_argument(
        "--device",
        default=os.environ.get("DEVICE", "cpu"),
        help="cpu, cuda, cuda:1, mps (default: $DEVICE, or cpu)",
    )


# info


def _add_info(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "info",
        help="describe a base, or plug-in files",
        description="Describe a base model, or plug-in files and whether they fit the base that --base names.",
        formatter_class=_help,
    )
    command.add_argument("plugins", nargs="*", type=Path, metavar="FILE", help="plug-ins, as .safetensors")
    command.add_argument("--layers", action="store_true", help="list every layer with its shape")
    command.add_argument("--json", action="store_true", help="print JSON")
    _base_options(command)
    command.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> None:
    base = load_base(options.base, options.device) if options.base or not options.plugins else None
    if not options.plugins:
        assert base is not None  # noqa: S101  # said by the line above
        _print(_describe_base(base, options.layers), options.json)
        return
    described = []
    for path in options.plugins:
        adapter = Adapter.load(path, base.layers if base else None)
        described.append({"file": str(path)} | _describe_adapter(adapter, base, options.layers))
    for each in described if not options.json else []:
        _print(each, as_json=False)
    if options.json:
        print(json.dumps(described, indent=2))


def _describe_base(base: BaseModel, layers: bool) -> dict[str, object]:
    described: dict[str, object] = {
        "base": str(base.directory.path),
        "architecture": base.architecture,
        "fingerprint": base.fingerprint,
        "resolution": base.resolution,
        "parameters": sum(each.numel() for each in base.unet.parameters()),
        "sampler": type(base.scheduler).__name__,
        "prediction": base.prediction_type,
        **{f"{kind} layers": len(base.adaptable_layers((kind,))) for kind in LAYER_KINDS},
    }
    if layers:
        kinds = base.adaptable_layers(tuple(LAYER_KINDS))
        described["layers"] = {
            name: f"{shape.out_features}x{shape.in_features}" for name, shape in kinds.items()
        }
    return described


def _describe_adapter(adapter: Adapter, base: BaseModel | None, layers: bool) -> dict[str, object]:
    described: dict[str, object] = {
        "name": adapter.name,
        "kind": adapter.kind,
        "trigger": adapter.trigger,
        "architecture": adapter.architecture,
        "made for base": adapter.base_fingerprint,
        "rank": adapter.rank,
        "adapted layers": len(adapter.layers),
        "file sha256": adapter.file_sha256,
        "tensors sha256": adapter.tensors_sha256,
        "merged from": ", ".join(adapter.merged_from),
        "warnings": "; ".join(adapter.warnings),
    }
    if base is not None:
        try:
            require_fit(base, adapter)
            described["fits this base"] = "yes"
        except BaseMismatch as error:
            described["fits this base"] = f"no: {error}"
    if layers:
        described["layers"] = {
            name: f"{up.shape[0]}x{down.shape[1]} rank {delta.rank((up, down))} norm {delta.norm((up, down)):.4g}"
            for name, (up, down) in adapter.layers.items()
        }
    return {key: value for key, value in described.items() if value != ""}


def _print(described: dict[str, object], as_json: bool) -> None:
    if as_json:
        print(json.dumps(described, indent=2))
        return
    for key, value in described.items():
        if isinstance(value, dict):
            print(f"{key}:")
            for name, text in value.items():
                print(f"  {name}  {text}")
        else:
            print(f"{key + ':':<20} {value}")


# add


def _add_add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "add",
        help="make a plug-in of a concept from pictures",
        description="Train a plug-in of one concept from a folder of works. A work's caption is the one that "
        "works.json lists, else the text of NAME.txt beside NAME.png, else the name itself.",
        formatter_class=_help,
    )
    defaults = AdditionConfig()
    command.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="the works: PNG, JPEG or WebP"
    )
    command.add_argument("--name", required=True, metavar="TEXT", help="what calls the concept in a prompt")
    command.add_argument("--kind", required=True, choices=KINDS, help="style: how; character: who or what")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to, as .safetensors")
    command.add_argument(
        "--rank", type=int, default=defaults.rank, metavar="N", help="(default: %(default)s)"
    )
    command.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help=f"(default: {' or '.join(f'{defaults.steps_for(k)} for a {k}' for k in KINDS)})",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    _base_options(command)
    command.set_defaults(run=_add)


def _add(options: argparse.Namespace) -> None:
    _require_target(options.out, ".safetensors")
    config = AdditionConfig(rank=options.rank, steps=options.steps, seed=options.seed)
    works = read_works(options.images)
    base = load_base(options.base, options.device)
    with ProgressLine() as line:
        result = add_concept(base, works, options.name, options.kind, config, line)
    result.adapter.save(options.out)
    figures = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in result.figures.items()
    )
    print(f"{options.out}: {figures}")


# generate


def _add_generate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "generate",
        help="draw pictures from a prompt",
        description="Draw pictures. The same options draw the same picture; picture i of --count has the seed N + i.",
        formatter_class=_help,
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
    command.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    command.add_argument("--steps", type=int, default=25, metavar="N", help="denoising steps (default: 25)")
    command.add_argument(
        "--guidance", type=float, default=3.0, metavar="X", help="how closely to follow (default: 3)"
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
    _base_options(command)
    command.set_defaults(run=_generate)


def _generate(options: argparse.Namespace) -> None:
    targets = _targets(options.out, options.seed, options.count)
    base = load_base(options.base, options.device)
    plugins = [_weighted(text, base) for text in options.plugin]
    for adapter, _ in plugins:
        for warning in adapter.warnings:
            print(f"warning: {warning}", file=sys.stderr)
    request = SampleRequest(
        options.prompt, options.negative, options.seed, options.steps, options.guidance, options.count, plugins,
        options.width, options.height,
    )  # fmt: skip
    with ProgressLine() as line:
        pictures = generate(base, request, line, preview_every=0)
    for target, picture, seed in zip(
        targets, pictures, range(options.seed, options.seed + options.count), strict=True
    ):
        write_bytes(target, _png(picture, request, seed))
        print(target)


def _targets(out: Path, seed: int, count: int) -> list[Path]:
    """Check where pictures will go before time is spent on them."""
    _require_target(out, ".png")
    if count <= 1:
        return [out]
    return [out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(seed, seed + count)]


def _require_target(out: Path, suffix: str) -> None:
    if out.suffix.lower() != suffix:
        raise BadRequest(f"--out {out}: expected a name that ends in {suffix}")
    if out.is_dir():
        raise BadRequest(f"--out {out}: expected a file name, found a directory")
    if not out.parent.is_dir():
        raise BadRequest(f"--out {out}: expected the directory {out.parent} to exist")


def _weighted(text: str, base: BaseModel) -> tuple[Adapter, float]:
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


def _png(picture: Image.Image, request: SampleRequest, seed: int) -> bytes:
    """Encode with the parameters inside, and nothing that differs from run to run."""
    plugins = [
        {"name": adapter.name, "weight": weight, "tensors_sha256": adapter.tensors_sha256}
        for adapter, weight in request.plugins
    ]
    parameters = {
        "prompt": request.prompt, "negative_prompt": request.negative_prompt, "seed": seed, "steps": request.steps,
        "guidance": request.guidance, "plugins": plugins,
    }  # fmt: skip
    note = PngInfo()
    note.add_itxt("parameters", json.dumps(parameters, ensure_ascii=False))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=note)
    return buffer.getvalue()


# judge


def _add_judge(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "judge",
        help="say what style and subject pictures show",
        description="Judge pictures by the embedded classifier: for each its style and subject, and how sure it is.",
        formatter_class=_help,
    )
    command.add_argument("pictures", nargs="+", type=Path, metavar="PNG", help="pictures")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_judge)


def _judge(options: argparse.Namespace) -> None:
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
