"""How alike plug-ins for one base are in what they do: their deltas, however these are written.

In each layer the angle between two deltas does not change with ranks, factors, scales or file formats, and hardly with rounding or a little
further training. Every layer counts alike, so none can drown the others: a huge delta where nothing reads it hides no copy. Learned
tokens, biases and norms do not count.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plugins_engine.adapters import delta, kinds
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.kinds import Decomposed
from plugins_engine.model.base import BaseCheckpoint

Exact: TypeAlias = LowRank | Tensor
"""A layer's delta in float64: (B, A) of at most full rank, or a matrix."""

SKETCH_LENGTH = 512
"""Numbers in a sketch. The likeness of two plug-ins is estimated with an error of about one divided by its root: .05."""


@dataclass(frozen=True)
class Explained:
    """How much of a plug-in others explain, beyond what is given: 0 to 1, the mean over its layers.

    Args:
        total: All of them together.
        alone: Each of them by itself.
    """

    total: float
    alone: tuple[float, ...]


def sketch(base: BaseCheckpoint, adapter: Adapter, key: bytes) -> NDArray[np.float32]:
    """Give a short vector (SKETCH_LENGTH,) of length 1, or zeros for a plug-in that changes nothing.

    The inner product of two estimates the mean over layers of the cosine between their deltas. Entry d is the sum over layers of
    u_d ΔW v_d / ‖ΔW‖, with u_d and v_d of random signs. They follow from the key and the layer's name and shape, so that sketches made at
    different times compare. Whoever does not know the key cannot make a plug-in that has another sketch and does the same.
    """
    total = np.zeros(SKETCH_LENGTH)
    for layer in adapter.layers:
        exact = _exact(base, adapter, layer)
        length = _inner(exact, exact) ** 0.5
        if not length:
            continue
        shape = base.layers[layer]
        digest = hmac.digest(key, f"{layer} {shape.out_features} {shape.in_features}".encode(), "sha256")
        # Its stream never changes between versions, as that of newer generators may.
        random = np.random.RandomState(np.frombuffer(digest, dtype=np.uint32))
        left, right = (_signs(random, count) for count in (shape.out_features, shape.in_features))
        if isinstance(exact, tuple):
            up, down = (each.numpy() for each in exact)
            total += ((left @ up) * (right @ down.T)).sum(1) / length
        else:
            total += ((left @ exact.numpy()) * right).sum(1) / length
    whole = np.linalg.norm(total)
    return (total / whole if whole else total).astype(np.float32)


def explained(
    base: BaseCheckpoint,
    adapter: Adapter,
    others: Sequence[Adapter],
    given: Sequence[Adapter] = (),
    on_layer: Callable[[int, int], None] | None = None,
) -> Explained:
    """Say how much of a plug-in others explain: in each layer by least squares, with weights of any sign.

    Args:
        base: What all are for.
        adapter: What is explained.
        others: What may explain it.
        given: What is known to be in it. Only what these leave counts.
        on_layer: Told of every layer: done, of how many. What it raises stops the work.
    """
    totals: list[float] = []
    alone: list[list[float]] = []
    parts = [*given, *others]
    for number, layer in enumerate(adapter.layers, start=1):
        exact = _exact(base, adapter, layer)
        whole = _inner(exact, exact)
        if whole:
            held = {i: _exact(base, part, layer) for i, part in enumerate(parts) if layer in part.layers}
            rows = _Rows(exact, held)
            before = [i for i in range(len(given)) if i in held]
            known = rows.explain(before)
            rest = range(len(given), len(parts))
            totals.append((rows.explain([*before, *(i for i in rest if i in held)]) - known) / whole)
            alone.append([(rows.explain([*before, i]) - known) / whole if i in held else 0.0 for i in rest])
        if on_layer is not None:
            on_layer(number, len(adapter.layers))
    if not totals:
        return Explained(0.0, (0.0,) * len(others))
    return Explained(_mean(totals), tuple(_mean(each) for each in zip(*alone, strict=True)))


class _Rows:
    """The inner products of one layer's deltas."""

    def __init__(self, exact: Exact, held: dict[int, Exact]) -> None:
        self._place = {i: place for place, i in enumerate(held)}
        found = list(held.values())
        self._shared = torch.tensor([_inner(exact, each) for each in found], dtype=torch.float64)
        self._gram = torch.zeros(len(found), len(found), dtype=torch.float64)
        for i, one in enumerate(found):
            for j in range(i + 1):
                self._gram[i, j] = self._gram[j, i] = _inner(one, found[j])

    def explain(self, which: Sequence[int]) -> float:
        """Give the squared length of the delta's projection on some of the others."""
        if not which:
            return 0.0
        chosen = torch.tensor([self._place[i] for i in which])
        gram, shared = self._gram[chosen][:, chosen], self._shared[chosen]
        # Several may be alike: then there are many solutions, all of one projection.
        solution = torch.linalg.lstsq(gram, shared[:, None], rcond=1e-9, driver="gelsd").solution
        return float(shared @ solution[:, 0])


def _exact(base: BaseCheckpoint, adapter: Adapter, layer: str) -> Exact:
    """Give a layer's delta with factors of one size: extreme ones would overflow."""
    each = adapter.layers[layer]
    if isinstance(each, tuple):
        up, down = (part.double() for part in each)
        if delta.rank(each) > min(delta.shape(each)):
            return up @ down
        lengths = float(up.norm()), float(down.norm())
        if not all(lengths):
            return torch.zeros(len(up), 1, dtype=torch.float64), torch.zeros(
                1, down.shape[1], dtype=torch.float64
            )
        balance = (lengths[1] / lengths[0]) ** 0.5
        return up * balance, down / balance
    weight = base.module(layer).weight if isinstance(each, Decomposed) else None
    assert weight is None or isinstance(weight, Tensor)  # noqa: S101  # every adapted layer has one
    return kinds.materialise(each, weight).double()


def _inner(first: Exact, second: Exact) -> float:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return float(((first[0].T @ second[0]) * (first[1] @ second[1].T)).sum())
    one, other = (each[0] @ each[1] if isinstance(each, tuple) else each for each in (first, second))
    return float((one * other).sum())


def _mean(numbers: Sequence[float]) -> float:
    return min(1.0, max(0.0, sum(numbers) / len(numbers)))


def _signs(random: np.random.RandomState, count: int) -> NDArray[np.float64]:
    """Give random signs, (SKETCH_LENGTH, count)."""
    bits = np.unpackbits(np.frombuffer(random.bytes(SKETCH_LENGTH * count // 8 + 1), dtype=np.uint8))
    return bits[: SKETCH_LENGTH * count].reshape(SKETCH_LENGTH, count).astype(np.float64) * 2 - 1
