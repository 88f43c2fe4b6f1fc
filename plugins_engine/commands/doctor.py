"""`doctor`: see in a few minutes whether everything works with a base on a device, how long it takes and how much memory."""

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from PIL import Image

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.training import add_concept
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.easymerge import combine
from plugins_engine.combination.parts import CombinationPart
from plugins_engine.commands.options import base_options, help_formatter
from plugins_engine.errors import BadBase, BrokenPicture
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.extraction.methods import extract_concept
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import Weighted
from plugins_engine.model.directory import EMBEDDED, read_directory
from plugins_engine.model.loading import find_device, load_base, usual_precision
from plugins_engine.model.memory import available_memory, in_gigabytes, memory_need
from plugins_engine.model.sampler import SampleRequest, generate

if TYPE_CHECKING:
    from plugins_engine.commands.options import Commands

Found = TypeVar("Found")

STEPS = 4
TRAINING_STEPS = 5
USUAL_STEPS = 25
LONG = 2 * 3600.0  # seconds
NAME = "Doctorwork"
PROMPTS = ("a house by the sea", "a portrait of a woman", "a bowl of fruit")
CONCEPT = Erasure(
    name="cat",
    kind="character",
    anchor="dog",
    targets=("a cat", "cat", "a cat in the snow"),
    anchors=("a dog", "dog", "a dog in the snow"),
    retained=PROMPTS,
)
QUICK = AdditionConfig(
    rank=4,
    steps=TRAINING_STEPS,
    batch=2,
    prior_batch=1,
    prior_pictures=2,
    prior_steps=2,
    verbatim_works=0,
    flip=False,
)


@dataclass(frozen=True)
class Check:
    """One check. seconds: how long it took. memory: the most bytes in use until its end. said: what was found, or what went wrong."""

    name: str
    is_ok: bool
    seconds: float
    memory: int
    said: str


@dataclass
class Examined:
    """The checks so far, and what one leaves to the next."""

    device: torch.device
    checks: list[Check] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    def attempt(
        self, name: str, tell: Callable[[Check], None], work: Callable[[], tuple[Found, str]]
    ) -> Found | None:
        """Do one check, which gives what the next ones need and what to say. Note what goes wrong instead of raising it."""
        begun = time.monotonic()
        given: Found | None = None
        try:
            given, said = work()
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is what is looked for
            said = f"{type(error).__name__}: {error}"
        seconds = round(time.monotonic() - begun, 2)
        made = Check(name, given is not None, seconds, _most_memory(self.device), said)
        self.checks.append(made)
        tell(made)
        return given

    @property
    def failed(self) -> list[str]:
        return [each.name for each in self.checks if not each.is_ok]


def add(commands: "Commands") -> None:
    command = commands.add_parser(
        "doctor",
        help="see whether everything works with a base on this machine",
        description=f"Load a base, draw, train {TRAINING_STEPS} steps, extract, combine, and see that all of it is exact; with the time and "
        "the memory that each takes. Nothing is written. What works here works on the market, too.",
        formatter_class=help_formatter,
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    base_options(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    tell = (lambda _: None) if options.json else _print
    found = examine(options.base or EMBEDDED, options.device, tell)
    if options.json:
        checks = [asdict(each) for each in found.checks]
        print(json.dumps({"device": str(found.device), "checks": checks, "advice": found.advice}, indent=1))
    else:
        for line in found.advice:
            print(line)
    if found.failed:
        raise BadBase(
            f"{options.base or EMBEDDED}: failed: {', '.join(found.failed)}; the lines above say why"
        )


def examine(source: Path, device: str, tell: Callable[[Check], None]) -> Examined:
    """Run the checks. One that cannot go on without an earlier one is left out."""
    found = Examined(find_device(device))
    base = found.attempt("load", tell, lambda: _load(source, found.device))
    if base is None:
        return found
    found.attempt("draw", tell, lambda: _look(base, found))
    plugin = found.attempt("train", tell, lambda: _train(base, found))
    if plugin is not None:
        found.attempt("exact", tell, lambda: _compare(base, plugin))
    removed = found.attempt("extract", tell, lambda: _extract(base))
    if plugin is not None and removed is not None:
        found.attempt("combine", tell, lambda: _combine(base, plugin, removed))
    if found.device.type == "cpu" and torch.cuda.is_available():
        found.advice.append("There is a GPU: --device cuda here, DEVICE=cuda for the market's workers.")
    return found


def _load(source: Path, device: torch.device) -> tuple[BaseCheckpoint, str]:
    directory = read_directory(source)
    needed, there = memory_need(directory, usual_precision(device)).total, available_memory(device)
    if needed > there:
        raise BadBase(
            f"needs about {in_gigabytes(needed)} of memory to draw, and {device} has {in_gigabytes(there)} free"
        )
    base = load_base(directory.path, device)
    size, precision = f"{base.resolution} x {base.resolution}", str(base.dtype).removeprefix("torch.")
    return (
        base,
        f"{base.architecture}, {size} pixels, {precision}, {base.sampler}; about {in_gigabytes(needed)} of memory",
    )


def _look(base: BaseCheckpoint, found: Examined) -> tuple[Image.Image, str]:
    begun = time.monotonic()
    picture = _draw(base)
    a_step = (time.monotonic() - begun) / STEPS
    if np.asarray(picture).std() == 0:
        raise BrokenPicture("the picture is of one colour: the weights or the autoencoder are broken")
    if not np.array_equal(np.asarray(_draw(base)), np.asarray(picture)):
        raise BrokenPicture("the same seed gave another picture")
    found.advice.append(f"A picture of {USUAL_STEPS} steps takes about {_duration(USUAL_STEPS * a_step)}.")
    return picture, f"{a_step:.2f} s a step; the same seed gives the same picture"


def _train(base: BaseCheckpoint, found: Examined) -> tuple[Adapter, str]:
    works = [(_draw(base, prompt=prompt, seed=seed), prompt) for seed, prompt in enumerate(PROMPTS)]
    result = add_concept(base, works, NAME, "style", QUICK)
    a_step = float(result.figures["seconds"]) / TRAINING_STEPS
    usual = AdditionConfig.for_base(base)
    whole = a_step * usual.steps * (usual.batch + usual.prior_batch) / (QUICK.batch + QUICK.prior_batch)
    found.advice.append(f"Adding a concept ({usual.steps} steps) takes about {_duration(whole)}.")
    if whole > LONG:
        found.advice.append("That is long: train on a faster device, or with fewer --steps.")
    return result.adapter, f"{a_step:.2f} s a step; loss {result.figures['final_loss']:.3g}"


def _compare(base: BaseCheckpoint, plugin: Adapter) -> tuple[Adapter, str]:
    read = Adapter.load(plugin.to_bytes(), base.layers)
    if read.tensors_sha256 != plugin.tensors_sha256:
        raise BadBase("a plug-in's file holds other weights than were written")
    plain = _draw(base)
    if not np.array_equal(np.asarray(_draw(base, [(plugin, 0.0)])), np.asarray(plain)):
        raise BrokenPicture("a plug-in at weight 0 changes the picture")
    off = _off(_draw(base, [(plugin, 1.0), (plugin.negated(), 1.0)]), plain)
    if off > 1:
        raise BrokenPicture(f"a plug-in and its opposite change the picture by {off} of 255")
    return (
        read,
        f"a plug-in and its opposite change the picture by {off} of 255, and the file gives back what was written",
    )


def _extract(base: BaseCheckpoint) -> tuple[Adapter, str]:
    result = extract_concept(base, CONCEPT, "closed-form")
    off = _off(_draw(base, [(result.eraser, 1.0), (result.plugin, 1.0)]), _draw(base))
    if off > 1:
        raise BrokenPicture(f"with its plug-in the base differs by {off} of 255 from what it was")
    return (
        result.plugin,
        f"closed form, rank {result.rank}; with its plug-in the base draws as before, but for {off} of 255",
    )


def _combine(base: BaseCheckpoint, plugin: Adapter, removed: Adapter) -> tuple[Adapter, str]:
    parts = [
        CombinationPart(tuple(f"{prompt}, {NAME} style" for prompt in PROMPTS), (plugin,)),
        CombinationPart(CONCEPT.targets, (removed,)),
    ]
    config = CombinationConfig(method="closed-form", pictures=2, retained_pictures=2, steps=2)
    result = combine(base, parts, config)
    _draw(base, [(result.adapter, 1.0)])
    return result.adapter, f"two plug-ins in one of rank {result.adapter.rank}"


def _draw(
    base: BaseCheckpoint, plugins: list[Weighted] | None = None, *, prompt: str = PROMPTS[0], seed: int = 7
) -> Image.Image:
    request = SampleRequest(prompt, seed=seed, steps=STEPS, plugins=plugins or [])
    return generate(base, request, preview_every=0)[0]


def _off(picture: Image.Image, other: Image.Image) -> int:
    """Give the largest difference of a channel of a pixel, of 255."""
    return int(np.abs(np.asarray(picture).astype(int) - np.asarray(other).astype(int)).max())


def _most_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def _print(check: Check) -> None:
    state = "ok    " if check.is_ok else "FAILED"
    print(
        f"{state} {check.name:8} {check.seconds:8.1f} s {in_gigabytes(check.memory):>9}  {check.said}",
        flush=True,
    )
