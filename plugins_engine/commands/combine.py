"""`combine`: make one plug-in of several, without their works."""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.sources import Source, shares_of, state_sources
from plugins_engine.combination.config import COMBINATION_METHODS, CombinationConfig
from plugins_engine.combination.easymerge import Combination, combine
from plugins_engine.combination.parts import CombinationPart, joint_parts, joint_parts_of, kept_by_erasers
from plugins_engine.commands.options import (
    base_options,
    figures_line,
    help_formatter,
    require_folder,
    require_target,
)
from plugins_engine.commands.progress_line import ProgressLine
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.restoration import Restoration, require_of_unet, restoring_plugin
from plugins_engine.measure.html_report import ReportPage, write_report
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import MAX_WEIGHT, generate_each

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

RETAINED, TOGETHER = "retained", "together"
SHOWN = 4  # prompts of each part in the report
SEED = 1


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "combine",
        help="make one plug-in of several",
        description="Combine plug-ins of one base into one, from the plug-ins and the prompts that call them alone. The "
        'prompts are JSON: {"ink.safetensors": ["a fox, Ink style", …], …}, by file name or by the plug-in\'s own name; '
        f'"{RETAINED}" lists prompts that shall stay as the base draws them (where it is not given, and there are erasers: '
        f'all that the base knows and that names nothing they take out), "{TOGETHER}" prompts that call several by their '
        "names (where it is not given: every character in every style).",
        formatter_class=help_formatter,
    )
    command.add_argument("plugins", nargs="+", type=Path, metavar="FILE", help="plug-ins, as .safetensors")
    command.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help="the prompts that call each, as JSON"
    )
    command.add_argument(
        "--weights",
        type=float,
        nargs="+",
        metavar="N",
        help=f"how much of each plug-in counts, in the order of the files: -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}, not 0; also their shares "
        "(default: 1 each)",
    )
    command.add_argument(
        "--method",
        choices=COMBINATION_METHODS,
        default="tuned",
        help="(default: %(default)s, which is closed-form and then a few steps; sgd is the paper's)",
    )
    command.add_argument(
        "--rank", type=int, metavar="N", help="of the result (default: what nothing is lost with)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to, as .safetensors")
    command.add_argument(
        "--restore",
        type=Path,
        metavar="DIR",
        help="also write there, for each eraser and under its file's name, the plug-in that restores its concept beside the "
        "combination",
    )
    command.add_argument("--report", type=Path, metavar="DIR", help="write report.json and report.html there")
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    require_target(options.out, ".safetensors")
    for folder, option in ((options.report, "--report"), (options.restore, "--restore")):
        if folder is not None:
            require_folder(folder, option)
    config = CombinationConfig(method=options.method, rank=options.rank, seed=options.seed)
    prompts = _read_prompts(options.prompts)
    base = load_base(options.base, options.device)
    plugins = _weighted(options.plugins, options.weights, base)
    parts = _parts(options.plugins, plugins, prompts, base)
    erasers = _erasers(options, parts) if options.restore is not None else {}
    with ProgressLine() as line:
        done = combine(base, parts, config, line)
        restoring = {
            path: restoring_plugin(
                base, Restoration(parts, done.adapter, eraser), seed=options.seed, on_progress=line
            )
            for path, eraser in erasers.items()
        }
    done = replace(done, adapter=_stated(done.adapter, plugins))
    written = done.adapter.save(options.out)
    for path, plugin in restoring.items():
        plugin.save(path)
    if options.report is not None:
        content = {
            "figures": done.figures,
            "layer_errors": done.layer_errors,
            "merged_from": json.loads(done.adapter.metadata["plugin.merged_from"]),
            "file_sha256": written,
            "tensors_sha256": done.adapter.tensors_sha256,
            "base_fingerprint": base.fingerprint,
            "restoring": [
                {"name": plugin.name, "file": str(path), "tensors_sha256": plugin.tensors_sha256}
                for path, plugin in restoring.items()
            ],
        }
        by_eraser = {erasers[path]: plugin for path, plugin in restoring.items()}
        write_report(options.report, _page(base, parts, done, by_eraser, content), content)
    print(f"{options.out}: {figures_line(_worded(done.figures))}")
    for path, plugin in restoring.items():
        print(f"{path}: restores {plugin.name}, rank {plugin.rank}")


def _erasers(options: argparse.Namespace, parts: Sequence[CombinationPart]) -> dict[Path, Adapter]:
    """Give each eraser among the plug-ins by the file that its concept's plug-in is to be written to."""
    require_of_unet([adapter for part in parts for adapter in part.adapters])
    found: dict[Path, Adapter] = {}
    taken = {path.resolve() for path in (*options.plugins, options.out)}
    for path, part in zip(
        options.plugins, parts, strict=False
    ):  # the plug-ins' own parts come first, in order
        if part.adapters[0].kind != "eraser":
            continue
        target = options.restore / path.name
        if target.resolve() in taken or target.is_dir():
            raise BadRequest(
                f"--restore {options.restore}: {target} is in use: expected another folder, or another file name"
            )
        taken.add(target.resolve())
        found[target] = part.adapters[0]
    if not found:
        raise BadRequest(
            "--restore: expected an eraser among the plug-ins, as `extract` writes them, found none"
        )
    return found


def _worded(figures: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", " "): value for name, value in figures.items()}


def _read_prompts(path: Path) -> dict[str, tuple[str, ...]]:
    wanted = f'{path}: expected JSON as {{"a.safetensors": ["a prompt", …], …}}'
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRequest(f"{path}: expected a file of prompts, found nothing") from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{wanted}, it cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise BadRequest(f"{wanted}, found something else")
    for name, listed in content.items():
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise BadRequest(f'{wanted}; what it has for "{name}" is not a list of prompts')
    return {name: tuple(each for each in listed if each.strip()) for name, listed in content.items()}


def _weighted(
    paths: Sequence[Path], weights: Sequence[float] | None, base: BaseCheckpoint
) -> list[tuple[Adapter, float]]:
    """Read the plug-ins, each with its weight."""
    weights = [1.0] * len(paths) if weights is None else weights
    if len(weights) != len(paths):
        raise BadRequest(
            f"--weights: expected one for each of the {len(paths)} plug-ins, found {len(weights)}"
        )
    for each in weights:
        if not (math.isfinite(each) and 0 < abs(each) <= MAX_WEIGHT):
            raise BadRequest(
                f"--weights {each}: expected a number from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}, not 0; leave out a plug-in that shall not count"
            )
    return [(Adapter.load(path, base.layers), weight) for path, weight in zip(paths, weights, strict=True)]


def _stated(adapter: Adapter, plugins: Sequence[tuple[Adapter, float]]) -> Adapter:
    """State in a combination what it was made of: the plug-ins as their files have them, with their weights."""
    shares = shares_of([abs(weight) for _, weight in plugins])
    sources = [
        Source(each.name, each.tensors_sha256, share, weight)
        for (each, weight), share in zip(plugins, shares, strict=True)
    ]
    return replace(adapter, metadata={**adapter.metadata, **state_sources(sources)})


def _parts(
    paths: Sequence[Path],
    plugins: Sequence[tuple[Adapter, float]],
    prompts: dict[str, tuple[str, ...]],
    base: BaseCheckpoint,
) -> list[CombinationPart]:
    """Join plug-ins and prompts; a name in the prompts that no plug-in has is an error, as it is one mistyped."""
    parts, used = [], {RETAINED, TOGETHER}
    for path, (adapter, weight) in zip(paths, plugins, strict=True):
        names = [name for name in (str(path), path.name, path.stem, adapter.name) if prompts.get(name)]
        if not names:
            raise BadRequest(
                f'{path}: expected prompts that call it, under "{path.name}" or "{adapter.name}"; there are prompts for '
                f"{', '.join(name for name, listed in prompts.items() if listed) or 'nothing'}"
            )
        used.add(names[0])
        counted = adapter if weight == 1 else adapter.scaled(weight)
        parts.append(CombinationPart(prompts[names[0]], (counted,)))
    if left := sorted(set(prompts) - used):
        raise BadRequest(
            f'prompts for "{left[0]}": expected the name of a plug-in given, "{RETAINED}" or "{TOGETHER}"'
        )
    adapters = [part.adapters[0] for part in parts]
    if TOGETHER in prompts:
        parts += joint_parts_of(prompts[TOGETHER], adapters)
    else:
        parts += joint_parts(parts)
    kept = prompts[RETAINED] if RETAINED in prompts else kept_by_erasers(base, adapters)
    return [*parts, CombinationPart(kept)] if kept else parts


def _page(
    base: BaseCheckpoint,
    parts: Sequence[CombinationPart],
    done: Combination,
    restoring: Mapping[Adapter, Adapter],
    content: dict[str, Any],
) -> ReportPage:
    page = ReportPage(
        f"Combination: {done.adapter.name}",
        "Each plug-in's own prompts drawn by the base alone, with that plug-in, and with the combination of them all; "
        "the same seeds across a row.",
    )
    page.heading("Figures")
    page.table(("figure", "value"), list(_worded(done.figures).items()))
    if done.layer_errors:
        page.text(
            "Relative error: how far the combination is from doing to each layer's inputs what each plug-in did to its "
            "own, on pictures outside the fit; 0 is all of it, 1 is what no plug-in at all would do.",
            note=True,
        )
    page.heading("Made from")
    page.table(
        ("plug-in", "share", "tensors SHA-256"),
        [(e["name"], f"{e['share_bps'] / 100:g}%", e["tensors_sha256"]) for e in content["merged_from"]],
    )
    for part in parts:
        page.heading(part.called)
        shown = part.prompts[:SHOWN]
        own = [(adapter, 1.0) for adapter in part.adapters]
        ways = {"base": [], part.called: own, "combination": [(done.adapter, 1.0)]}
        if len(own) == 1 and part.adapters[0] in restoring:
            ways["combination and its plug-in"] = [(done.adapter, 1.0), (restoring[part.adapters[0]], 1.0)]
        drawn = [generate_each(base, shown, seed=SEED, plugins=each) for each in ways.values()]
        columns = tuple(ways)
        rows = [(prompt, [pictures[i] for pictures in drawn]) for i, prompt in enumerate(shown)]
        page.grid(columns, rows)
    if done.layer_errors:
        page.heading("Relative error by layer")
        page.table(("layer", "relative error"), list(done.layer_errors.items()))
    return page
