"""Closed-form erasure: the base reads the concept's words as if they were the anchor's. Exact, in seconds.

A matrix W that is given the text's tokens c, after a norm if one stands before it, turns them into what a picture is told: the keys and
values of cross-attention, or, where text and picture attend to each other, the one layer that all text passes. The layer that is given the
text's pooled vector is edited in the same way. The edit W + Δ shall make of the target's tokens C* what W makes of the anchor's C₁. It
shall leave the retained tokens C₀ (in the rows of the matrices here) as they are:

    min over Δ of Σ over K concepts of ‖Δ C* - W (C₁ - C*)‖² / n* + K ω ‖Δ C₀‖² / n₀ + λ ‖Δ‖²        (1)

(UCE, Gandikota et al. 2023, arXiv 2308.14761, on every token of whole prompts). What K edits do to the rest adds up, so the rest
weighs K times as much. A weight alone lets a little of the edit leak into everything. So Δ may also be confined to directions
that the retained tokens hardly use: Δ = D P. P is the projection on the eigenvectors of C₀ᵀC₀ / n₀ that together hold a share
η of its trace (the null space of SPEED, arXiv 2503.07392, where η → 0).

The solution is Δ = W E with one E for all layers. Reduced-rank regression gives it any rank: the SVD of Δ L cut off, with L Lᵀ
the matrix of second moments in (1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.concepts import evenly
from plugins_engine.errors import BadRequest, require_positive, require_whole
from plugins_engine.extraction.erasure import Erasure, pooled_pairs, token_pairs
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for

_RETAINED_PROMPTS = 2000  # more say nothing new of what tokens look like


@dataclass(frozen=True)
class ClosedFormConfig:
    """How the parts of the closed form are weighed against each other.

    Args:
        layers: Which layers of cross-attention are edited: "to_k", "to_v" or both. Both by default, as both read the text. A base
            without cross-attention has one layer for all text.
        rank: Of the eraser on every layer, at most the width of a token. 16 is customary for one concept.
        retain_weight: Weight of what shall stay beside the concept's own, above 0 (ω). More leaves more of both.
        ridge: How strongly large weights are held back, as a share of the mean diagonal of the second moments (λ). Little by
            default: just enough to solve the system.
        null_share: Confines the edit to directions that together hold at most this share of what shall stay (η), above 0. 1
            allows every direction.
    """

    layers: tuple[str, ...] = ("to_k", "to_v")
    rank: int = 16
    retain_weight: float = 3.0
    ridge: float = 1e-4
    null_share: float = 1.0

    def __post_init__(self) -> None:
        if not self.layers or set(self.layers) - {"to_k", "to_v"}:
            raise BadRequest(f"layers {self.layers}: expected to_k, to_v or both")
        require_whole("rank", self.rank, 1, 4096)
        for name, value in (("retain_weight", self.retain_weight), ("ridge", self.ridge)):
            require_positive(name, value)
        if not 0 < self.null_share <= 1:
            raise BadRequest(f"null_share {self.null_share}: expected a number above 0, at most 1")


def closed_form_layers(
    base: BaseCheckpoint, erasures: Sequence[Erasure], config: ClosedFormConfig
) -> dict[str, LowRank]:
    """Give the eraser's layers for one concept or several at once. No gradients, no pictures."""
    retained, pooled = _retained_moments(base, erasures)
    width = len(retained)
    if config.rank > width:
        raise BadRequest(f"rank {config.rank}: this base reads text in {width} numbers a token")
    edit = _Edit(retained, [token_pairs(base, each) for each in erasures], config)
    # A base without cross-attention has one layer for all text.
    chosen = [each for each in base.reading_layers if each.endswith(config.layers)] or base.reading_layers
    layers = {layer: edit.of(base, layer) for layer in chosen}
    if base.pooled_layer is not None and pooled is not None:
        edit = _Edit(pooled, [pooled_pairs(base, each) for each in erasures], config)
        layers[base.pooled_layer] = edit.of(base, base.pooled_layer)
    return layers


class _Edit:
    """E of Δ = W E for what several layers are given: text vectors of one width, at the beginning of their input."""

    def __init__(
        self, retained: Tensor, pairs: Sequence[tuple[Tensor, Tensor]], config: ClosedFormConfig
    ) -> None:
        width = len(retained)
        self._width, self._rank = width, min(config.rank, width)
        allowed = _allowed(retained, config.null_share)  # (width, k)
        moved = torch.zeros(width, width, dtype=torch.float64)  # Σ (C₁ - C*)ᵀ C* / n*
        moments = len(pairs) * config.retain_weight * retained
        for target, anchor in pairs:
            moved += (anchor - target).T @ target / len(target)
            moments += target.T @ target / len(target)
        moments = allowed.T @ moments @ allowed
        moments += config.ridge * moments.diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
        lower = torch.linalg.cholesky(moments)
        # E L in the allowed directions: (width, k)
        self._whitened = torch.linalg.solve_triangular(lower, (moved @ allowed).T, upper=False).T
        # L⁻¹ Pᵀ: (k, width)
        self._back = torch.linalg.solve_triangular(lower, allowed.T, upper=False, left=True)

    def of(self, base: BaseCheckpoint, layer: str) -> LowRank:
        """Give the edit of one layer."""
        weight = base.module(layer).weight
        assert isinstance(weight, Tensor)  # noqa: S101  # a linear layer has one
        exact = weight.detach().to("cpu", torch.float64)
        up, down = delta.factorise(exact[:, : self._width] @ self._whitened, self._rank)
        back = F.pad(down @ self._back, (0, exact.shape[1] - self._width))
        return up.float(), back.float()


def closed_form_eraser(
    base: BaseCheckpoint, erasures: Sequence[Erasure], config: ClosedFormConfig | None = None
) -> Adapter:
    """Give the eraser R of one concept or several: base + R reads their names as their anchors'."""
    if not erasures:
        raise BadRequest("expected at least one concept to take out, found none")
    layers = closed_form_layers(base, erasures, config or ClosedFormConfig())
    return made_for(
        base,
        layers,
        name=f"without {', '.join(erasure.name for erasure in erasures)}",
        kind="eraser",
    )


def _retained_moments(base: BaseCheckpoint, erasures: Sequence[Erasure]) -> tuple[Tensor, Tensor | None]:
    """Give C₀ᵀC₀ / n₀ (width, width) over all that names no concept, the anchors and the empty prompt among it.

    The first is of tokens, the second of pooled vectors, None where there are none.
    """
    kept = dict.fromkeys(prompt for erasure in erasures for prompt in (*erasure.anchors, *erasure.retained))
    targets = {prompt for erasure in erasures for prompt in erasure.targets}
    prompts = [prompt for prompt in kept if prompt not in targets]
    prompts = ["", *evenly(prompts, _RETAINED_PROMPTS)]
    total, of_pooled = _Moments(), _Moments()
    for first in range(0, len(prompts), 64):
        found = base.encode_prompt(prompts[first : first + 64])
        total.add(base.as_read(torch.cat(found.each)))
        if found.pooled is not None:
            of_pooled.add(found.pooled)
    return total.mean(), of_pooled.mean() if of_pooled.count else None


class _Moments:
    """Second moments of rows, summed up."""

    def __init__(self) -> None:
        self._sum, self.count = torch.zeros(()), 0

    def add(self, rows: Tensor) -> None:
        exact = rows.to("cpu", torch.float64)
        exact = exact[exact.any(1)]  # rows of zeros, where a base has no third text encoder, are no text
        self._sum, self.count = self._sum + exact.T @ exact, self.count + len(exact)

    def mean(self) -> Tensor:
        return self._sum / self.count


def _allowed(retained: Tensor, share: float) -> Tensor:
    """Give an orthonormal basis (width, k) of the directions that together hold at most a share of the trace."""
    values, vectors = torch.linalg.eigh(retained)  # rising
    held = values.clamp(min=0).cumsum(0) / values.clamp(min=0).sum()
    count = int((held <= share + 1e-12).sum())
    basis: Tensor = vectors[:, : max(count, 1)]
    return basis
