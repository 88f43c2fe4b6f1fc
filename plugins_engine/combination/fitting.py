"""Fit one layer of a combination by itself, in each of the known ways."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from peft.utils.merge_utils import dare_linear, ties
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.objective import Inputs, part_weights, squared_error
from plugins_engine.combination.parts import CombinationPart
from plugins_engine.model.base import BaseCheckpoint

# Tried on activations that took no part in the fit, as shares of the mean diagonal of ΣG.
_RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_SUMMED = 10  # erasers whose other layers are added up in full; of more, in proportion less
DENSITY = 0.5  # of the entries that "ties" and "dare" keep

_WIDEST = 4608  # inputs of a layer that is fitted: its second moments are a matrix as wide and as high


def too_wide(base: BaseCheckpoint, layer: str) -> bool:
    """Say whether a layer reads too much to be fitted, as large convolutions of wide models do. Its deltas are summed."""
    return base.layers[layer].in_features > _WIDEST


class LayerFits:
    """What every method makes of a layer. The equations are those of `plugins_engine.combination`."""

    def __init__(
        self, base: BaseCheckpoint, parts: Sequence[CombinationPart], config: CombinationConfig
    ) -> None:
        self._base, self._parts, self._config = base, parts, config
        self._adapters = list(dict.fromkeys(adapter for part in parts for adapter in part.adapters))
        self._reading = set(base.reading_layers)
        self.all_erasers = all(adapter.kind == "eraser" for adapter in self._adapters)

    def _held(self, layer: str) -> list[LowRank]:
        return [adapter.factors[layer] for adapter in self._adapters if layer in adapter.layers]

    def _most(self, layer: str) -> int:
        room = self._base.layers[layer].room
        return min(self._config.rank or room, room)

    def summed(self, layer: str) -> LowRank:
        """Give the plug-ins' sum, of the rank asked for."""
        return delta.within(delta.concatenate(self._held(layer)), self._most(layer))

    def fit(self, layer: str, fitted: Inputs, validation: Inputs) -> LowRank:
        """Give what the config's method makes of a layer, from inputs to fit it on and others to choose the ridge on.

        Layers without inputs (`too_wide`) are summed.
        """
        if fitted and layer not in fitted[0]:
            return self.summed(layer)
        room, rank, held = self._base.layers[layer].room, self._most(layer), self._held(layer)
        ranks = [delta.rank(each) for each in held]
        default = min(self._config.rank or max(ranks), room)
        match self._config.method:
            case "tuned" if self.all_erasers and layer not in self._reading:
                share = min(1.0, _SUMMED / len(self._adapters))
                return delta.within(delta.scale(delta.concatenate(held), share), rank)
            case "tuned" | "closed-form":
                return self._closed_form(layer, fitted, validation, rank)
            case "sgd":
                return self._descend(layer, fitted, min(rank, sum(ranks)))
            case "sum":
                return self.summed(layer)
            case "svd":
                return delta.truncate(delta.concatenate(held), default)
            case "ties" | "dare" as method:
                return self._sparse(method, held, default)

    def _closed_form(self, layer: str, fitted: Inputs, validation: Inputs, rank: int) -> LowRank:
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
        up = torch.cat([adapter.factors[layer][0].double() for adapter in called], dim=1)
        right = torch.cat([adapter.factors[layer][1].double() @ own for adapter, own in called.items()])
        ridges = _RIDGES if self._config.ridge is None else (self._config.ridge,)
        found = [_solve(up, right, gram, ridge, rank) for ridge in ridges]
        if len(found) == 1:
            return found[0]
        weights = part_weights(self._parts, validation, layer)
        return min(found, key=lambda each: squared_error(each, self._parts, validation, layer, weights))

    def _descend(self, layer: str, fitted: Inputs, rank: int) -> LowRank:
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

    def _examples(self, layer: str, fitted: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Give inputs (n, in) of all parts, what each part's plug-ins make of them (n, out), and weights (n,)."""
        rows, targets, weights = [], [], []
        shares = part_weights(self._parts, fitted, layer)
        for part, inputs, share in zip(self._parts, fitted, shares, strict=True):
            x = inputs[layer].rows
            rows.append(x)
            wanted = x.new_zeros(len(x), self._base.layers[layer].out_features)
            for adapter in part.adapters:
                if layer in adapter.layers:
                    up, down = adapter.factors[layer]
                    wanted += x @ down.T @ up.T
            targets.append(wanted)
            weights.append(torch.full((len(x),), share))
        return torch.cat(rows), torch.cat(targets), torch.cat(weights)

    def _sparse(self, method: Literal["ties", "dare"], held: Sequence[LowRank], rank: int) -> LowRank:
        """Combine the full matrices as peft does, then take the nearest of the rank."""
        full, ones = [delta.materialise(each) for each in held], torch.ones(len(held))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)  # of DARE's coins
            merged: Tensor = (
                ties(full, ones, DENSITY) if method == "ties" else dare_linear(full, ones, DENSITY)
            )
        return delta.factorise(merged, rank)


def _solve(up: Tensor, right: Tensor, gram: Tensor, ridge: float, rank: int) -> LowRank:
    """Give the best ΔW of at most a rank for B (out, R), Σ-weighted A_i G_i (R, in) and ΣG (in, in), as in (2)."""
    diagonal = gram.diagonal().mean().clamp(min=1e-12)
    moments = gram + ridge * diagonal * torch.eye(len(gram), dtype=gram.dtype)
    lower = torch.linalg.cholesky(moments)  # L
    whitened = torch.linalg.solve_triangular(lower, right.T, upper=False).T  # Σ A_i G_i L⁻ᵀ = Ã L
    up, whitened = delta.within((up, whitened), rank)
    down = torch.linalg.solve_triangular(lower, whitened, upper=False, left=False)  # Ã = (Ã L) L⁻¹
    return up.float(), down.float()
