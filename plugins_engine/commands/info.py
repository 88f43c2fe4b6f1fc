"""`info`: describe a base, or plug-in files."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from plugins_engine.adapters import kinds
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.kinds import Decomposed, Delta
from plugins_engine.commands.options import base_options, help_formatter
from plugins_engine.errors import BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import require_fit
from plugins_engine.model.families import LAYER_KINDS
from plugins_engine.model.loading import load_base

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

_MOST_NUMBERS = 2**27
_KINDS = {
    "tuple": "low rank",
    "Hadamard": "LoHa",
    "Kronecker": "LoKr",
    "Full": "full difference",
    "Decomposed": "DoRA",
}


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "info",
        help="describe a base, or plug-in files",
        description="Describe a base model, or plug-in files and whether they fit the base that --base names.",
        formatter_class=help_formatter,
    )
    command.add_argument(
        "plugins",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="plug-ins: .safetensors files, zips or folders of peft's",
    )
    command.add_argument("--layers", action="store_true", help="list every layer with its shape")
    command.add_argument("--json", action="store_true", help="print JSON")
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
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


def _describe_base(base: BaseCheckpoint, layers: bool) -> dict[str, object]:
    described: dict[str, object] = {
        "base": str(base.directory.path),
        "architecture": base.architecture,
        "fingerprint": base.fingerprint,
        "resolution": base.resolution,
        "parameters": sum(each.numel() for each in base.denoiser.parameters()),
        "sampler": base.sampler,
        "prediction": base.process.prediction,
        **{f"{kind} layers": len(base.adaptable_layers((kind,))) for kind in LAYER_KINDS},
        "text encoder layers": len(base.text_layers),
    }
    if layers:
        kinds = base.adaptable_layers(tuple(LAYER_KINDS)) | base.text_layers
        described["layers"] = {
            name: f"{shape.out_features}x{shape.in_features}" for name, shape in kinds.items()
        }
    return described


def _describe_adapter(adapter: Adapter, base: BaseCheckpoint | None, layers: bool) -> dict[str, object]:
    described: dict[str, object] = {
        "name": adapter.name,
        "kind": adapter.kind,
        "trigger": adapter.trigger,
        "architecture": adapter.architecture,
        "made for base": adapter.base_fingerprint,
        "components": ", ".join(adapter.components),
        "family": adapter.family,
        "rank": adapter.rank,
        "kinds": ", ".join(sorted({_KINDS[type(each).__name__] for each in adapter.layers.values()})),
        "adapted layers": len(adapter.layers) - len(adapter.text_layers),
        "adapted text layers": len(adapter.text_layers) or "",
        "biases and norms": len(adapter.vectors) or "",
        "learned tokens": ", ".join(f"{each.words} ({len(each)})" for each in adapter.tokens),
        "file sha256": adapter.file_sha256,
        "tensors sha256": adapter.tensors_sha256,
        "merged from": ", ".join(adapter.merged_from),
    }
    if base is not None:
        try:
            require_fit(base, adapter)
            described["fits this base"] = "yes"
        except BaseMismatch as error:
            described["fits this base"] = f"no: {error}"
    if layers:
        described["layers"] = {name: _describe_delta(each) for name, each in adapter.layers.items()}
    return {key: value for key, value in described.items() if value != ""}


def _describe_delta(each: Delta) -> str:
    out, width = kinds.shape_of(each)
    described = f"{out}x{width} rank {kinds.rank_of(each)}"
    if isinstance(each, tuple):
        return f"{described} norm {kinds.norm(each):.4g}"
    kind = _KINDS[type(each).__name__]
    # The norm of the others takes the whole matrix, which a hostile file may say larger than memory.
    known = not isinstance(each, Decomposed) and out * width <= _MOST_NUMBERS
    return f"{described} {kind} norm {kinds.norm(each):.4g}" if known else f"{described} {kind}"


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
