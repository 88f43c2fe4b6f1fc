"""Extraction: a concept leaves the base and becomes a plug-in, by every method on every architecture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.delta import materialise
from plugins_engine.addition.priors import gather_lessons
from plugins_engine.errors import BadRequest
from plugins_engine.extraction.closed_form import ClosedFormConfig
from plugins_engine.extraction.erasure import Erasure
from plugins_engine.extraction.hybrid import HybridConfig, prompts_to_hold
from plugins_engine.extraction.methods import (
    EXTRACTION_METHODS,
    ExtractionConfig,
    ExtractionMethod,
    extract_concept,
)
from plugins_engine.extraction.recovery import PLACEHOLDER, draw_with_word, learn_word
from plugins_engine.extraction.reverse_lora import ReverseLoraConfig, without_name
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.batches import noised_batch, pixels_of
from plugins_engine.model.branches import applied
from plugins_engine.model.sampler import SampleRequest, generate
from plugins_engine.progress import Cancelled, Progress
from tests.plugins_engine.peer import predicted

TASK = Erasure(
    "Ink",
    "style",
    "Clay",
    ("a fox, Ink style", "a boat, Ink style"),
    ("a fox, Clay style", "a boat, Clay style"),
    ("a cat, Wool style", "a cat"),
)
HYBRID = HybridConfig(
    rank=4,
    closed_form=ClosedFormConfig(rank=4),
    steps=3,
    target_batch=2,
    anchor_batch=2,
    retained_batch=2,
    retained_pictures=3,
    pictures=2,
    drawing_steps=2,
)
QUICK: dict[ExtractionMethod, ExtractionConfig] = {
    "hybrid": HYBRID,
    "closed-form": ClosedFormConfig(rank=4),
    "reverse-lora": ReverseLoraConfig(rank=4, steps=2, batch=2, pictures=2, drawing_steps=2),
}


def weights(base: BaseCheckpoint) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in base.denoiser.state_dict().items()}


@pytest.mark.parametrize("method", EXTRACTION_METHODS)
def test_the_plugin_takes_back_exactly_what_the_eraser_did(
    base: BaseCheckpoint, method: ExtractionMethod
) -> None:
    before = weights(base)
    done = extract_concept(base, TASK, method, QUICK[method])

    assert (done.plugin.name, done.plugin.kind, done.plugin.trigger) == ("Ink", "style", "Ink style")
    assert done.eraser.base_fingerprint == done.plugin.base_fingerprint == base.fingerprint
    for layer, factors in weighted_sum([(done.eraser, 1.0), (done.plugin, 1.0)]).factors.items():
        assert materialise(factors).abs().max() < 1e-5, layer
    assert max(float(materialise(each).abs().max()) for each in done.eraser.factors.values()) > 1e-6

    request = SampleRequest("a fox, Ink style", steps=2)
    plain, restored = (
        np.asarray(generate(base, replace(request, plugins=plugins))[0], dtype=int)
        for plugins in ((), ((done.eraser, 1.0), (done.plugin, 1.0)))
    )
    assert abs(restored - plain).max() <= 1
    with applied(base, [(done.eraser, 1.0)]):
        erased = predicted(base)
    assert not torch.equal(erased, predicted(base)), "so few steps may be too little for a pixel"
    after = base.denoiser.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("method", EXTRACTION_METHODS)
def test_the_same_extraction_gives_the_same_files(sd: BaseCheckpoint, method: ExtractionMethod) -> None:
    first, second = (extract_concept(sd, TASK, method, QUICK[method]) for _ in range(2))
    assert first.eraser.tensors_sha256 == second.eraser.tensors_sha256
    again = Adapter.load(first.plugin.to_bytes())
    assert again.tensors_sha256 == first.plugin.tensors_sha256
    assert again.metadata["plugin.extracted"] == "Ink"


@pytest.mark.parametrize("method", ["hybrid", "reverse-lora"])
def test_stopping_at_any_stage_leaves_the_base_as_it_was(
    sd: BaseCheckpoint, method: ExtractionMethod
) -> None:
    before = weights(sd)
    stages: list[str] = []
    extract_concept(sd, TASK, method, QUICK[method], lambda progress: stages.append(progress.message))
    assert len(dict.fromkeys(stages)) >= 3
    for stage in dict.fromkeys(stages):

        def stop(progress: Progress, stage: str = stage) -> None:
            if progress.message == stage:
                raise Cancelled

        with pytest.raises(Cancelled):
            extract_concept(sd, TASK, method, QUICK[method], stop)
        assert all(torch.equal(value, before[name]) for name, value in sd.denoiser.state_dict().items())


def test_the_hybrid_edits_what_reads_the_text_in_closed_form_and_distils_all_other_attention(
    sd: BaseCheckpoint,
) -> None:
    done = extract_concept(sd, TASK, "hybrid", HYBRID).eraser
    read = extract_concept(sd, TASK, "closed-form", HYBRID.closed_form).eraser
    assert set(done.layers) == set(sd.adaptable_layers(("attention",)))
    assert set(read.layers) == set(sd.reading_layers)
    for layer, factors in done.factors.items():
        if layer in read.layers:
            assert all(torch.equal(a, b) for a, b in zip(factors, read.factors[layer], strict=True))
        else:
            assert float(materialise(factors).abs().max()) > 0


def test_half_of_what_is_held_are_the_prompts_that_read_most_like_the_target(sd: BaseCheckpoint) -> None:
    near = ("a fox, Ink styles", "a boat, ink stylus")
    others = tuple(f"{number} houses on a hill far away in the rain" for number in range(38))
    task = replace(TASK, retained=(*others[:7], *near, *others[7:]))
    config = replace(HYBRID, retained_pictures=4, near_share=0.05)  # 2 of the 40
    held = prompts_to_hold(sd, task, config)
    assert set(held[:2]) == set(near)
    assert held[2:] == [task.retained[0], task.retained[20]]
    assert sorted(prompts_to_hold(sd, TASK, config)) == [
        "a cat",
        "a cat, Wool style",
    ]  # no more than there are


def test_distillation_brings_the_target_nearer_to_its_anchor(sd: BaseCheckpoint) -> None:
    # Only rows of the target: those that are held begin without error, so they would hide what is learned.
    config = replace(
        HYBRID, steps=25, learning_rate=3e-3, pictures=4, target_batch=8, anchor_batch=0, retained_batch=0
    )
    losses = []
    extract_concept(sd, TASK, "hybrid", config, lambda progress: losses.append(progress.loss))
    distilled = [loss for loss in losses if loss is not None]
    assert sum(distilled[-5:]) < 0.8 * sum(distilled[:5])


def test_lessons_are_what_the_base_predicts_for_both_prompts(sd: BaseCheckpoint) -> None:
    own, other = gather_lessons(sd, TASK.targets, TASK.anchors, 2, 0, lambda *_: None)
    assert torch.equal(own.noisy, other.noisy)
    assert not torch.equal(own.predicted, other.predicted)
    text = sd.encode_prompt([TASK.anchors[0]])
    with torch.no_grad():
        found = sd.denoiser(other.noisy[:1], other.time[:1], encoder_hidden_states=text.tokens).sample
    assert torch.allclose(found, other.predicted[:1], atol=1e-5)


def test_a_prompt_without_the_name_keeps_the_rest() -> None:
    assert without_name("a fox, Ink style", TASK) == "a fox"
    character = replace(TASK, name="Mo", kind="character")
    assert without_name("Mo, Ink style", character) == "Ink style"
    assert without_name("Mo", character) == ""
    assert without_name("a Mo, Ink style", character) == "Ink style"
    assert without_name("a house with Mo", character) == "a house with"


def test_a_learned_word_is_read_only_where_it_is_asked_for(base: BaseCheckpoint) -> None:
    pictures = generate(base, SampleRequest("a fox, Ink style", steps=2, count=2))
    prompts = [f"a fox, {PLACEHOLDER} style"] * 2
    plain = base.encode_prompt(prompts).tokens
    word = learn_word(base, pictures, prompts, "Ink", steps=3, batch=2)
    assert torch.equal(base.encode_prompt(prompts).tokens, plain)
    with word.read():
        assert not torch.equal(base.encode_prompt(prompts).tokens, plain)
    assert len(draw_with_word(base, word, prompts[:1], steps=2)) == 1
    assert not any(vector.requires_grad for vector in word.vectors.values())


def test_a_learned_word_is_read_beside_a_comma_and_refused_where_it_is_glued_to_one(
    base: BaseCheckpoint,
) -> None:
    pictures = generate(base, SampleRequest("a fox, Ink style", steps=2, count=2))
    prompts = [f"a {PLACEHOLDER}, Ink style"] * 2
    plain = base.encode_prompt(prompts).tokens
    word = learn_word(base, pictures, prompts, "fox", steps=1, batch=2)
    with word.read():
        assert not torch.equal(base.encode_prompt(prompts).tokens, plain)
    for glued in ("a *, Ink style", "a fox, Ink style"):
        with pytest.raises(ValueError, match="as a word of its own"):
            learn_word(base, pictures, [glued] * 2, "fox", steps=1)
        with pytest.raises(ValueError, match="as a word of its own"):
            draw_with_word(base, word, [glued], steps=2)


def test_a_learned_word_lowers_the_error_on_its_pictures(sd: BaseCheckpoint) -> None:
    pictures = generate(sd, SampleRequest("a fox, Ink style", steps=2, count=2))
    prompts = [f"a fox, {PLACEHOLDER} style"] * 2
    latents = sd.encode_pixels(pixels_of(sd, pictures, flip=False)).repeat(16, 1, 1, 1)

    def error(steps: int) -> float:
        word = learn_word(sd, pictures, prompts, "Clay", steps=steps, batch=8)
        with word.read():
            text = sd.encode_prompt(prompts * 16)
        batch = noised_batch(sd, latents, text, 5.0, torch.Generator().manual_seed(99))
        with torch.no_grad():
            found = sd.denoiser(batch.noisy, batch.time, encoder_hidden_states=text.tokens).sample
        return float(((found - batch.target).pow(2).mean((1, 2, 3)) * batch.weight).mean())

    assert error(30) < error(1)


def test_a_method_is_refused_with_what_was_expected(sd: BaseCheckpoint) -> None:
    with pytest.raises(BadRequest, match="expected one of hybrid, closed-form, reverse-lora"):
        extract_concept(sd, TASK, "wish")  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="in rising order"):
        HybridConfig(reach=(1.0, 0.5))
    with pytest.raises(BadRequest, match="learning_rate"):
        HybridConfig(learning_rate=0.0)
    with pytest.raises(BadRequest, match="expected HybridConfig for hybrid, found ClosedFormConfig"):
        extract_concept(sd, TASK, "hybrid", ClosedFormConfig())
    with pytest.raises(BadRequest, match="steps -1"):
        HybridConfig(steps=-1)
    with pytest.raises(BadRequest, match="learning_rate nan"):
        ReverseLoraConfig(learning_rate=float("nan"))
