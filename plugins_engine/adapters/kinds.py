"""The kinds of deltas that plug-in files hold, each exact.

A delta ΔW is of a layer's weight as a matrix: (out, in), or (out, in · height · width) of a convolution. Most are low-rank
(`plugins_engine.adapters.delta`). LyCORIS and others also write Hadamard products (LoHa, arXiv 2108.06098), Kronecker products
(LoKr, arXiv 2212.10650), full differences, and weight-decomposed deltas (DoRA, arXiv 2402.09353). The last ones are known only
beside the weight that they change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.delta import LowRank
from plugins_engine.errors import BadAdapter

# Singular values below this share of the largest one are rounding of float32.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Hadamard:
    """ΔW = (B_1 A_1) ∘ (B_2 A_2), element by element. Any scale is folded into B_1."""

    first: LowRank
    second: LowRank

    @property
    def shape(self) -> tuple[int, int]:
        return delta.shape(self.first)

    @property
    def rank(self) -> int:
        """The rank is at most the product of the factors' ranks."""
        return min(*self.shape, delta.rank(self.first) * delta.rank(self.second))

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, (up, down) in (("w1", self.first), ("w2", self.second)):
            yield from ((f"{name}_a", up), (f"{name}_b", down))

    def multiplied_out(self) -> Tensor:
        return delta.materialise(self.first) * delta.materialise(self.second)

    def scaled(self, factor: float) -> "Hadamard":
        return replace(self, first=delta.scale(self.first, factor))


@dataclass(frozen=True, eq=False)
class Kronecker:
    """ΔW = left ⊗ right, with left (a, b) and right (c, d): (a · c, b · d). Any scale is folded into left."""

    left: Tensor
    right: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.left.shape[0] * self.right.shape[0], self.left.shape[1] * self.right.shape[1]

    @property
    def rank(self) -> int:
        """The rank is at most the product of the factors' ranks."""
        return min(self.left.shape) * min(self.right.shape)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from (("w1", self.left), ("w2", self.right))

    def multiplied_out(self) -> Tensor:
        return torch.kron(self.left, self.right)

    def scaled(self, factor: float) -> "Kronecker":
        return replace(self, left=self.left * factor)


@dataclass(frozen=True, eq=False)
class Full:
    """ΔW itself, (out, in)."""

    matrix: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape[0], self.matrix.shape[1]

    @property
    def rank(self) -> int:
        return min(self.shape)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield "diff", self.matrix

    def multiplied_out(self) -> Tensor:
        return self.matrix

    def scaled(self, factor: float) -> "Full":
        return Full(self.matrix * factor)


Plain: TypeAlias = LowRank | Hadamard | Kronecker | Full
"""A delta that is known without the weight that it changes."""


@dataclass(frozen=True, eq=False)
class Decomposed:
    """DoRA: W' = m ∘ (W + D) / ‖W + D‖, so ΔW = weight · (W' - W). The norm is of each row, or of each input channel.

    Args:
        direction: D.
        magnitude: m, (out,) or (input channels,).
        by_output: Whether norms are of rows, else of input channels.
        weight: How much of it counts. ΔW is linear in it, as of every other kind.
    """

    direction: Plain
    magnitude: Tensor
    by_output: bool = True
    weight: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return shape_of(self.direction)

    @property
    def rank(self) -> int:
        return min(self.shape)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from tensors_of(self.direction)
        yield "magnitude by output" if self.by_output else "magnitude by input", self.magnitude

    def beside(self, weight: Tensor) -> Full:
        """Give ΔW, for the weight (out, in) that it changes."""
        moved = weight.float() + materialise(self.direction)
        # (out, channels, height · width): a matrix has one position, a convolution several.
        channels = moved.shape[1] if self.by_output else len(self.magnitude)
        parted = moved.view(len(moved), channels, -1)
        over = (1, 2) if self.by_output else (0, 2)
        norms = parted.double().square().sum(over, keepdim=True).sqrt().clamp(min=1e-12)
        magnitude = self.magnitude.view(-1, 1, 1) if self.by_output else self.magnitude.view(1, -1, 1)
        renewed = (parted * (magnitude / norms).float()).view_as(moved)
        return Full((renewed - weight.float()) * self.weight)

    def scaled(self, factor: float) -> "Decomposed":
        return replace(self, weight=self.weight * factor)


Delta: TypeAlias = LowRank | Hadamard | Kronecker | Full | Decomposed
"""What a plug-in adds to one layer's weight."""


def shape_of(each: Delta) -> tuple[int, int]:
    """Give (out, in) of a delta."""
    return delta.shape(each) if isinstance(each, tuple) else each.shape


def rank_of(each: Delta) -> int:
    """Give the highest rank that a delta can have."""
    return delta.rank(each) if isinstance(each, tuple) else each.rank


def tensors_of(each: Delta) -> Iterator[tuple[str, Tensor]]:
    """Give a delta's tensors, named as its kind names them."""
    if isinstance(each, tuple):
        yield from zip(("up", "down"), each, strict=True)
    else:
        yield from each.tensors()


def materialise(each: Delta, weight: Tensor | None = None) -> Tensor:
    """Multiply out: (out, in), float32. Raises BadAdapter for DoRA without the weight (out, …) that it changes."""
    if isinstance(each, tuple):
        return delta.materialise(each)
    if isinstance(each, Decomposed):
        if weight is None:
            raise BadAdapter(
                "weight-decomposed deltas (DoRA) are known only beside a base's weights: use the plug-in with its base"
            )
        each = each.beside(weight.detach().to("cpu").flatten(1))
    return each.multiplied_out()


def scale(each: Delta, factor: float) -> Delta:
    return delta.scale(each, factor) if isinstance(each, tuple) else each.scaled(factor)


def inner(first: Delta, second: Delta) -> float:
    """Give ⟨ΔW_1, ΔW_2⟩. Two low-rank ones are not multiplied out. Raises BadAdapter for DoRA."""
    if isinstance(first, tuple) and isinstance(second, tuple):
        return delta.inner(first, second)
    return float((materialise(first).double() * materialise(second).double()).sum())


def norm(each: Delta) -> float:
    """Give the Frobenius norm of ΔW. Raises BadAdapter for DoRA."""
    return delta.norm(each) if isinstance(each, tuple) else float(materialise(each).double().norm())


def add(deltas: list[Delta]) -> Delta:
    """Sum deltas exactly: low-rank ones by concatenating ranks, else multiplied out. Raises BadAdapter for DoRA among several."""
    thin = [each for each in deltas if isinstance(each, tuple)]
    if len(thin) == len(deltas):
        return delta.concatenate(thin)
    if len(deltas) == 1:
        return deltas[0]
    return Full(torch.stack([materialise(each) for each in deltas]).sum(0))


def low_rank(each: Delta, most: int | None = None) -> LowRank:
    """Give a delta as a low-rank matrix, exact but for rounding; of at most a rank, it is the nearest one. Raises BadAdapter for DoRA."""
    if isinstance(each, tuple):
        return each if most is None else delta.within(each, most)
    matrix = materialise(each)
    values = torch.linalg.svdvals(matrix)
    needed = max(1, int((values > _ROUNDING * values.max()).sum()))
    return delta.factorise(matrix, needed if most is None else min(needed, most))
