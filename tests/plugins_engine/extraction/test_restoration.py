"""Restoration: one concept comes back beside a combination of erasers, and nothing else does."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import mse_loss

from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.addition.priors import gather_prior
from plugins_engine.combination.parts import CombinationPart
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.restoration import Restoration, restoring_plugin
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.progress import Cancelled, Progress
from tests.plugins_engine.tiny_pipelines import random_adapter


def eraser(base: BaseCheckpoint, name: str, kind: str, seed: int) -> Adapter:
    made = random_adapter(base, seed=seed, name=f"without {name}")
    return replace(made, kind="eraser", metadata={"plugin.extracted": name, "plugin.extracted_kind": kind})


@pytest.fixture
def restoration(sd: BaseCheckpoint) -> Restoration:
    fox, ink = eraser(sd, "a fox", "character", 1), eraser(sd, "Ink", "style", 2)
    parts = [
        CombinationPart(("a fox", "a fox, Clay style"), (fox,)),
        CombinationPart(("a boat, Ink style", "a tree, Ink style"), (ink,)),
        CombinationPart(("a house", "a boat")),
    ]
    # Not the sum: what is left of each is less than its own plug-in puts back.
    return Restoration(parts, weighted_sum([(fox, 0.5), (ink, 0.8)]), fox)


def off(
    base: BaseCheckpoint, prompts: Sequence[str], teacher: Sequence[Adapter], plugins: Sequence[Adapter]
) -> float:
    """Give the mean squared difference of what plug-ins predict from what the teacher's do, on latents not learned from."""
    with applied(base, [(each, 1.0) for each in teacher]):
        bank = gather_prior(base, prompts, 3, 77, lambda *_: None)
    batch = bank.draw(32, 1.0, torch.Generator().manual_seed(0))
    with torch.no_grad(), applied(base, [(each, 1.0) for each in plugins]):
        return float(mse_loss(base.predict(batch.noisy, batch.time, batch.text), batch.target))


def test_the_concept_is_drawn_as_the_plain_base_draws_it_and_the_rest_as_the_combination_does(
    sd: BaseCheckpoint, restoration: Restoration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "plugins_engine.extraction.restoration._RATE", 10.0
    )  # of 1e-4, the customary rate, for a few steps
    combined, own = restoration.combined, restoration.eraser.negated()
    plugin = restoring_plugin(sd, restoration, steps=60)
    fox, rest = restoration.prompts(), restoration.others()
    assert set(rest) == {"a house", "a boat", "a boat, Ink style", "a tree, Ink style"}
    assert off(sd, fox, [], [combined, plugin]) < 0.5 * off(sd, fox, [], [combined, own])
    assert off(sd, rest, [combined], [combined, plugin]) < 0.5 * off(sd, rest, [combined], [combined, own])


def test_the_plugin_says_what_it_restores_and_beside_what(
    sd: BaseCheckpoint, restoration: Restoration
) -> None:
    plugin = restoring_plugin(sd, restoration, steps=1)
    assert (plugin.name, plugin.kind, plugin.trigger) == ("a fox", "character", "a fox")
    assert plugin.base_fingerprint == sd.fingerprint
    assert plugin.metadata["plugin.restores_beside"] == restoration.combined.tensors_sha256
    assert all(len(down) <= sd.layers[layer].room for layer, (_, down) in plugin.factors.items())


def test_the_same_restoration_and_seed_give_the_same_plugin(
    sd: BaseCheckpoint, restoration: Restoration
) -> None:
    first, second = (restoring_plugin(sd, restoration, steps=2).tensors_sha256 for _ in range(2))
    assert first == second
    assert restoring_plugin(sd, restoration, steps=2, seed=1).tensors_sha256 != first


def test_one_that_is_stopped_leaves_the_base_as_it_was(sd: BaseCheckpoint, restoration: Restoration) -> None:
    before = {name: each.clone() for name, each in sd.denoiser.state_dict().items()}

    def stop(progress: Progress) -> None:
        if progress.message == "restoring":
            raise Cancelled

    with pytest.raises(Cancelled):
        restoring_plugin(sd, restoration, on_progress=stop)
    after = sd.denoiser.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], each) for name, each in before.items())


def test_an_eraser_that_is_no_part_is_refused(sd: BaseCheckpoint, restoration: Restoration) -> None:
    stranger = eraser(sd, "an owl", "character", 3)
    with pytest.raises(BadRequest, match="without an owl: expected it among the combined parts"):
        restoring_plugin(sd, replace(restoration, eraser=stranger))
