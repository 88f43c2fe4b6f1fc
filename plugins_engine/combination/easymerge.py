"""Combine plug-ins: draw what each does, fit every layer, tune all together. The equations are those of the package's docstring."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from plugins_engine.adapters.adapter import Adapter, combined_adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.layer_names import is_of_text
from plugins_engine.addition.config import AdditionConfig
from plugins_engine.addition.priors import PriorBank
from plugins_engine.checkpoints import Checkpoint, Checkpoints, checkpoint_of
from plugins_engine.combination.activations import LayerInputs, gather_inputs
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.fitting import LayerFits, too_wide
from plugins_engine.combination.objective import relative_error
from plugins_engine.combination.parts import (
    CombinationPart,
    alone,
    in_low_rank,
    tokens_of,
    vectors_of,
)
from plugins_engine.combination.tuning import (
    gather_predictions,
    prediction_error,
    reading_as,
    tuned,
    weights_of,
)
from plugins_engine.errors import BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import require_fit
from plugins_engine.model.precision import quick_precision
from plugins_engine.progress import OnProgress, OnStep, Pace, Progress

_FROM_ACTIVATIONS = ("tuned", "closed-form", "sgd")
_NEAR = 2.0  # times the error of (2) on predictions: the sum's, at most, where tuning begins with the sum


@dataclass(frozen=True)
class Combination:
    """The combined plug-in, and what was measured on the way.

    Args:
        adapter: The plug-in. Its file says what it was combined from, and each one's share.
        figures: For JSON: `method`, `parts`, `rank`, `fit_seconds`, `seconds`. Methods that look at prompts also give
            `relative_error`: what the combination misses of what the plug-ins do, on pictures outside the fit. It is a share of
            what no plug-in at all would miss.
        layer_errors: The relative error by layer.
    """

    adapter: Adapter
    figures: dict[str, float | int | str]
    layer_errors: dict[str, float] = field(default_factory=dict)


def combine(
    base: BaseCheckpoint,
    parts: Sequence[CombinationPart],
    config: CombinationConfig | None = None,
    on_progress: OnProgress | None = None,
    *,
    checkpoints: Checkpoints | None = None,
) -> Combination:
    """Combine plug-ins of one base into one plug-in. Raises BadRequest, BaseMismatch.

    The same plug-ins, prompts and config give the same one on the same processor, whether or not it was interrupted.

    Args:
        base: What the plug-ins are for. It is as it was afterwards, whatever was raised.
        parts: Each plug-in with prompts that call it alone, at least two. Prompts that call several (`joint_parts`) and prompts
            that shall stay may follow.
        config: How; None: the defaults.
        on_progress: Called as pictures are drawn and layers fitted. What it raises (Cancelled) stops the work.
        checkpoints: Where what is done is kept, so that the same call goes on from there; None: nowhere.
    """
    config = config or CombinationConfig()
    begun = time.monotonic()
    thin = in_low_rank(base, parts)
    checkpoint = checkpoint_of(checkpoints, "combination", partial(_request, base, parts, config))
    combining = _Combining(base, thin, config, on_progress, checkpoint)
    layers, fit_seconds = combining.run()
    named = [(part.adapters[0], part.weight) for part in alone(parts)]
    adapter = combined_adapter(layers, named, tokens=tokens_of(parts), vectors=vectors_of(thin))
    figures: dict[str, float | int | str] = {
        "method": config.method,
        "parts": len(named),
        "rank": adapter.rank,
        "fit_seconds": round(fit_seconds, 3),
        "seconds": round(time.monotonic() - begun, 2),
    }
    errors: dict[str, float] = {}
    if combining.validation:
        figures["relative_error"], errors = relative_error(adapter, thin, combining.validation)
    return Combination(adapter, figures, errors)


def _request(
    base: BaseCheckpoint, parts: Sequence[CombinationPart], config: CombinationConfig
) -> dict[str, Any]:
    """Give all that the combination follows from."""
    return {
        "base": base.state,
        "quick": quick_precision(base),
        "rate": AdditionConfig.for_base(base).learning_rate,
        "parts": [
            {
                "prompts": part.prompts,
                "adapters": [adapter.tensors_sha256 for adapter in part.adapters],
                "kinds": [adapter.kind for adapter in part.adapters],
                "weight": part.weight,
            }
            for part in parts
        ],
        "config": config,
    }


def gather_parts(
    base: BaseCheckpoint,
    parts: Sequence[CombinationPart],
    config: CombinationConfig,
    on_picture: Callable[[int], None] | None = None,
) -> list[dict[str, LayerInputs]]:
    """Draw each part's prompts with its own plug-ins, and give the inputs of every layer that any part adapts."""
    layers = [layer for layer in _adapted_layers(parts) if not too_wide(base, layer)]
    if not layers:  # learned tokens alone
        return [{} for _ in parts]
    gathered, before = [], 0
    for part, pictures in zip(parts, config.pictures_of(parts), strict=True):
        gathered.append(
            gather_inputs(
                base,
                layers,
                part.prompts,
                [(adapter, 1.0) for adapter in part.adapters],
                pictures=pictures,
                steps=config.steps,
                seed=config.seed,
                guidance=1.0,  # no combination can do to the empty prompt what every plug-in does
                rows=config.rows if config.method == "sgd" else 0,
                on_picture=partial(_counted, on_picture, before),
            )
        )
        before += pictures
    return gathered


def _adapted_layers(parts: Sequence[CombinationPart]) -> list[str]:
    return sorted({layer for part in parts for adapter in part.adapters for layer in adapter.layers})


def _counted(on_picture: Callable[[int], None] | None, before: int, pictures: int) -> None:
    if on_picture is not None:
        on_picture(before + pictures)


class _Combining:
    """One combination under way."""

    def __init__(
        self,
        base: BaseCheckpoint,
        parts: Sequence[CombinationPart],
        config: CombinationConfig,
        on_progress: OnProgress | None,
        checkpoint: Checkpoint,
    ) -> None:
        self._base, self._parts, self._config, self._on_progress = base, parts, config, on_progress
        self._checkpoint = checkpoint
        self._check()
        self._fits = LayerFits(base, parts, config)
        self._layers = _adapted_layers(parts)
        self.validation: list[dict[str, LayerInputs]] = []
        self._apart = CombinationConfig(
            pictures=max(2, config.pictures // 4),
            retained_pictures=max(2, config.retained_pictures // 4),
            steps=config.steps,
            seed=config.seed + 1_000_000,
        )
        self._fitted_on, self._chosen_on = (sum(each.pictures_of(parts)) for each in (config, self._apart))
        drawn = self._fitted_on + self._chosen_on if config.method in _FROM_ACTIVATIONS else 0
        tuned_layers = any(not is_of_text(layer) for layer in self._layers)
        self._tuning_steps = config.tuning_steps_of(parts) if tuned_layers else 0
        tuning = len(parts) + self._tuning_steps if self._tuning_steps else 0
        self._steps = drawn + len(self._layers) + tuning
        self._done = 0
        self._pace = Pace(self._steps)

    def _check(self) -> None:
        adapters = [part.adapters[0] for part in alone(self._parts)]
        if len(adapters) < 2:
            raise BadRequest(f"expected at least two plug-ins to combine, found {len(adapters)}")
        seen = set()
        for adapter in adapters:
            require_fit(self._base, adapter)
            if adapter.tensors_sha256 in seen:
                raise BadRequest(f"{adapter.name}: expected every plug-in once, found it twice")
            seen.add(adapter.tensors_sha256)
        for part in self._parts:
            if missing := [each for each in part.adapters if each not in adapters]:
                raise BadRequest(
                    f"{missing[0].name}: expected prompts that call it alone as well, found none"
                )
            if not (math.isfinite(part.weight) and part.weight > 0):
                raise BadRequest(f"weight {part.weight} of {part.called}: expected a number above 0")
            if self._config.method in _FROM_ACTIVATIONS and not any(p.strip() for p in part.prompts):
                raise BadRequest(f"{part.called}: expected at least one prompt that calls it, found none")
        shapes = [self._base.layers[layer] for adapter in adapters for layer in adapter.layers]
        widest = max((shape.room for shape in shapes), default=0)
        if self._config.rank is not None and self._config.rank > widest:
            raise BadRequest(f"rank {self._config.rank}: the widest adapted layer has room for {widest}")

    def run(self) -> tuple[dict[str, LowRank], float]:
        """Give the combined layers, and the seconds that the fit took without the drawing before it."""
        kept = self._checkpoint.read("layers")
        fitted: list[dict[str, LayerInputs]] = []
        if self._config.method in _FROM_ACTIVATIONS:
            if kept is None:
                fitted = gather_parts(self._base, self._parts, self._config, self._drawn)
            self._done = self._fitted_on
            # Drawn again after a loss: the second moments of all layers would be more to keep than they are to draw.
            self.validation = gather_parts(self._base, self._parts, self._apart, self._drawn)
            self._done += self._chosen_on
        layers, seconds = (kept["layers"], kept["seconds"]) if kept is not None else self._fitted(fitted)
        if kept is None:
            self._checkpoint.write("layers", {"layers": layers, "seconds": seconds})
        self._done = self._fitted_on + self._chosen_on if self.validation else 0
        self._done += len(self._layers)
        if self._tuning_steps:
            reading = {layer: each for layer, each in layers.items() if is_of_text(layer)}
            drawing = {layer: each for layer, each in layers.items() if layer not in reading}
            layers, more = self._tuned(drawing, reading)
            seconds += more
        return layers, seconds

    def _fitted(self, fitted: list[dict[str, LayerInputs]]) -> tuple[dict[str, LowRank], float]:
        """Fit every layer by itself, and tell how many seconds it took."""
        begun = time.monotonic()
        layers: dict[str, LowRank] = {}
        for number, layer in enumerate(self._layers, start=1):
            layers[layer] = self._fits.fit(layer, fitted, self.validation)
            self._report(self._done + number, "combining")
        return layers, time.monotonic() - begun

    def _tuned(
        self, drawing: dict[str, LowRank], reading: dict[str, LowRank]
    ) -> tuple[dict[str, LowRank], float]:
        """Give the UNet's layers tuned, the text encoders' as they are, and the seconds that it took."""
        seed, solved = self._config.seed + 2_000_000, self._done
        banks = gather_predictions(self._base, self._parts, seed, self._tell_from(solved), self._checkpoint)
        begun = time.monotonic()
        with reading_as(self._base, reading, tokens_of(self._parts), vectors_of(self._parts)) as read:
            banks = [read(bank) for bank in banks]
            weights = weights_of(self._base, self._parts, banks, seed)
            if not self._fits.all_erasers:
                drawing = self._start(drawing, banks, weights, seed)
            drawing = tuned(
                self._base,
                self._parts,
                banks,
                weights,
                drawing,
                self._tuning_steps,
                seed,
                self._tell_from(solved + len(banks)),
                self._checkpoint,
            )
        return drawing | reading, time.monotonic() - begun

    def _start(
        self, solved: dict[str, LowRank], banks: Sequence[PriorBank], weights: Sequence[float], seed: int
    ) -> dict[str, LowRank]:
        """Give what tuning begins with: the sum of the plug-ins where it predicts nearly as well as the solved layers."""
        summed = {layer: self._fits.summed(layer) for layer in solved}
        near, least = (
            prediction_error(self._base, banks, weights, layers, seed) for layers in (summed, solved)
        )
        return summed if near <= _NEAR * least else solved

    def _tell_from(self, done: int) -> OnStep:
        return lambda step, _, message, __: self._report(done + step, message)

    def _drawn(self, pictures: int) -> None:
        self._report(self._done + pictures, "drawing each plug-in's own prompts")

    def _report(self, done: int, message: str) -> None:
        if self._on_progress is not None:
            left = self._pace.seconds_left(done)
            self._on_progress(Progress(done, self._steps, message=message, seconds_left=left))
