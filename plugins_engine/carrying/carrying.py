"""Carry a plug-in over: see what it does on the old base, bring it to the new one, measure what is missed, train where that is too much."""

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import is_of_text
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.course import Course
from plugins_engine.addition.lora import TextTraining, quick_accelerator, trainable
from plugins_engine.addition.priors import PriorBank, gather_prior, kept_bank
from plugins_engine.carrying.config import CarryingConfig, CarryingMethod
from plugins_engine.carrying.projection import carried, fitting, left_out, projected
from plugins_engine.checkpoints import Checkpoint, Checkpoints, checkpoint_of
from plugins_engine.concepts import evenly, in_turn
from plugins_engine.errors import BadRequest, BaseMismatch
from plugins_engine.known import known_prompts
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied, completed, known_beside, made_for, require_fit
from plugins_engine.model.precision import quick_precision, quickly
from plugins_engine.progress import OnProgress, StageReport

_Way = Literal["copy", "project", "distil"]
# "distil" begins with the better of the first two.
_ORDER: dict[CarryingMethod, tuple[_Way, ...]] = {
    "best": ("copy", "project", "distil"),
    "copy": ("copy",),
    "project": ("project",),
    "distil": ("copy", "project", "distil"),
}
_APART = 1_000_000  # between the seeds of what is learned from and of what is measured on
_COMPARED, _AT_ONCE = 96, 16  # rows on which an outcome is measured
_ROWS, _KEPT_ROWS = 8, 8  # a step
_RATE = 0.25  # as a share of that at which the base's plug-ins are trained: this begins near its end


@dataclass(frozen=True)
class Carried:
    """A plug-in on the next generation of its base, and what was measured of it.

    Args:
        adapter: The plug-in. Its file says what it was carried over from.
        method: The way that was taken: "copy", "project" or "distil".
        is_good_enough: Whether it misses at most what was asked for. If not, it is better trained anew from its works.
        figures: For JSON: `method`, `missed` (what it misses of what the plug-in changes, as a share), `disturbed` (what it changes of
            prompts that do not call it, as a share of what the plug-in changed of them on the old base), `left_out` (layers that the
            new base lacks), `tried` (`missed` by way), `seconds`.
    """

    adapter: Adapter
    method: _Way
    is_good_enough: bool
    figures: dict[str, Any]


def carry(
    source: BaseCheckpoint,
    target: BaseCheckpoint,
    adapter: Adapter,
    prompts: Sequence[str],
    config: CarryingConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> Carried:
    """Carry a plug-in over to the next generation of its base. No works are needed. Raises BadRequest, BaseMismatch.

    The same plug-in, bases, prompts and config give the same one on the same processor, whether or not it was interrupted.

    Args:
        source: What the plug-in is for. It is as it was afterwards, whatever was raised; so is the target.
        target: What it shall be for: of the same family, with the same autoencoder and noise.
        adapter: The plug-in.
        prompts: That call it. Many different ones say more than a few.
        config: How; None: the defaults.
        on_progress: Called as pictures are drawn and steps taken. What it raises (Cancelled) stops the work.
        checkpoints: Where what is done is kept, so that the same call goes on from there; None: nowhere.
    """
    config = config or CarryingConfig()
    _require_carriable(source, target, adapter, prompts)
    checkpoint = checkpoint_of(
        checkpoints, "carrying", partial(_request, source, target, adapter, prompts, config)
    )
    with source.lock, target.lock:
        return _Carrying(source, target, adapter, prompts, config, on_progress, checkpoint).run()


def _request(
    source: BaseCheckpoint,
    target: BaseCheckpoint,
    adapter: Adapter,
    prompts: Sequence[str],
    config: CarryingConfig,
) -> dict[str, Any]:
    """Give all that the carried plug-in follows from."""
    return {
        "source": source.state,
        "target": target.state,
        "quick": [quick_precision(source), quick_precision(target)],
        "training": AdditionConfig.for_base(target),
        "adapter": adapter.tensors_sha256,
        "said": [adapter.name, adapter.kind, adapter.trigger],
        "prompts": list(prompts),
        "config": config,
    }


def _require_carriable(
    source: BaseCheckpoint, target: BaseCheckpoint, adapter: Adapter, prompts: Sequence[str]
) -> None:
    called = adapter.name or "this plug-in"
    if source.fingerprint == target.fingerprint:
        raise BadRequest(f"expected two generations of a base, found {source.fingerprint[:12]} twice")
    if adapter.base_fingerprint == target.fingerprint:
        raise BadRequest(f"{called} is for base {target.fingerprint[:12]} already: there is nothing to carry")
    require_fit(source, adapter)
    if source.family.name != target.family.name:
        raise BaseMismatch(
            f"{called} is for {source.family.name}, the other base is {target.family.name}: expected two generations of one base"
        )
    if not any(each.strip() for each in prompts):
        raise BadRequest(f"{called}: expected at least one prompt that calls it, found none")
    if not _same_noise(source, target):
        raise BaseMismatch(
            f"the bases were taught with other noise ({source.process.prediction} and {target.process.prediction}): what one predicts "
            "means nothing to the other; train the plug-in anew from its works"
        )
    if not _same_latents(source, target):
        raise BaseMismatch(
            "the bases have other autoencoders: latents of one mean nothing to the other; train the plug-in anew from its works"
        )


def _same_noise(source: BaseCheckpoint, target: BaseCheckpoint) -> bool:
    """Noise the same latents at the same times with both, and compare."""
    own, other = source.process, target.process
    if type(own) is not type(other) or own.levels != other.levels:
        return False
    clean, noise = torch.full((5, 1, 1, 1), 2.0), torch.ones(5, 1, 1, 1)
    times = own.times(torch.linspace(0.1, 0.9, 5))
    return torch.allclose(
        own.noised(clean, noise, times), other.noised(clean, noise, times)
    ) and torch.allclose(own.target(clean, noise, times), other.target(clean, noise, times))


def _same_latents(source: BaseCheckpoint, target: BaseCheckpoint) -> bool:
    own, other = source.vae.state_dict(), target.vae.state_dict()
    names = ("scaling_factor", "shift_factor", "latents_mean", "latents_std")
    said = [[base.vae.config.get(name) for name in names] for base in (source, target)]
    return (
        own.keys() == other.keys()
        and said[0] == said[1]
        and all(own[key].shape == other[key].shape and torch.equal(own[key], other[key]) for key in own)
    )


class _Carrying:
    """One plug-in on its way."""

    def __init__(
        self,
        source: BaseCheckpoint,
        target: BaseCheckpoint,
        adapter: Adapter,
        prompts: Sequence[str],
        config: CarryingConfig,
        on_progress: OnProgress | None,
        checkpoint: Checkpoint,
    ) -> None:
        self._source, self._target, self._config, self._checkpoint = source, target, config, checkpoint
        self._own = adapter
        self._thin = known_beside(source, completed(source, adapter)).in_low_rank()
        self._prompts = [each for each in prompts if each.strip()]
        others = known_prompts(target.directory.path, without=[adapter.name] if adapter.name else [])
        self._others = random.Random(config.seed).sample(others, min(len(others), config.pictures // 2))
        self._report = StageReport(on_progress)
        self._begun = time.monotonic()

    def run(self) -> Carried:
        asked, others = self._drawn_before(_APART), self._drawn_now(_APART)
        method = self._config.method
        tried: dict[_Way, Adapter] = {}
        missed: dict[_Way, float] = {}
        whole = max(self._error(self._target, [], asked), 1e-12)
        for way in _ORDER[method]:
            tried[way] = self._by(way, tried, missed)
            missed[way] = self._error(self._target, [(tried[way], 1.0)], asked) / whole
            if method == "best" and missed[way] <= self._config.good_enough:
                break
        taken = min(missed, key=lambda each: missed[each]) if method == "best" else method
        figures = {
            "method": taken,
            "missed": missed[taken],
            "disturbed": self._disturbed(tried[taken], others),
            "left_out": left_out(self._target, self._thin),
            "tried": missed,
            "seconds": round(time.monotonic() - self._begun, 1),
        }
        return Carried(tried[taken], taken, missed[taken] <= self._config.good_enough, figures)

    def _by(self, way: _Way, tried: Mapping[_Way, Adapter], missed: Mapping[_Way, float]) -> Adapter:
        """Bring the plug-in over in one way. "distil" begins with what has missed least so far."""
        if way == "distil":
            return self._distilled(tried[min(missed, key=lambda each: missed[each])])
        layers = fitting(self._target, self._thin)
        if way == "project":
            layers = projected(self._source, self._target, layers, self._config.energy)
        return carried(self._target, self._own, layers)

    def _drawn_before(self, apart: int = 0) -> PriorBank:
        """Draw the plug-in's prompts with it on the old base, and keep what is predicted of them on the way."""
        prompts = in_turn(evenly(self._prompts, self._config.pictures), self._config.pictures)
        with applied(self._source, [(self._own, 1.0)]):
            bank = self._gathered(self._source, prompts, "before", apart)
        # The empty prompt, which comes last, does not call the plug-in: of it the new base keeps its own predictions.
        return _some(bank, (bank.which < len(prompts)).nonzero()[:, 0])

    def _drawn_now(self, apart: int = 0) -> PriorBank:
        """Draw other prompts on the new base, and keep what it predicts on the way."""
        return self._gathered(self._target, self._others, "now", apart)

    def _gathered(self, base: BaseCheckpoint, prompts: Sequence[str], part: str, apart: int) -> PriorBank:
        def tell(step: int, steps: int) -> None:
            self._report(
                step,
                steps,
                "drawing what is to be met" if part == "before" else "drawing what is to stay",
                None,
            )

        seed = self._config.seed + apart
        draw = partial(gather_prior, base, prompts, self._config.drawing_steps, seed, tell)
        with quickly(base):
            return kept_bank(base, self._checkpoint, f"{part}-{apart}", draw)

    @torch.no_grad()
    def _disturbed(self, found: Adapter, bank: PriorBank) -> float:
        """Give what the plug-in changes of other prompts, as a share of what it changed of them before."""
        rows = self._read(self._source, bank)
        plain = replace(rows, predicted=self._predictions(self._source, rows))
        before = self._error(self._source, [(self._own, 1.0)], plain)
        return self._error(self._target, [(found, 1.0)], bank) / max(before, 1e-12)

    def _error(
        self, base: BaseCheckpoint, plugins: Sequence[tuple[Adapter, float]], bank: PriorBank
    ) -> float:
        """Give the mean squared error of what a base with plug-ins predicts of a bank's rows."""
        with applied(base, plugins):
            rows = self._read(base, bank)
            found = self._predictions(base, rows)
        return float((found.float() - rows.predicted.float()).pow(2).mean())

    def _read(self, base: BaseCheckpoint, bank: PriorBank) -> PriorBank:
        """Give some rows of a bank, evenly over it, as a base reads their prompts now."""
        rows = _some(bank, torch.tensor(evenly(range(len(bank.which)), _COMPARED)))
        with quickly(base):
            return rows.read_as(base, rows.prompts)

    @torch.no_grad()
    def _predictions(self, base: BaseCheckpoint, rows: PriorBank) -> torch.Tensor:
        with quickly(base):
            return torch.cat(
                [
                    base.predict(rows.noisy[part], rows.time[part], rows.text.rows(rows.which[part]))
                    for part in torch.split(torch.arange(len(rows.which)), _AT_ONCE)
                ]
            )

    def _distilled(self, begin: Adapter) -> Adapter:
        """Train from where copying or projecting got, on what the old base predicts with the plug-in."""
        config, target = self._config, self._target
        lessons, kept = self._drawn_before(), self._drawn_now()
        of_base = AdditionConfig.for_base(target)
        begun = {layer: delta.within(each, config.rank) for layer, each in begin.factors.items()}
        drawing = {layer: each for layer, each in begun.items() if not is_of_text(layer)}
        reading = {layer: each for layer, each in begun.items() if is_of_text(layer)}
        with ExitStack() as stack:
            if reading or begin.vectors:  # held as they are: they change every prompt
                stack.enter_context(
                    applied(target, [(made_for(target, reading, vectors=begin.vectors), 1.0)])
                )
            with quickly(target):
                lessons, kept = (bank.read_as(target, bank.prompts) for bank in (lessons, kept))
            lora = stack.enter_context(
                trainable(
                    target,
                    list(drawing),
                    rank=max((delta.rank(each) for each in drawing.values()), default=1),
                    learning_rate=_RATE * of_base.learning_rate,
                    steps=config.steps,
                    seed=config.seed,
                    accelerator=quick_accelerator(target),
                    text=TextTraining(tokens=begin.tokens, token_rate=_RATE * of_base.token_rate),
                )
            )
            lora.set_factors(drawing)
            course = Course(self._checkpoint)
            course.take_up(lora)
            for step in range(course.done, config.steps):
                generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
                batch = lessons.draw(_ROWS, 1.0, generator)
                batch = batch.joined(kept.draw(_KEPT_ROWS, of_base.prior_weight, generator))
                error = float(lora.step([batch], len(batch.weight))[:_ROWS].mean())
                course.step(
                    lora, error, partial(self._report, step + 1, config.steps, "carrying over", error)
                )
            found, tokens = lora.factors(), lora.tokens()
        layers = {layer: delta.within(each, delta.rank(begun[layer])) for layer, each in found.items()}
        return carried(target, self._own, {**layers, **reading}, tokens)


def _some(bank: PriorBank, rows: torch.Tensor) -> PriorBank:
    return replace(
        bank,
        noisy=bank.noisy[rows],
        time=bank.time[rows],
        predicted=bank.predicted[rows],
        which=bank.which[rows],
    )
