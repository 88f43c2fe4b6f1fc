"""Muon: momentum whose every direction counts alike, so training learns what few pictures ask for as fast as the rest."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from plugins_engine.model.precision import bfloat16_is_quicker

# Of the quintic iteration that drives all singular values towards 1 (Jordan et al. 2024, kellerjordan.github.io/posts/muon).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for matrices and convolution kernels, a kernel taken as (out, in·h·w).

    torch's own Muon takes matrices alone and computes in bfloat16, which a CPU without it does very slowly. The step is
    scaled to AdamW's usual size, 0.2 √max(rows, columns), so AdamW's rates serve (Liu et al. 2025, arXiv 2502.16982).
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                held = state["momentum"]
                held.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(held, group["momentum"])  # Nesterov's
                matrix = ahead.flatten(1)
                size = 0.2 * max(matrix.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(orthogonalised(matrix).view(parameter.shape), alpha=-group["lr"] * size)


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def muon_and_adamw(module: torch.nn.Module, rate: float, ends: Sequence[str]) -> list[torch.optim.Optimizer]:
    """Give Muon for what maps features to features; AdamW for biases, norms and parameters with one of `ends` in the name.

    The ends are where a model meets the world (embeddings, its first and last layer): their rows are inputs or outputs
    of their own, not mixtures.
    """
    mapping: list[Tensor] = []
    outer: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in module.named_parameters():
        if parameter.ndim < 2:
            others.append(parameter)
        else:
            (outer if any(end in name for end in ends) else mapping).append(parameter)
    groups = [{"params": outer, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    return [Muon(mapping, lr=rate), torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))]


def orthogonalised(matrix: Tensor) -> Tensor:
    """Give a matrix of the same singular vectors, all singular values near 1 (0.7 to 1.2, which is near enough).

    Where bfloat16 is quicker it is computed in that, to about 1%: momentum is noisier.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / x.norm().clamp(min=1e-7)
    x = _driven_in_bfloat16(x) if bfloat16_is_quicker() else _driven(x)
    return x if wide else x.T


def _driven(x: Tensor) -> Tensor:
    """Iterate X ← p(X Xᵀ) X. The small square p's are multiplied up first and meet the wide X once."""
    gram = x @ x.T
    product = torch.eye(len(gram)).to(gram)
    for _ in range(_ROUNDS):
        step = torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
        step.diagonal().add_(_A)
        product = step @ product
        gram = step @ gram @ step
    return product.mm(x)


def _driven_in_bfloat16(x: Tensor) -> Tensor:
    """Iterate on X itself: a Gram matrix of 8 bits would lose the small singular values."""
    held = x.bfloat16()
    for _ in range(_ROUNDS):
        gram = held @ held.T
        held = torch.addmm(held, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), held, beta=_A)
    return held.to(x.dtype)
