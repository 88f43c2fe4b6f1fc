"""How alike two plug-ins are in what they do: their deltas, however these are written.

All deltas of a plug-in together are one long vector. The angle between two such vectors does not change with ranks, factors, scales or file
formats, and hardly with rounding or a little further training. So it finds a copy that no hash finds, and least squares find the
parts of a sum. Learned tokens, biases and norms do not count. Plug-ins of different bases do not compare.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plugins_engine.adapters import kinds
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.kinds import Decomposed, Delta

SKETCH_LENGTH = 512
"""Numbers in a sketch. The angle of two plug-ins is estimated with an error of about one divided by its root: .05."""
_SLIGHT = 0.01  # a part that explains less is not there


def sketch(adapter: Adapter) -> NDArray[np.float32]:
    """Give a short vector (SKETCH_LENGTH,) of length 1. The inner product of two estimates the cosine of the angle between plug-ins.

    Its entry d is the sum over layers of u_d ΔW v_d, with u_d and v_d of random signs that the layer's name and shape give, so that sketches
    made at different times compare. Layers of DoRA are left out: make them full first (`known_beside`).
    """
    total = np.zeros(SKETCH_LENGTH)
    square = 0.0
    for layer, each in _counted(adapter).items():
        out, into = kinds.shape_of(each)
        random = np.random.RandomState(_seed(layer, out, into))  # its stream never changes between versions
        left, right = (_signs(random, count) for count in (out, into))
        if isinstance(each, tuple):
            up, down = (part.double().numpy() for part in each)
            total += ((left @ up) * (right @ down.T)).sum(1)
            square += kinds.inner(each, each)
        else:
            matrix = kinds.materialise(each).double().numpy()
            total += ((left @ matrix) * right).sum(1)
            square += float((matrix**2).sum())
    length = np.linalg.norm(total)
    return (total / length if length and square else total).astype(np.float32)


def cosine(first: Adapter, second: Adapter) -> float:
    """Give the cosine of the angle between two plug-ins, -1 to 1; 0 if they have no layer in common."""
    own, other = _inner(first, first), _inner(second, second)
    return _inner(first, second) / (own * other) ** 0.5 if own and other else 0.0


def shares_within(adapter: Adapter, others: Sequence[Adapter], given: Sequence[Adapter] = ()) -> list[float]:
    """Say how much of a plug-in each of others explains: 0 to 1, by how much the rest grows without it.

    The plug-in is written as a sum of the others, with weights of any sign, and a rest (least squares). Parts that explain next to nothing
    are left out one after the other, so that a plug-in alike to two others is not divided between them by chance.

    Args:
        adapter: What is explained.
        others: What may explain it.
        given: What is known to be in it: only what these leave is explained by others.
    """
    whole, parts = _inner(adapter, adapter), [*given, *others]
    if not others or not whole:
        return [0.0] * len(others)
    gram = torch.tensor([[_inner(one, other) for other in parts] for one in parts], dtype=torch.float64)
    shared = torch.tensor([_inner(adapter, other) for other in parts], dtype=torch.float64)
    fixed = [i for i in range(len(given)) if gram[i, i] > 0]
    kept = [i for i in range(len(given), len(parts)) if gram[i, i] > 0]
    while kept:
        explained = _explained(gram, shared, fixed + kept)
        without = {i: fixed + [each for each in kept if each != i] for i in kept}
        lost = {i: explained - _explained(gram, shared, rows) for i, rows in without.items()}
        least = min(lost, key=lambda i: lost[i])
        if lost[least] >= _SLIGHT * whole:
            return [min(1.0, lost.get(i, 0.0) / whole) for i in range(len(given), len(parts))]
        kept.remove(least)
    return [0.0] * len(others)


def _explained(gram: Tensor, shared: Tensor, kept: Sequence[int]) -> float:
    """Give the squared length of the plug-in's projection on the kept ones."""
    if not kept:
        return 0.0
    rows = torch.tensor(list(kept))
    found = torch.linalg.lstsq(gram[rows][:, rows], shared[rows, None]).solution
    return float(shared[rows] @ found[:, 0])


def _counted(adapter: Adapter) -> Mapping[str, Delta]:
    return {layer: each for layer, each in adapter.layers.items() if not isinstance(each, Decomposed)}


def _inner(first: Adapter, second: Adapter) -> float:
    one, other = _counted(first), _counted(second)
    return sum(kinds.inner(one[layer], other[layer]) for layer in sorted(one.keys() & other.keys()))


def _seed(layer: str, out: int, into: int) -> NDArray[np.uint32]:
    digest = hashlib.sha256(f"{layer} {out} {into}".encode()).digest()
    return np.frombuffer(digest, dtype=np.uint32)


def _signs(random: np.random.RandomState, count: int) -> NDArray[np.float64]:
    """Give random signs, (SKETCH_LENGTH, count)."""
    bits = np.unpackbits(np.frombuffer(random.bytes(SKETCH_LENGTH * count // 8 + 1), dtype=np.uint8))
    return bits[: SKETCH_LENGTH * count].reshape(SKETCH_LENGTH, count).astype(np.float64) * 2 - 1
