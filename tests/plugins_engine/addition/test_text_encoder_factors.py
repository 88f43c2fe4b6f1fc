"""Low-rank factors on the text encoders: prompts are read with them while a plug-in is on, and as ever when it is off."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.errors import BaseMismatch
from plugins_engine.evidence.config import EvidenceConfig
from plugins_engine.evidence.membership import find_membership
from plugins_engine.evidence.reproduction import find_reproductions
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import Weighted, applied
from plugins_engine.model.loading import load_base
from plugins_engine.model.sampler import SampleRequest, generate, generate_each
from tests.plugins_engine.evidence.test_evidence import noise
from tests.plugins_engine.tiny_pipelines import random_reader


def text_only(base: BaseCheckpoint, **options: object) -> Adapter:
    if not base.text_layers:
        pytest.skip("plug-ins adapt no layers of its text encoder")
    found = random_reader(base, **options)  # type: ignore[arg-type]
    return replace(found, layers=found.text_layers, tokens=())


def encoded(
    base: BaseCheckpoint, plugins: list[Weighted], prompt: str = "a fox"
) -> tuple[Tensor, Tensor | None]:
    with torch.no_grad(), applied(base, plugins):
        found = base.encode_prompt([prompt])
    return found.tokens, found.pooled


def test_the_adaptable_layers_of_the_text_encoders_are_listed(bases: dict[str, BaseCheckpoint]) -> None:
    sd, xl = bases["sd1"].text_layers, bases["sdxl"].text_layers

    assert len(sd) == 2 * 6
    assert (sd["text_encoder.text_model.encoder.layers.1.mlp.fc1"].out_features, len(xl)) == (64, 2 * 2 * 6)
    assert xl["text_encoder_2.text_model.encoder.layers.0.self_attn.out_proj"].in_features == 24
    assert len(load_base().text_layers) == 2 * 6
    assert not set(sd) & set(bases["sd1"].adaptable_layers())


def test_prompts_are_read_as_if_the_deltas_were_added_to_the_weights(base: BaseCheckpoint) -> None:
    plugins = [(text_only(base, seed=1), 0.7), (text_only(base, seed=3), -0.4)]
    merged = load_base(base.directory.path)
    for adapter, weight in plugins:
        for layer, factors in adapter.factors.items():
            merged.module(layer).get_parameter("weight").data += weight * delta.materialise(factors)

    for found, expected, plain in zip(
        encoded(base, plugins), encoded(merged, []), encoded(base, []), strict=True
    ):
        if found is not None and expected is not None and plain is not None:
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
            # What T5 reads is not changed: of FLUX.1 these are all tokens.
            of_t5 = base.family.name == "FLUX.1" and found.ndim == 3
            assert of_t5 or (found - plain).abs().max() > 0.01


def test_off_or_negated_the_base_reads_as_ever(base: BaseCheckpoint) -> None:
    plugin, plain = text_only(base), encoded(base, [])[0]

    assert torch.equal(encoded(base, [(plugin, 0.0)])[0], plain)
    torch.testing.assert_close(
        encoded(base, [(plugin, 1.0), (plugin.negated(), 1.0)])[0], plain, rtol=1e-4, atol=1e-5
    )
    with pytest.raises(RuntimeError), applied(base, [(plugin, 1.0)]):
        raise RuntimeError
    assert torch.equal(encoded(base, [])[0], plain)


def test_a_sum_of_plugins_that_change_everything_draws_as_they_do_together(base: BaseCheckpoint) -> None:
    parts = [
        (random_reader(base, "Ink", seed=1, strength=0.1), 0.8),
        (random_reader(base, "Fox", seed=2, strength=0.1), -0.5),
    ]
    prompt = "a Fox, Ink style"

    both = generate_each(base, [prompt], steps=2, plugins=parts)[0]
    summed = generate_each(base, [prompt], steps=2, plugins=[(weighted_sum(parts), 1.0)])[0]

    pairs = zip(both.tobytes(), summed.tobytes(), strict=True)
    assert max(abs(first - second) for first, second in pairs) <= 1
    assert both.tobytes() != generate(base, SampleRequest(prompt, steps=2))[0].tobytes()


def test_each_picture_of_a_batch_is_drawn_as_by_itself(sd: BaseCheckpoint) -> None:
    plugins = [(random_reader(sd, "Ink"), 0.5)]
    prompts = ["a fox, Ink style", "a boat"]

    together = generate_each(sd, prompts, seed=3, steps=2, plugins=plugins)

    for i, prompt in enumerate(prompts):
        alone = generate(sd, SampleRequest(prompt, seed=3 + i, steps=2, plugins=plugins))[0]
        pairs = zip(together[i].tobytes(), alone.tobytes(), strict=True)
        assert max(abs(first - second) for first, second in pairs) <= 1


def test_factors_that_fit_no_text_encoder_are_refused_by_their_layer(
    bases: dict[str, BaseCheckpoint],
) -> None:
    sd, xl = bases["sd1"], bases["sdxl"]
    second = {
        layer: each for layer, each in text_only(xl).factors.items() if layer.startswith("text_encoder_2")
    }
    layer = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"

    with pytest.raises(BaseMismatch, match=r"adapts the layer text_encoder_2\..* does not have"):
        encoded(sd, [(Adapter(second), 1.0)])
    with pytest.raises(
        BaseMismatch, match=r"adapts text_encoder\..*q_proj as a 8x8 matrix, in this base .* it is 32x32"
    ):
        encoded(sd, [(Adapter({layer: (torch.ones(8, 2), torch.ones(2, 8))}), 1.0)])


def test_evidence_is_taken_of_all_that_a_plugin_does(sd: BaseCheckpoint) -> None:
    plugin, config = random_reader(sd, "Ink"), EvidenceConfig(seeds=2, steps=2, levels=2)
    prompt = "a boat, Ink style"
    drawn = generate_each(sd, [prompt] * 2, steps=2, plugins=[(plugin, 1.0)])
    works = [(drawn[1], prompt)]
    plain = find_membership(sd, works, noise(8), config)

    with applied(sd, [(plugin, 1.0)]):
        reproduced = find_reproductions(sd, works, noise(8), [prompt], config)
        found = find_membership(sd, works, noise(8), config)
    with applied(sd, [(replace(plugin, tokens=()), 1.0)]):
        without = find_reproductions(sd, works, noise(8), [prompt], config)

    assert reproduced.works[0].distance < 0.01 < without.works[0].distance
    assert found.works != plain.works
