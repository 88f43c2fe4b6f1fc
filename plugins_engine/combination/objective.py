"""What a combination is to minimise: how far it is from doing to each part's inputs what that part's plug-ins did."""

from collections.abc import Sequence

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.delta import LowRank
from plugins_engine.combination.activations import LayerInputs
from plugins_engine.combination.parts import RETAINED_WEIGHT, CombinationPart, retained

Inputs = Sequence[dict[str, LayerInputs]]  # of each part, by layer


def part_weights(parts: Sequence[CombinationPart], inputs: Inputs, layer: str) -> list[float]:
    """Give w_i of the objective for one layer: each part's own weight, divided by ‖ΔW_i X_i‖² / n_i.

    A part with nothing to do there is divided by the others' mean. If no part has anything to do, none is divided. Retained
    parts together weigh `RETAINED_WEIGHT` times as many parts as call plug-ins.
    """
    kept = len(retained(parts))
    share = RETAINED_WEIGHT * (len(parts) - kept) / kept if kept else 1.0
    done = [_left(None, part, each[layer], layer) for part, each in zip(parts, inputs, strict=True)]
    some = [each for each in done if each > 0]
    usual = sum(some) / len(some) if some else 1.0
    return [
        part.weight * (1.0 if part.adapters else share) / (each if each > 0 else usual)
        for part, each in zip(parts, done, strict=True)
    ]


def squared_error(
    found: LowRank | None,
    parts: Sequence[CombinationPart],
    inputs: Inputs,
    layer: str,
    weights: Sequence[float],
) -> float:
    """Give Σ_i w_i ‖(ΔW - ΔW_i) X_i‖² / n_i of one layer; None is ΔW = 0."""
    return sum(
        weight * _left(found, part, each[layer], layer)
        for part, each, weight in zip(parts, inputs, weights, strict=True)
    )


def relative_error(
    adapter: Adapter, parts: Sequence[CombinationPart], inputs: Inputs
) -> tuple[float, dict[str, float]]:
    """Give the objective of a combined plug-in on given inputs, as a share of what ΔW = 0 leaves: over all, by layer."""
    missed, whole, by_layer = 0.0, 0.0, {}
    factors = adapter.factors
    for layer in inputs[0]:
        weights = part_weights(parts, inputs, layer)
        left = squared_error(factors.get(layer), parts, inputs, layer, weights)
        most = squared_error(None, parts, inputs, layer, weights)
        by_layer[layer] = left / most if most > 0 else 0.0
        missed, whole = missed + left, whole + most
    return (missed / whole if whole > 0 else 0.0), by_layer


def _left(found: LowRank | None, part: CombinationPart, inputs: LayerInputs, layer: str) -> float:
    """Give ‖(ΔW - ΔW_i) X_i‖² / n_i of one part in one layer."""
    terms = [] if found is None else [found]
    terms += [delta.negate(adapter.factors[layer]) for adapter in part.adapters if layer in adapter.layers]
    if not terms:
        return 0.0
    up, down = (each.double() for each in delta.concatenate(terms))
    return max(float(((up.T @ up) * (down @ inputs.gram @ down.T)).sum()), 0.0)
