"""How much of a plug-in's effect another one misses or changes."""

from collections import defaultdict

import torch

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import is_of_text
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import branches_of

_TOKENS = "tokens"


def difference(base: BaseCheckpoint, adapter: Adapter, other: Adapter) -> float:
    """Give ‖ΔW - ΔW'‖ / ‖ΔW‖ of an adapter and another one on a base, of the part in which they differ most.

    Parts are the denoiser, each text encoder, and the learned tokens: a text encoder that was left out is all of its part, however
    small beside the denoiser. 0: they draw alike. It is infinite where the other one changes a part that the adapter leaves alone.
    """
    missed: defaultdict[str, float] = defaultdict(float)
    whole: defaultdict[str, float] = defaultdict(float)
    for found, plugins in ((missed, [(adapter, 1.0), (other, -1.0)]), (whole, [(adapter, 1.0)])):
        for layer, branch in branches_of(base, plugins).items():
            found[layer.split(".", 1)[0] if is_of_text(layer) else "denoiser"] += branch.square()
    theirs, ours = _vectors(other), _vectors(adapter)
    for key in theirs.keys() | ours.keys():
        mine, its = ours.get(key), theirs.get(key)
        if mine is None or its is None or mine.shape != its.shape:
            return float("inf") if mine is None else 1.0
        missed[_TOKENS] += float((mine - its).double().square().sum())
        whole[_TOKENS] += float(mine.double().square().sum())
    ratios = [
        (missed[part] / whole[part]) ** 0.5 if whole[part] else float("inf")
        for part in missed
        if missed[part] > 0
    ]
    return max(ratios, default=0.0)


def _vectors(adapter: Adapter) -> dict[tuple[str, str], torch.Tensor]:
    return {
        (each.words.casefold(), encoder): vectors * each.weight
        for each in adapter.tokens
        for encoder, vectors in each.vectors.items()
    }
