"""Other programs read the files that are written, and predict the same."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxPipeline, ZImagePipeline
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import aliases
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from plugins_engine.model.text_encoding import PromptEmbedding
from tests.plugins_engine.adapters.lora_files import file
from tests.plugins_engine.peer import pipeline_of, predicted
from tests.plugins_engine.tiny_pipelines import EVERY_KIND, random_adapter, random_reader, random_tokens


@pytest.mark.parametrize("vary_rank", [False, True])
@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_diffusers_loads_the_file_and_predicts_the_same(
    base: BaseCheckpoint, tmp_path: Path, naming: str, vary_rank: bool
) -> None:
    if naming == "kohya" and base.family.is_flow:
        pytest.skip("kohya's naming is of the UNets alone")
    kinds = EVERY_KIND if naming == "peft" else ("attention", "projection")
    adapter = random_adapter(base, kinds=kinds, vary_rank=vary_rank)
    adapter.save(tmp_path / "one.safetensors", naming=naming)  # type: ignore[arg-type]  # a parameter
    _assert_diffusers_agrees(base, tmp_path, adapter)


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_diffusers_reads_prompts_and_predicts_with_a_file_that_changes_both(
    base: BaseCheckpoint, tmp_path: Path, naming: str
) -> None:
    if naming == "kohya" and base.family.is_flow:
        pytest.skip("kohya's naming is of the UNets alone")
    adapter = random_reader(base, strength=0.1)
    if naming == "kohya":  # diffusers refuses learned tokens there
        adapter = replace(adapter, tokens=())
    adapter.save(tmp_path / "one.safetensors", naming=naming)  # type: ignore[arg-type]  # a parameter
    pipeline = pipeline_of(base)

    pipeline.load_lora_weights(tmp_path, weight_name="one.safetensors", local_files_only=True)

    # The tokens are what diffusers leaves out.
    ours = [(replace(adapter, tokens=()), 1.0)]
    with torch.no_grad(), applied(base, ours):
        text = base.encode_prompt(["a fox, Random style"])
        noisy = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        time = torch.tensor(500)
        expected = base.predict(noisy, time, text)
    with torch.no_grad():
        found, pooled = _encoded_by(pipeline, "a fox, Random style")
        theirs = getattr(pipeline, base.directory.layout.folder)
        found_there = base.predict(noisy, time, PromptEmbedding(found, pooled), theirs)
        plain = base.encode_prompt(["a fox, Random style"])
        before = base.predict(noisy, time, plain)
    torch.testing.assert_close(found, text.tokens, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found_there, expected, rtol=1e-3, atol=1e-4)
    # FLUX.1 reads T5's tokens, which such files leave alone, and CLIP's pooled vector. Z-Image reads no CLIP.
    read = {"FLUX.1": (text.pooled, plain.pooled), "Z-Image": (expected, before)}
    moved = read.get(base.family.name, (text.tokens, plain.tokens))
    assert moved[0] is not None
    assert moved[1] is not None
    assert (moved[0] - moved[1]).abs().max() > 0.01


def test_diffusers_refuses_kohyas_naming_with_learned_tokens_and_does_not_drop_them(
    sd: BaseCheckpoint, tmp_path: Path
) -> None:
    random_reader(sd).save(tmp_path / "one.safetensors", naming="kohya")

    with pytest.raises(ValueError, match="Invalid LoRA checkpoint"):
        pipeline_of(sd).load_lora_weights(tmp_path, weight_name="one.safetensors", local_files_only=True)


def test_diffusers_reads_learned_tokens_from_files_of_their_own(base: BaseCheckpoint, tmp_path: Path) -> None:
    if base.family.is_flow:
        pytest.skip("diffusers loads no learned tokens of all text encoders there")
    adapter = Adapter({}, tokens=(random_tokens(base, "Ink", count=4),))
    pipeline = pipeline_of(base)
    parts = {
        "text_encoder": ("text_encoder", "tokenizer"),
        "text_encoder_2": ("text_encoder_2", "tokenizer_2"),
    }

    for (words, encoder), content in adapter.textual_inversions().items():
        (tmp_path / f"{encoder}.safetensors").write_bytes(content)
        own, tokenizer = (getattr(pipeline, each) for each in parts[encoder])
        pipeline.load_textual_inversion(
            str(tmp_path),
            weight_name=f"{encoder}.safetensors",
            token=words,
            text_encoder=own,
            tokenizer=tokenizer,
        )

    with torch.no_grad():
        found, _ = _encoded_by(pipeline, "a fox, ink style")
        with applied(base, [(adapter, 1.0)]):
            expected = base.encode_prompt(["a fox, ink style"]).tokens
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def _encoded_by(pipeline: Any, prompt: str) -> tuple[Tensor, Tensor | None]:
    """Give the tokens and the pooled vector, None where there is none."""
    if isinstance(pipeline, FluxPipeline):
        tokens, of_clip, _ = pipeline.encode_prompt(prompt, device="cpu")
        return tokens, of_clip
    if isinstance(pipeline, ZImagePipeline):
        (tokens,), _ = pipeline.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False)
        return tokens[None], None
    more = {"prompt_2": None, "prompt_3": None} if hasattr(pipeline, "text_encoder_3") else {}
    found, _, *pooled = pipeline.encode_prompt(
        prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False, **more
    )
    return found, pooled[0] if pooled else None


def test_diffusers_reads_the_original_block_names_of_sdxl_as_we_do(
    bases: dict[str, BaseCheckpoint], tmp_path: Path
) -> None:
    base = bases["sdxl"]
    adapter = random_adapter(base)
    original = {
        real.layer: alias
        for alias, (real, *_) in aliases(base.layers).items()
        if "put_blocks" in alias or "middle" in alias
    }
    tensors: dict[str, Tensor] = {}
    for layer, (up, down) in adapter.factors.items():
        key = f"lora_unet_{original[layer]}"
        tensors |= {
            f"{key}.lora_up.weight": up,
            f"{key}.lora_down.weight": down * 2,
            f"{key}.alpha": torch.tensor(2.0),
        }
    (tmp_path / "one.safetensors").write_bytes(file(tensors))

    loaded = Adapter.load(tmp_path / "one.safetensors", base.layers)

    layer = next(iter(adapter.layers))
    torch.testing.assert_close(
        delta.materialise(loaded.factors[layer]), delta.materialise(adapter.factors[layer])
    )
    _assert_diffusers_agrees(base, tmp_path, adapter)


def _assert_diffusers_agrees(base: BaseCheckpoint, folder: Path, adapter: Adapter) -> None:
    """Compare the denoiser with the deltas added to its weights with diffusers' reading of the file in the folder."""
    pipeline, plain = pipeline_of(base), copy.deepcopy(base.denoiser)
    for layer, factors in adapter.factors.items():
        parameter = plain.get_submodule(layer).weight
        parameter.data += delta.materialise(factors).view_as(parameter)

    pipeline.load_lora_weights(folder, weight_name="one.safetensors", local_files_only=True)

    found, expected = predicted(base, getattr(pipeline, base.directory.layout.folder)), predicted(base, plain)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert (expected - predicted(base)).abs().max() > 0.01
