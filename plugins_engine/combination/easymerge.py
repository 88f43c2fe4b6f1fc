"""Combination: several plug-ins become one, from nothing but the plug-ins and the prompts that call them.

EasyMerge of the paper (arXiv 2404.11962, section 4.3): with X_i the inputs of a layer while plug-in i draws its own
prompts, the combined ΔW shall do to each X_i what ΔW_i did:

    min over ΔW of Σ_i w_i ‖ΔW X_i - ΔW_i X_i‖² + λ ‖ΔW‖²                                             (1)

where w_i is the part's weight, divided by the size of what its plug-in does there (`part_weights`). The paper descends on (1)
by stochastic gradient ("sgd" here). It is a linear regression, so "closed-form" solves it: with G_i = w_i X_i X_iᵀ and M = ΣG_i + λI,

    ΔW* = Σ_i B_i A_i G_i M⁻¹ = [B_1 … B_K] Ã,                                                       (2)

whose rank is at most the sum of the parts' ranks. To a lower rank r it is compressed where it matters, by
reduced-rank regression (Izenman 1975): with L Lᵀ = M, the best rank-r solution of (1) is the SVD of ΔW* L cut off at r,
times L⁻¹.

A part without a plug-in is prompts that shall stay as they are (ΔW_i = 0); with those, extractions combine as well. A part
whose prompts call several plug-ins has them side by side: its ΔW_i is their sum. It adds its G_i to each one's in (2) and
nothing to the rank. Without such parts nothing says what a picture of several shall be.

"tuned" begins with (2), and then tunes all layers together. (2) knows of a plug-in what it does on the given prompts, the sum
of the plug-ins all that it does. Where they hardly disturb each other, so that the sum predicts nearly as well as (2) what each makes
of its prompts, tuning begins with the sum. Erasers have besides what (1) cannot see: layers that do not read the text, taught to
withstand words that are in no prompt. Where all the plug-ins are erasers "tuned" begins with the sum of those layers and (2) of the
others, and tunes away what the sum does to the rest.

Layers of a text encoder are solved as those of the UNet are; their X_i come of the prompts alone. They are not tuned: what is
tuned reads the prompts as the combination will. Learned tokens stay side by side, each under its own name.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from peft.utils.merge_utils import dare_linear, ties
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter, merged_adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.layer_names import is_of_text
from plugins_engine.addition.priors import PriorBank
from plugins_engine.combination.activations import LayerInputs, gather_inputs, reading_layers
from plugins_engine.combination.objective import part_weights, relative_error, squared_error
from plugins_engine.combination.parts import MergePart, alone, pictures_of, retained, tokens_of
from plugins_engine.combination.tuning import (
    gather_predictions,
    prediction_error,
    reading_as,
    tuned,
    weights_of,
)
from plugins_engine.errors import BadRequest, require_positive, require_whole
from plugins_engine.model.base import BaseModel
from plugins_engine.model.branches import require_fit
from plugins_engine.progress import OnProgress, OnStep, Pace, Progress

Method = Literal["tuned", "closed-form", "sgd", "sum", "svd", "ties", "dare"]
METHODS: tuple[Method, ...] = get_args(Method)
_FROM_ACTIVATIONS = ("tuned", "closed-form", "sgd")
# Tried on activations that took no part in the fit, as shares of the mean diagonal of ΣG.
_RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_TURNS = 4  # of tuning, at least, for each part that calls plug-ins
_SUMMED = 10  # erasers whose other layers are added up in full; of more, in proportion less
_NEAR = 2.0  # times the error of (2) on predictions: the sum's, at most, where tuning begins with the sum
DENSITY = 0.5  # of the entries that "ties" and "dare" keep


@dataclass(frozen=True)
class MergeConfig:
    """How plug-ins are combined.

    rank: of the result on every layer; None: tuned, closed form, sum and sgd keep the sum of the parts', the others
        take the highest of them.
    ridge: λ as a share of the mean diagonal of ΣG; None: chosen layer by layer, on other pictures than the fit's.
    pictures, steps: drawn for each part to see what layers are fed; a quarter as many again to choose the ridge on. Many
        different prompts say more than many denoising steps. retained_pictures: of all retained prompts together.
    tuning_steps: of "tuned", on all layers together after each has been solved in closed form; four for each part that calls
        plug-ins if that is more.
    epochs, learning_rate, rows: of "sgd"; the paper's 100 epochs and 2e-2.
    """

    method: Method = "tuned"
    rank: int | None = None
    ridge: float | None = None
    pictures: int = 96
    retained_pictures: int = 384
    steps: int = 4
    seed: int = 0
    tuning_steps: int = 16
    epochs: int = 100
    learning_rate: float = 2e-2
    rows: int = 2048

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadRequest(f'method "{self.method}": expected one of {", ".join(METHODS)}')
        if self.rank is not None:
            require_whole("rank", self.rank, 1, 100_000)
        if self.ridge is not None:
            require_positive("ridge", self.ridge)
        require_whole("pictures", self.pictures, 2, 100_000)
        require_whole("retained_pictures", self.retained_pictures, 2, 100_000)
        require_whole("steps", self.steps, 1, 1000)
        require_whole("tuning_steps", self.tuning_steps, 1, 100_000)
        require_whole("epochs", self.epochs, 1, 100_000)
        require_whole("rows", self.rows, 16, 1_000_000)

    def tuning_steps_of(self, parts: Sequence[MergePart]) -> int:
        """Give how many steps these parts are tuned in: each has to have its turns."""
        calling = len(parts) - len(retained(parts))
        return max(self.tuning_steps, _TURNS * calling) if self.method == "tuned" else 0

    def pictures_of(self, parts: Sequence[MergePart]) -> list[int]:
        """Give how many pictures are drawn for each part."""
        return pictures_of(parts, self.pictures, self.retained_pictures)


@dataclass(frozen=True)
class Combination:
    """The combined plug-in, and how it was come by.

    figures: method, rank, seconds (of it all, and of the fit alone), and for methods that look at activations
        `relative_error`, objective (1) without λ on activations outside the fit, as a share of what ΔW = 0 would leave.
    layer_errors: the same by layer.
    """

    adapter: Adapter
    figures: dict[str, float | int | str]
    layer_errors: dict[str, float] = field(default_factory=dict)


def combine(
    base: BaseModel,
    parts: Sequence[MergePart],
    config: MergeConfig | None = None,
    on_progress: OnProgress | None = None,
) -> Combination:
    """Combine plug-ins of one base into one plug-in.

    `on_progress` is called as pictures are drawn and layers fitted; what it raises (Cancelled) stops the work, and the
    base is as it was. Raises BadRequest, BaseMismatch.
    """
    config = config or MergeConfig()
    begun = time.monotonic()
    merging = _Merging(base, parts, config, on_progress)
    layers, fit_seconds = merging.run()
    named = [(part.adapters[0], part.weight) for part in alone(parts)]
    adapter = merged_adapter(layers, named, tokens=tokens_of(parts))
    figures: dict[str, float | int | str] = {
        "method": config.method,
        "parts": len(named),
        "rank": adapter.rank,
        "fit_seconds": round(fit_seconds, 3),
        "seconds": round(time.monotonic() - begun, 2),
    }
    errors: dict[str, float] = {}
    if merging.validation:
        figures["relative_error"], errors = relative_error(adapter, parts, merging.validation)
    return Combination(adapter, figures, errors)


def gather_parts(
    base: BaseModel,
    parts: Sequence[MergePart],
    config: MergeConfig,
    on_picture: Callable[[int], None] | None = None,
) -> list[dict[str, LayerInputs]]:
    """Draw each part's prompts with its own plug-ins, and give the inputs of every layer that any part adapts."""
    layers = _adapted_layers(parts)
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
                guidance=1.0,  # what plug-ins make of the empty prompt, which is every part's, cannot all be done
                rows=config.rows if config.method == "sgd" else 0,
                on_picture=partial(_counted, on_picture, before),
            )
        )
        before += pictures
    return gathered


def _adapted_layers(parts: Sequence[MergePart]) -> list[str]:
    return sorted({layer for part in parts for adapter in part.adapters for layer in adapter.layers})


def _counted(on_picture: Callable[[int], None] | None, before: int, pictures: int) -> None:
    if on_picture is not None:
        on_picture(before + pictures)


class _Merging:
    """One combination under way."""

    def __init__(
        self,
        base: BaseModel,
        parts: Sequence[MergePart],
        config: MergeConfig,
        on_progress: OnProgress | None,
    ) -> None:
        self._base, self._parts, self._config, self._on_progress = base, parts, config, on_progress
        self._check()
        self._adapters = list(dict.fromkeys(adapter for part in parts for adapter in part.adapters))
        self._layers = _adapted_layers(parts)
        self.validation: list[dict[str, LayerInputs]] = []
        self._apart = MergeConfig(
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
        self._reading = set(reading_layers(base))
        self._all_erasers = all(adapter.kind == "eraser" for adapter in self._adapters)
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
        config = self._config
        fitted: list[dict[str, LayerInputs]] = []
        if config.method in _FROM_ACTIVATIONS:
            fitted = gather_parts(self._base, self._parts, config, self._drawn)
            self._done = self._fitted_on
            self.validation = gather_parts(self._base, self._parts, self._apart, self._drawn)
            self._done += self._chosen_on
        begun = time.monotonic()
        layers: dict[str, LowRank] = {}
        for layer in self._layers:
            layers[layer] = self._fit(layer, fitted)
            self._done += 1
            self._report(self._done, "combining")
        seconds = time.monotonic() - begun
        if self._tuning_steps:
            reading = {layer: each for layer, each in layers.items() if is_of_text(layer)}
            drawing = {layer: each for layer, each in layers.items() if layer not in reading}
            layers, more = self._tuned(drawing, reading)
            seconds += more
        return layers, seconds

    def _tuned(
        self, drawing: dict[str, LowRank], reading: dict[str, LowRank]
    ) -> tuple[dict[str, LowRank], float]:
        """Give all layers after those of the UNet were tuned, beside the text encoders' as they are, and the seconds that it took."""
        seed, solved = self._config.seed + 2_000_000, self._done
        banks = gather_predictions(self._base, self._parts, seed, self._tell_from(solved))
        begun = time.monotonic()
        with reading_as(self._base, reading, tokens_of(self._parts)) as read:
            banks = [read(bank) for bank in banks]
            weights = weights_of(self._base, self._parts, banks, seed)
            if not self._all_erasers:
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
            )
        return drawing | reading, time.monotonic() - begun

    def _start(
        self, solved: dict[str, LowRank], banks: Sequence[PriorBank], weights: Sequence[float], seed: int
    ) -> dict[str, LowRank]:
        """Give what tuning begins with: the sum of the plug-ins where it predicts nearly as well as the solved layers."""
        summed = {layer: self._sum(layer) for layer in solved}
        near, least = (
            prediction_error(self._base, banks, weights, layers, seed) for layers in (summed, solved)
        )
        return summed if near <= _NEAR * least else solved

    def _held(self, layer: str) -> list[LowRank]:
        return [adapter.layers[layer] for adapter in self._adapters if layer in adapter.layers]

    def _most(self, layer: str) -> int:
        room = self._base.layers[layer].room
        return min(self._config.rank or room, room)

    def _sum(self, layer: str) -> LowRank:
        return delta.within(delta.concatenate(self._held(layer)), self._most(layer))

    def _fit(self, layer: str, fitted: Sequence[dict[str, LayerInputs]]) -> LowRank:
        room, rank, held = self._base.layers[layer].room, self._most(layer), self._held(layer)
        ranks = [delta.rank(each) for each in held]
        default = min(self._config.rank or max(ranks), room)
        match self._config.method:
            case "tuned" if self._all_erasers and layer not in self._reading:
                share = min(1.0, _SUMMED / len(self._adapters))
                return delta.within(delta.scale(delta.concatenate(held), share), rank)
            case "tuned" | "closed-form":
                return self._closed_form(layer, fitted, rank)
            case "sgd":
                return self._descend(layer, fitted, min(rank, sum(ranks)))
            case "sum":
                return self._sum(layer)
            case "svd":
                return delta.truncate(delta.concatenate(held), default)
            case "ties" | "dare" as method:
                return self._sparse(method, held, default)

    def _closed_form(self, layer: str, fitted: Sequence[dict[str, LayerInputs]], rank: int) -> LowRank:
        """Solve (1) for one layer; the ridge is the one that leaves least on the inputs outside the fit."""
        gram = torch.zeros_like(fitted[0][layer].gram)
        called: dict[Adapter, Tensor] = {}  # each plug-in's G_i, over all parts that call it
        weights = part_weights(self._parts, fitted, layer)
        for part, inputs, weight in zip(self._parts, fitted, weights, strict=True):
            own = weight * inputs[layer].gram
            gram += own
            for adapter in part.adapters:
                if layer in adapter.layers:
                    called[adapter] = called.get(adapter, torch.zeros_like(gram)) + own
        # (out, R) and (R, in)
        up = torch.cat([adapter.layers[layer][0].double() for adapter in called], dim=1)
        right = torch.cat([adapter.layers[layer][1].double() @ own for adapter, own in called.items()])
        ridges = _RIDGES if self._config.ridge is None else (self._config.ridge,)
        found = [_solve(up, right, gram, ridge, rank) for ridge in ridges]
        if len(found) == 1:
            return found[0]
        weights = part_weights(self._parts, self.validation, layer)
        return min(found, key=lambda each: squared_error(each, self._parts, self.validation, layer, weights))

    def _descend(self, layer: str, fitted: Sequence[dict[str, LayerInputs]], rank: int) -> LowRank:
        """Descend on (1) for one layer, as the paper does: Adam on the factors, the rate on a cosine."""
        shape, config = self._base.layers[layer], self._config
        generator = torch.Generator().manual_seed(config.seed)
        down = torch.randn(rank, shape.in_features, generator=generator) / math.sqrt(shape.in_features)
        up = torch.zeros(shape.out_features, rank)
        factors = [up.requires_grad_(), down.requires_grad_()]
        rows, targets, weights = self._examples(layer, fitted)
        optimizer = torch.optim.Adam(factors, lr=config.learning_rate)
        batch = 512
        total = config.epochs * math.ceil(len(rows) / batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        for _ in range(config.epochs):
            for chosen in torch.split(torch.randperm(len(rows), generator=generator), batch):
                found = F.linear(F.linear(rows[chosen], down), up)
                loss = ((found - targets[chosen]).pow(2).mean(1) * weights[chosen]).mean()
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
        return up.detach(), down.detach()

    def _examples(
        self, layer: str, fitted: Sequence[dict[str, LayerInputs]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Give inputs (n, in) of all parts, what each part's plug-ins make of them (n, out), and weights (n,)."""
        rows, targets, weights = [], [], []
        shares = part_weights(self._parts, fitted, layer)
        for part, inputs, share in zip(self._parts, fitted, shares, strict=True):
            x = inputs[layer].rows
            rows.append(x)
            wanted = x.new_zeros(len(x), self._base.layers[layer].out_features)
            for adapter in part.adapters:
                if layer in adapter.layers:
                    up, down = adapter.layers[layer]
                    wanted += x @ down.T @ up.T
            targets.append(wanted)
            weights.append(torch.full((len(x),), share))
        return torch.cat(rows), torch.cat(targets), torch.cat(weights)

    def _sparse(self, method: Literal["ties", "dare"], held: Sequence[LowRank], rank: int) -> LowRank:
        """Merge the full matrices as peft does, then take the nearest of the rank."""
        full, ones = [delta.materialise(each) for each in held], torch.ones(len(held))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)  # of DARE's coins
            merged: Tensor = (
                ties(full, ones, DENSITY) if method == "ties" else dare_linear(full, ones, DENSITY)
            )
        return delta.factorise(merged, rank)

    def _tell_from(self, done: int) -> OnStep:
        return lambda step, _, message, __: self._report(done + step, message)

    def _drawn(self, pictures: int) -> None:
        self._report(self._done + pictures, "drawing each plug-in's own prompts")

    def _report(self, done: int, message: str) -> None:
        if self._on_progress is not None:
            left = self._pace.seconds_left(done)
            self._on_progress(Progress(done, self._steps, message=message, seconds_left=left))


def _solve(up: Tensor, right: Tensor, gram: Tensor, ridge: float, rank: int) -> LowRank:
    """Give the best ΔW of at most a rank for B (out, R), Σ-weighted A_i G_i (R, in) and ΣG (in, in), as in (2)."""
    diagonal = gram.diagonal().mean().clamp(min=1e-12)
    moments = gram + ridge * diagonal * torch.eye(len(gram), dtype=gram.dtype)
    lower = torch.linalg.cholesky(moments)  # L
    whitened = torch.linalg.solve_triangular(lower, right.T, upper=False).T  # Σ A_i G_i L⁻ᵀ = Ã L
    up, whitened = delta.within((up, whitened), rank)
    down = torch.linalg.solve_triangular(lower, whitened, upper=False, left=False)  # Ã = (Ã L) L⁻¹
    return up.float(), down.float()
