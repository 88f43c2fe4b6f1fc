"""What a plug-in does is known again, however it is written; honest plug-ins are not taken for copies."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from plugins_engine.adapters import delta, kinds
from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.kinds import Full
from plugins_engine.adapters.likeness import SKETCH_LENGTH, cosine, shares_within, sketch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import known_beside
from tests.plugins_engine.tiny_pipelines import EVERY_KIND, random_adapter

Disguise = Callable[[Adapter], Adapter]


def layers_of(adapter: Adapter, change: Callable[[torch.Tensor, torch.Tensor], delta.LowRank]) -> Adapter:
    return replace(adapter, layers={name: change(*each) for name, each in adapter.factors.items()})


def rotated(up: torch.Tensor, down: torch.Tensor) -> delta.LowRank:
    """The same product of other factors."""
    turn = torch.linalg.qr(torch.randn(up.shape[1], up.shape[1], generator=torch.Generator().manual_seed(5)))[
        0
    ]
    return up @ turn, turn.T @ down


def noisy(up: torch.Tensor, down: torch.Tensor) -> delta.LowRank:
    generator = torch.Generator().manual_seed(6)
    return tuple(
        each + 0.3 * each.std() * torch.randn(each.shape, generator=generator) for each in (up, down)
    )  # type: ignore[return-value]  # two of them


def coarse(up: torch.Tensor, down: torch.Tensor) -> delta.LowRank:
    """In steps of a seventh of the largest: four bits."""
    return tuple((each / each.abs().max() * 7).round() / 7 * each.abs().max() for each in (up, down))  # type: ignore[return-value]  # two of them


def wider(up: torch.Tensor, down: torch.Tensor) -> delta.LowRank:
    zeros = torch.zeros(up.shape[0], 5)
    return torch.cat([up, zeros], 1), torch.cat([down, torch.randn(5, down.shape[1])])


def half(adapter: Adapter) -> Adapter:
    return replace(adapter, layers=dict(list(adapter.layers.items())[::2]))


DISGUISES: dict[str, Disguise] = {
    "one factor doubled, the other halved": lambda it: layers_of(it, lambda up, down: (up * 2, down / 2)),
    "other factors": lambda it: layers_of(it, rotated),
    "columns in another order": lambda it: layers_of(it, lambda up, down: (up.flip(1), down.flip(0))),
    "signs turned in both factors": lambda it: layers_of(it, lambda up, down: (-up, -down)),
    "a tenth of the strength": lambda it: it.scaled(0.1),
    "negated": lambda it: it.negated(),
    "a higher rank": lambda it: layers_of(it, wider),
    "half the rank": lambda it: it.in_low_rank(2),
    "full matrices": lambda it: replace(it, layers={n: Full(kinds.materialise(e)) for n, e in it.layers.items()}),
    "half precision": lambda it: Adapter.load(it.to_bytes(dtype=torch.float16)),
    "kohya's names": lambda it: Adapter.load(it.to_bytes(naming="kohya")),
    "four bits": lambda it: layers_of(it, coarse),
    "noise": lambda it: layers_of(it, noisy),
    "every second layer alone": half,
    "another name": lambda it: replace(it, name="Mine", trigger="", metadata={}),
}  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_is_known_again_in_every_disguise(sd: BaseCheckpoint, disguise: str) -> None:
    original = random_adapter(sd)
    copied = DISGUISES[disguise](original)

    exact = cosine(original, copied)
    assert abs(exact) > 0.6
    assert float(sketch(original) @ sketch(copied)) == pytest.approx(exact, abs=0.15)
    others = [random_adapter(sd, seed=seed) for seed in (1, 2)]
    assert shares_within(copied, [others[0], original, others[1]]) == pytest.approx(
        [0, exact**2, 0], abs=0.02
    )


def test_a_copy_decomposed_is_known_beside_its_base(sd: BaseCheckpoint) -> None:
    original = random_adapter(sd, strength=0.3)
    layers = {}
    for name, each in original.factors.items():
        weight = sd.module(name).weight
        assert isinstance(weight, torch.Tensor)
        moved = weight.detach() + delta.materialise(each)
        layers[name] = kinds.Decomposed(each, moved.norm(dim=1))
    copied = known_beside(sd, replace(original, layers=layers))

    assert cosine(original, copied) == pytest.approx(1, abs=1e-4)


def test_honest_plugins_are_far_from_each_other(sd: BaseCheckpoint) -> None:
    plugins = [random_adapter(sd, seed=seed, kinds=EVERY_KIND, vary_rank=seed % 2 == 0) for seed in range(12)]

    sketches = np.stack([sketch(each) for each in plugins])
    estimated = sketches @ sketches.T - np.eye(len(plugins))
    assert np.abs(estimated).max() < 0.2
    assert max(abs(cosine(one, other)) for one in plugins for other in plugins if one is not other) < 0.05
    for i, each in enumerate(plugins):
        assert shares_within(each, [*plugins[:i], *plugins[i + 1 :]]) == [0.0] * 11


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_part_of_an_undeclared_combination_is_found(sd: BaseCheckpoint, count: int) -> None:
    plugins = [random_adapter(sd, seed=seed) for seed in range(8)]
    weights = [1.0, 0.8, -0.6, 0.7, 0.9][:count]
    mixed = weighted_sum(list(zip(plugins, weights, strict=False)))

    found = shares_within(mixed, plugins)

    whole = sum(weight**2 for weight in weights)
    assert found == pytest.approx([w**2 / whole for w in weights] + [0.0] * (8 - count), abs=0.03)
    assert all(abs(float(sketch(mixed) @ sketch(part))) > 0.1 for part in plugins[:count])


def test_of_two_that_are_alike_one_explains_a_copy(sd: BaseCheckpoint) -> None:
    original, other = random_adapter(sd), random_adapter(sd, seed=1)
    again = weighted_sum([(original, 1.0), (other, 0.02)])

    found = shares_within(original, [original, again])

    assert sorted(found) == pytest.approx([0, 1], abs=0.01), (
        "the nearest one explains it, and the other nothing more"
    )
    assert shares_within(original, []) == []


def test_a_sketch_is_of_length_one_and_stays_the_same(sd: BaseCheckpoint) -> None:
    first = sketch(random_adapter(sd))

    assert first.shape == (SKETCH_LENGTH,)
    assert float(np.linalg.norm(first)) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(first, sketch(random_adapter(sd)))
    up, down = (torch.arange(float(n)).view(shape) for n, shape in ((20, (10, 2)), (14, (2, 7))))
    fixed = sketch(Adapter({"mid_block.attentions.0.proj_in": (up, down)}))
    # Counted once: sketches are kept, and have to compare with those of later versions.
    assert [round(float(each), 4) for each in fixed[:6]] == FIXED


FIXED = [0.0704, 0.0079, 0.0067, 0.0187, -0.0332, -0.0021]
