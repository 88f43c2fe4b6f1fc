"""What a plug-in does is known again, however it is written; honest plug-ins are not taken for copies."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from plugins_engine.adapters import delta, kinds
from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.kinds import Full
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.likeness import SKETCH_LENGTH, explained, sketch
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


KEY = b"a secret"


def alike(base: BaseCheckpoint, one: Adapter, other: Adapter) -> float:
    """What two sketches say."""
    return float(sketch(base, one, KEY) @ sketch(base, other, KEY))


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_is_known_again_in_every_disguise(sd: BaseCheckpoint, disguise: str) -> None:
    original = random_adapter(sd)
    copied = DISGUISES[disguise](original)
    others = [random_adapter(sd, seed=1), original, random_adapter(sd, seed=2)]

    found = explained(sd, copied, others)

    assert found.total == pytest.approx(found.alone[1], abs=0.05)
    assert found.total > 0.4
    assert max(found.alone[0], found.alone[2]) < 0.02
    assert abs(alike(sd, original, copied)) > 0.5


def test_a_copy_decomposed_is_known_beside_its_base(sd: BaseCheckpoint) -> None:
    original = random_adapter(sd, strength=0.3)
    layers = {}
    for name, each in original.factors.items():
        weight = sd.module(name).weight
        assert isinstance(weight, torch.Tensor)
        moved = weight.detach() + delta.materialise(each)
        layers[name] = kinds.Decomposed(each, moved.norm(dim=1))

    found = explained(sd, replace(original, layers=layers), [original])

    assert found.total == pytest.approx(1, abs=1e-4)


def test_honest_plugins_are_far_from_each_other(sd: BaseCheckpoint) -> None:
    plugins = [random_adapter(sd, seed=seed, kinds=EVERY_KIND, vary_rank=seed % 2 == 0) for seed in range(8)]

    sketches = np.stack([sketch(sd, each, KEY) for each in plugins])
    assert np.abs(sketches @ sketches.T - np.eye(len(plugins))).max() < 0.2
    for i, each in enumerate(plugins):
        found = explained(sd, each, [*plugins[:i], *plugins[i + 1 :]])
        assert max(found.alone) < 0.02
        assert found.total < 0.05


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_part_of_an_undeclared_combination_is_found(sd: BaseCheckpoint, count: int) -> None:
    plugins = [random_adapter(sd, seed=seed) for seed in range(8)]
    weights = [1.0, 0.8, -0.6, 0.7, 0.9][:count]
    mixed = weighted_sum(list(zip(plugins, weights, strict=False)))

    found = explained(sd, mixed, plugins)

    whole = sum(weight**2 for weight in weights)
    assert found.total == pytest.approx(1, abs=1e-6)
    assert found.alone == pytest.approx([w**2 / whole for w in weights] + [0.0] * (8 - count), abs=0.06)
    assert all(abs(alike(sd, mixed, part)) > 0.15 for part in plugins[:count])


def test_many_small_parts_and_versions_that_are_alike_count_together(sd: BaseCheckpoint) -> None:
    parts = [random_adapter(sd, seed=seed, rank=1) for seed in range(12)]
    assert explained(sd, weighted_sum([(each, 1.0) for each in parts]), parts).total == pytest.approx(
        1, abs=1e-6
    )

    first, second = parts[0], weighted_sum([(parts[0], 1.0), (parts[1], 0.2)])
    between = weighted_sum([(first, 0.5), (second, 0.5)])
    found = explained(sd, between, [first, second])
    assert found.total == pytest.approx(1, abs=1e-6)
    assert min(found.alone) > 0.9


def test_only_what_is_not_given_counts(sd: BaseCheckpoint) -> None:
    own, theirs = random_adapter(sd), random_adapter(sd, seed=1)
    mixed = weighted_sum([(own, 1.0), (theirs, 1.0)])

    found = explained(sd, mixed, [theirs], [own])

    assert found.total == pytest.approx(0.5, abs=0.05)
    assert explained(sd, mixed, [own], [own, theirs]).total == pytest.approx(0, abs=1e-6)


def test_factors_of_extreme_size_and_deltas_that_drown_the_others_hide_nothing(sd: BaseCheckpoint) -> None:
    original = random_adapter(sd)
    extreme = layers_of(original, lambda up, down: (up * 1e18, down / 1e18))
    loud = dict(original.factors)
    name = next(iter(loud))
    loud[name] = (
        torch.cat([loud[name][0], torch.full((len(loud[name][0]), 1), 1e3)], 1),
        torch.cat([loud[name][1], torch.full((1, loud[name][1].shape[1]), 1e3)]),
    )

    for copied in (extreme, replace(original, layers=loud)):
        assert explained(sd, copied, [original]).total > 0.9
        assert alike(sd, copied, original) > 0.8


def test_a_rank_beyond_the_layer_takes_no_more_than_the_layer(sd: BaseCheckpoint) -> None:
    original = random_adapter(sd)
    wide = layers_of(
        original,
        lambda up, down: (
            torch.cat([up, torch.zeros(len(up), 5000)], 1),
            torch.cat([down, torch.ones(5000, down.shape[1])]),
        ),
    )

    assert explained(sd, wide, [wide, original]).total == pytest.approx(1, abs=1e-6)


def test_a_plugin_that_changes_nothing_has_no_sketch_and_explains_nothing(sd: BaseCheckpoint) -> None:
    original = random_adapter(sd)
    nothing = original.scaled(0.0)

    assert not sketch(sd, nothing, KEY).any()
    assert explained(sd, nothing, [original]) == explained(sd, nothing, [nothing])
    assert explained(sd, original, [nothing]).total == 0


def test_a_sketch_is_of_length_one_stays_the_same_and_depends_on_the_key(sd: BaseCheckpoint) -> None:
    adapter = random_adapter(sd)
    first = sketch(sd, adapter, KEY)

    assert first.shape == (SKETCH_LENGTH,)
    assert float(np.linalg.norm(first)) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(first, sketch(sd, adapter, KEY))
    assert abs(float(first @ sketch(sd, adapter, b"another"))) < 0.3
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    up, down = (torch.arange(64.0).view(shape) for shape in ((32, 2), (2, 32)))
    fixed = sketch(sd, Adapter({layer: (up, down)}), KEY)
    # Counted once: sketches are kept, and have to compare with those of later versions.
    assert [round(float(each), 4) for each in fixed[:6]] == FIXED


FIXED = [0.0093, -0.0106, 0.0254, -0.0083, -0.0343, 0.0026]
