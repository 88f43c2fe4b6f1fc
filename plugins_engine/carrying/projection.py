"""Bring the deltas of one base's layers onto another's, without training. The equation is that of the package's docstring."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.errors import BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for, matrix_of, misfits, ordinary_vectors, vector_at

_KEPT = ("modelspec.merged_from", "plugin.merged_from", "plugin.extracted", "plugin.extracted_kind")
"""What a file says that is as true of the carried plug-in. What was measured on the old base is not."""
CARRIED_FROM = "plugin.carried_from"
"""The metadata key of the SHA-256 of the tensors that a plug-in was carried over from."""


def left_out(target: BaseCheckpoint, adapter: Adapter) -> list[str]:
    """List the layers and parameters of a plug-in that a base lacks, or has in another shape."""
    return [name for name, _ in misfits(target, adapter)]


def fitting(target: BaseCheckpoint, adapter: Adapter) -> dict[str, LowRank]:
    """Give a plug-in's low-rank deltas, without those of layers that a base lacks or has in another shape."""
    absent = set(left_out(target, adapter))
    return {layer: each for layer, each in adapter.factors.items() if layer not in absent}


def projected(
    source: BaseCheckpoint, target: BaseCheckpoint, layers: Mapping[str, LowRank], energy: float
) -> dict[str, LowRank]:
    """Project the deltas of layers that both bases have, by (1). No rank grows."""
    found = {}
    for layer, factors in layers.items():
        old, new = (main_directions(matrix_of(base, layer), energy) for base in (source, target))
        found[layer] = delta.within(project(factors, old, new), delta.rank(factors))
    return found


def carried(
    target: BaseCheckpoint,
    adapter: Adapter,
    layers: Mapping[str, LowRank],
    tokens: Sequence[LearnedTokens] | None = None,
) -> Adapter:
    """Make the plug-in of the new base, with these layers and what else of the old one fits. Raises BaseMismatch if nothing does.

    tokens: None: the old ones, with their vectors. What their name means without the plug-in is what it means to the new base.
    """
    vectors = {
        name: each
        for name, each in adapter.vectors.items()
        if (there := vector_at(target, name)) is not None and there.shape == each.shape
    }
    if tokens is None:
        tokens = [
            replace(each, ordinary=ordinary_vectors(target, each.words, len(each))) for each in adapter.tokens
        ]
    if not layers and not vectors and not tokens:
        raise BaseMismatch(
            f"{adapter.name or 'this plug-in'}: none of its layers is in this base ({target.architecture}) in the same shape: it has to be "
            "trained from its works"
        )
    return made_for(
        target,
        layers,
        name=adapter.name,
        kind=adapter.kind,
        trigger=adapter.trigger,
        vectors=vectors,
        tokens=tuple(tokens),
        metadata={
            **{key: adapter.metadata[key] for key in _KEPT if key in adapter.metadata},
            CARRIED_FROM: adapter.tensors_sha256,
        },
    )


def project(factors: LowRank, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> LowRank:
    """Apply (1) to B (out, r) and A (r, in). Directions are U (out, k) and V (in, k), orthonormal. Gives a rank of 2r."""
    up, down = (each.float() for each in factors)
    (old_left, old_right), (new_left, new_right) = old, new
    main_up, main_down = _along(new_left, _along(old_left, up)), _along(new_right, _along(old_right, down.T))
    rest_up, rest_down = (
        _across(new_left, _across(old_left, up)),
        _across(new_right, _across(old_right, down.T)),
    )
    return torch.cat([main_up, rest_up], dim=1), torch.cat([main_down.T, rest_down.T])


def _along(directions: Tensor, columns: Tensor) -> Tensor:
    return directions @ (directions.T @ columns)


def _across(directions: Tensor, columns: Tensor) -> Tensor:
    return columns - _along(directions, columns)


def main_directions(weight: Tensor, energy: float) -> tuple[Tensor, Tensor]:
    """Give the first left and right singular vectors of a matrix, as many as hold the share of its squared singular values."""
    u, s, vt = torch.linalg.svd(weight, full_matrices=False)
    shares = s.square().cumsum(0) / s.square().sum().clamp(min=1e-30)
    count = int((shares < energy - 1e-6).sum()) + 1
    return u[:, :count], vt[:count].T
