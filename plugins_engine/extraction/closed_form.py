"""Closed-form erasure: cross-attention reads the concept's words as if they were the anchor's. Exact, in seconds.

A key or value matrix W turns token vectors c into what a picture is told. The edit W + Δ shall make of the target's tokens
C* what W makes of the anchor's C₁. It shall leave the retained tokens C₀ (in the rows of the matrices here) as they are:

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
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.concepts import evenly
from plugins_engine.errors import BadRequest, require_positive, require_whole
from plugins_engine.extraction.erasure import Erasure, token_pairs
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import made_for

_RETAINED_PROMPTS = 2000  # more say nothing new of what tokens look like


@dataclass(frozen=True)
class ClosedFormConfig:
    """How the parts of the closed form are weighed against each other.

    Args:
        layers: Which layers of cross-attention are edited: "to_k", "to_v" or both. Both by default, as both read the text.
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
    retained = _retained_moments(base, erasures)
    width = len(retained)
    if config.rank > width:
        raise BadRequest(f"rank {config.rank}: this base reads text in {width} numbers a token")
    allowed = _allowed(retained, config.null_share)  # (width, k)
    moved = torch.zeros(width, width, dtype=torch.float64)  # Σ (C₁ - C*)ᵀ C* / n*
    moments = len(erasures) * config.retain_weight * retained
    for erasure in erasures:
        target, anchor = token_pairs(base, erasure)
        moved += (anchor - target).T @ target / len(target)
        moments += target.T @ target / len(target)
    moments = allowed.T @ moments @ allowed
    moments += config.ridge * moments.diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
    lower = torch.linalg.cholesky(moments)
    # E L in the allowed directions: (width, k)
    whitened = torch.linalg.solve_triangular(lower, (moved @ allowed).T, upper=False).T
    back = torch.linalg.solve_triangular(lower, allowed.T, upper=False, left=True)  # L⁻¹ Pᵀ: (k, width)
    layers: dict[str, LowRank] = {}
    for layer in base.reading_layers:
        if layer.endswith(config.layers):
            weight = base.unet.get_submodule(layer).weight.detach().to("cpu", torch.float64)
            up, down = delta.factorise(weight @ whitened, config.rank)
            layers[layer] = up.float(), (down @ back).float()
    return layers


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


def _retained_moments(base: BaseCheckpoint, erasures: Sequence[Erasure]) -> Tensor:
    """Give C₀ᵀC₀ / n₀ (width, width) over all that names no concept, the anchors and the empty prompt among it."""
    kept = dict.fromkeys(prompt for erasure in erasures for prompt in (*erasure.anchors, *erasure.retained))
    targets = {prompt for erasure in erasures for prompt in erasure.targets}
    prompts = [prompt for prompt in kept if prompt not in targets]
    prompts = ["", *evenly(prompts, _RETAINED_PROMPTS)]
    total, count = torch.zeros(0), 0
    for first in range(0, len(prompts), 64):
        tokens = base.encode_prompt(prompts[first : first + 64]).tokens.to("cpu", torch.float64).flatten(0, 1)
        gram = tokens.T @ tokens
        total, count = gram if not count else total + gram, count + len(tokens)
    return total / count


def _allowed(retained: Tensor, share: float) -> Tensor:
    """Give an orthonormal basis (width, k) of the directions that together hold at most a share of the trace."""
    values, vectors = torch.linalg.eigh(retained)  # rising
    held = values.clamp(min=0).cumsum(0) / values.clamp(min=0).sum()
    count = int((held <= share + 1e-12).sum())
    basis: Tensor = vectors[:, : max(count, 1)]
    return basis
