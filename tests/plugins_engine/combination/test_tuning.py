"""A combination tuned as a whole: nearer to what each plug-in predicts than layers solved one by one."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import mse_loss

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.easymerge import combine
from plugins_engine.combination.parts import RETAINED_WEIGHT, CombinationPart, joint_parts
from plugins_engine.combination.tuning import (
    gather_predictions,
    prediction_error,
    reading_as,
    tuned,
    weights_of,
)
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from tests.plugins_engine.tiny_pipelines import random_adapter, random_reader

FAST = CombinationConfig("closed-form", pictures=4, steps=2)


@pytest.fixture
def parts(sd: BaseCheckpoint) -> list[CombinationPart]:
    """A style, a character, both at once, and prompts to leave alone."""
    ink = random_adapter(sd, seed=1, name="Ink", vary_rank=True)
    fox = replace(random_adapter(sd, seed=2, name="Fox"), kind="character", trigger="Fox")
    alone = [
        CombinationPart(("a boat, Ink style", "a tree, Ink style"), (ink,)),
        CombinationPart(("a fox",), (fox,)),
    ]
    return [*alone, *joint_parts(alone), CombinationPart(("a house",))]


def missed(base: BaseCheckpoint, parts: list[CombinationPart], layers: dict[str, delta.LowRank]) -> float:
    """Give the mean squared error of the predictions, on latents that were not tuned on."""
    banks = gather_predictions(base, parts, 99, lambda *_: None)
    error = 0.0
    with torch.no_grad(), applied(base, [(Adapter(layers, base_fingerprint=base.fingerprint), 1.0)]):
        for bank in banks:
            batch = bank.draw(16, 1.0, torch.Generator().manual_seed(0))
            error += float(mse_loss(base.predict(batch.noisy, batch.time, batch.text), batch.target))
    return error


def test_it_predicts_more_like_the_plugins_and_keeps_every_layers_rank(
    sd: BaseCheckpoint, parts: list[CombinationPart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "plugins_engine.combination.tuning._RATE", 10.0
    )  # of 1e-4, the customary rate, for a few steps
    solved = combine(sd, parts, FAST).adapter.factors
    banks = gather_predictions(sd, parts, 0, lambda *_: None)
    weights = weights_of(sd, parts, banks, 0)
    after = tuned(sd, parts, banks, weights, solved, 30, 0, lambda *_: None)
    assert missed(sd, parts, after) < 0.9 * missed(sd, parts, solved)
    assert {name: delta.rank(each) for name, each in after.items()} == {
        name: delta.rank(each) for name, each in solved.items()
    }


def test_a_part_is_drawn_with_its_own_plugins_and_learned_from_what_they_predict(
    sd: BaseCheckpoint, parts: list[CombinationPart]
) -> None:
    for part, bank in zip(parts, gather_predictions(sd, parts, 5, lambda *_: None), strict=True):
        batch = bank.draw(8, 1.0, torch.Generator().manual_seed(1))
        with torch.no_grad():
            plain = sd.predict(batch.noisy, batch.time, batch.text)
            with applied(sd, [(adapter, 1.0) for adapter in part.adapters]):
                again = sd.predict(batch.noisy, batch.time, batch.text)
        # The bank's numbers may be bfloat16's.
        assert torch.allclose(again, batch.target, atol=0.05), part.called
        if part.adapters:
            assert mse_loss(again, batch.target) < 0.05 * mse_loss(plain, batch.target), part.called


def test_layers_are_as_wrong_as_what_they_predict(sd: BaseCheckpoint, parts: list[CombinationPart]) -> None:
    own, other, *_ = gather_predictions(sd, parts, 0, lambda *_: None)
    ink = parts[0].adapters[0].factors
    right = prediction_error(sd, [own], [1.0], ink, 0)
    wrong = prediction_error(sd, [other], [1.0], ink, 0)
    assert right < 0.05 * wrong
    assert prediction_error(sd, [own, other], [1.0, 3.0], ink, 0) == pytest.approx((right + 3 * wrong) / 4)


def test_a_part_weighs_the_more_the_less_its_plugins_change(
    sd: BaseCheckpoint, parts: list[CombinationPart]
) -> None:
    banks = gather_predictions(sd, parts, 0, lambda *_: None)
    ink, fox, both, kept = weights_of(sd, parts, banks, 0)

    changes = []
    for bank in banks:
        rows = bank.draw(24, 1.0, torch.Generator().manual_seed(0))
        with torch.no_grad():
            changes.append(float(mse_loss(sd.predict(rows.noisy, rows.time, rows.text), rows.target)))
    mean = sum(changes[:3]) / 3

    assert ink == pytest.approx(mean / changes[0], rel=0.1)
    assert fox == pytest.approx(mean / changes[1], rel=0.1)
    assert both == pytest.approx(0.5 * mean / changes[2], rel=0.1)
    assert kept == RETAINED_WEIGHT


def test_erasers_weigh_alike_and_a_plugin_that_does_nothing_is_weighed_too(
    sd: BaseCheckpoint, parts: list[CombinationPart]
) -> None:
    erasers = [
        replace(part, adapters=tuple(replace(each, kind="eraser") for each in part.adapters))
        for part in (*parts[:2], parts[3])
    ]
    banks = gather_predictions(sd, erasers, 0, lambda *_: None)
    assert weights_of(sd, erasers, banks, 0) == [1.0, 1.0, RETAINED_WEIGHT]

    nothing = replace(
        parts[0].adapters[0],
        layers={name: (0 * up, down) for name, (up, down) in parts[0].adapters[0].factors.items()},
    )
    idle = [replace(parts[0], adapters=(nothing,)), parts[1]]
    weights = weights_of(sd, idle, gather_predictions(sd, idle, 0, lambda *_: None), 0)
    assert weights == [pytest.approx(10.0), pytest.approx(0.5)]


@pytest.mark.parametrize(("near", "begins"), [(1.01, "the sum"), (0.99, "the closed form")])
def test_tuning_begins_with_the_sum_where_that_predicts_nearly_as_well_as_the_closed_form(
    sd: BaseCheckpoint,
    parts: list[CombinationPart],
    monkeypatch: pytest.MonkeyPatch,
    near: float,
    begins: str,
) -> None:
    seed = 2_000_000  # of what a combination with seed 0 is tuned on
    banks = gather_predictions(sd, parts, seed, lambda *_: None)
    starts = {
        "the sum": combine(sd, parts, replace(FAST, method="sum")).adapter.factors,
        "the closed form": combine(sd, parts, FAST).adapter.factors,
    }
    weights = weights_of(sd, parts, banks, seed)
    summed, solved = (prediction_error(sd, banks, weights, each, seed) for each in starts.values())
    monkeypatch.setattr("plugins_engine.combination.easymerge._NEAR", near * summed / solved)
    monkeypatch.setattr(
        "plugins_engine.combination.tuning._RATE", 1e-6
    )  # so that the beginning is seen in the end
    found = combine(sd, parts, replace(FAST, method="tuned", tuning_steps=1)).adapter
    apart = {
        name: sum(
            delta.norm(delta.concatenate([each, delta.negate(layers[layer])]))
            for layer, each in found.factors.items()
        )
        for name, layers in starts.items()
    }
    assert min(apart, key=lambda name: apart[name]) == begins
    assert apart[begins] < 1e-3 * max(apart.values())


def test_tuning_reads_prompts_as_the_combination_will(sd: BaseCheckpoint) -> None:
    ink = random_reader(sd, "Ink", seed=1)
    parts = [CombinationPart(("a boat, Ink style",), (ink,)), CombinationPart(("a house",))]
    reading = {layer: each for layer, each in ink.factors.items() if layer in ink.text_layers}
    banks = gather_predictions(sd, parts, 0, lambda *_: None)

    with reading_as(sd, reading, ink.tokens) as read:
        again = [read(bank) for bank in banks]

    assert torch.equal(again[0].text.tokens, banks[0].text.tokens)
    assert not torch.equal(again[1].text.tokens, banks[1].text.tokens), (
        "a house, too, with the combination on"
    )
    assert torch.equal(again[1].predicted, banks[1].predicted)
    with reading_as(sd, {}, ()) as read:
        assert read(banks[0]) is banks[0]
