"""Adapter files: every common key naming reads as the same deltas, and hostile files are told apart."""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.layer_names import aliases, flatten, published_layers
from plugins_engine.errors import BadAdapter
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied
from tests.plugins_engine.tiny_pipelines import random_adapter, random_reader, random_tokens

EVERY_KIND = ("attention", "feed_forward", "projection", "time")
Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0"
TEXT = "text_model.encoder.layers.1"
A, B = torch.arange(12.0).view(3, 4), torch.arange(15.0).view(5, 3)  # rank 3, 4 in, 5 out


def file(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    return safetensors.torch.save({key: each.clone() for key, each in tensors.items()}, metadata)


def with_header(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def assert_same(found: Adapter, expected: Adapter) -> None:
    assert list(found.layers) == list(expected.layers)
    for layer, (up, down) in expected.layers.items():
        assert torch.equal(found.layers[layer][0], up)
        assert torch.equal(found.layers[layer][1], down)
    assert found.convolutions == expected.convolutions
    assert [(each.words, each.origin, each.weight) for each in found.tokens] == [
        (each.words, each.origin, each.weight) for each in expected.tokens
    ]
    assert found.tensors_sha256 == expected.tensors_sha256


# What is written is read again


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_what_is_saved_loads_to_the_bit(base: BaseCheckpoint, tmp_path: Path, naming: str) -> None:
    adapter = random_adapter(base, kinds=EVERY_KIND, vary_rank=True)

    file_hash = adapter.save(tmp_path / "one.safetensors", naming=naming)  # type: ignore[arg-type]  # a parameter
    loaded = Adapter.load(tmp_path / "one.safetensors", base.layers)

    assert_same(loaded, adapter)
    assert (
        loaded.file_sha256
        == file_hash
        == hashlib.sha256((tmp_path / "one.safetensors").read_bytes()).hexdigest()
    )
    assert (loaded.name, loaded.kind, loaded.trigger) == ("Random", "style", "Random style")
    assert (loaded.base_fingerprint, loaded.architecture) == (base.fingerprint, base.architecture)
    assert loaded.rank == 6


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_text_encoder_factors_and_learned_tokens_load_to_the_bit(base: BaseCheckpoint, naming: str) -> None:
    adapter = random_reader(base, "Ünï Ink")

    loaded = Adapter.load(adapter.to_bytes(naming=naming), base.layers)  # type: ignore[arg-type]  # a parameter

    assert_same(loaded, adapter)
    assert loaded.text_layers.keys() == base.text_layers.keys()
    assert loaded.metadata["plugin.components"] == ", ".join(adapter.components)
    assert json.loads(loaded.metadata["plugin.words"]) == ["Ünï Ink"]


def test_scaled_tokens_and_two_of_one_name_load_to_the_bit(sd: BaseCheckpoint) -> None:
    parts = [(random_reader(sd, "Dr. No", seed=seed), weight) for seed, weight in ((1, 0.3), (2, -1.0))]
    adapter = weighted_sum(parts)

    assert_same(Adapter.load(adapter.to_bytes()), adapter)
    with pytest.raises(BadAdapter, match="expected a name once in kohya's naming, found it 2 times"):
        adapter.to_bytes(naming="kohya")
    with pytest.raises(BadAdapter, match="expected a name without dots and the weight 1 in kohya's naming"):
        parts[0][0].to_bytes(naming="kohya")
    with pytest.raises(BadAdapter, match=r"weight 0\.5"):
        random_reader(sd, "Ink").scaled(0.5).to_bytes(naming="kohya")


def test_learned_tokens_alone_are_a_plugin(sd: BaseCheckpoint) -> None:
    adapter = Adapter({}, name="Ink", tokens=(random_tokens(sd, "Ink"),))

    assert_same(Adapter.load(adapter.to_bytes()), adapter)
    assert (adapter.rank, adapter.components) == (0, ("tokens",))


def test_the_hash_of_a_plugin_of_the_unet_alone_is_what_it_always_was(sd: BaseCheckpoint) -> None:
    plain = Adapter({Q: (B, A)})
    read = replace(plain, tokens=(random_tokens(sd, "Ink"),))

    assert plain.tensors_sha256 == "249a9510dd3e829bdf72fc4e53569e642dc4371638251cd0c71067b34411454e"
    assert read.tensors_sha256 not in {plain.tensors_sha256, read.negated().tensors_sha256}
    other = replace(read, tokens=(replace(read.tokens[0], words="Inc"),))
    assert other.tensors_sha256 != read.tensors_sha256


def test_a_kohya_file_of_a_published_shape_loads_without_its_base(bases: dict[str, BaseCheckpoint]) -> None:
    adapter = random_adapter(bases["sd1"], kinds=EVERY_KIND)

    assert_same(Adapter.load(adapter.to_bytes(naming="kohya")), adapter)


def test_the_tensors_hash_ignores_naming_metadata_and_order_but_not_one_weight(sd: BaseCheckpoint) -> None:
    adapter = random_adapter(sd)
    reverse = Adapter(dict(reversed(adapter.layers.items())), convolutions=adapter.convolutions)
    layers = {name: (up.clone(), down.clone()) for name, (up, down) in adapter.layers.items()}
    layers[next(iter(layers))][0][0, 0] += 1e-5

    loaded = Adapter.load(adapter.to_bytes({"note": "other"}, naming="kohya"))

    assert loaded.file_sha256 != Adapter.load(adapter.to_bytes()).file_sha256
    assert loaded.tensors_sha256 == reverse.tensors_sha256 == adapter.tensors_sha256
    assert Adapter(layers).tensors_sha256 != adapter.tensors_sha256


def test_half_precision_files_are_half_the_size_and_load_as_float32(sd: BaseCheckpoint) -> None:
    adapter = random_adapter(sd, rank=32)

    small = adapter.to_bytes(dtype=torch.float16)

    assert len(small) < 0.6 * len(adapter.to_bytes())
    layer = next(iter(adapter.layers))
    assert torch.equal(Adapter.load(small).layers[layer][0], adapter.layers[layer][0].half().float())


# Other programs read what is written


@pytest.mark.parametrize("vary_rank", [False, True])
@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_diffusers_loads_the_file_and_predicts_the_same(
    base: BaseCheckpoint, tmp_path: Path, naming: str, vary_rank: bool
) -> None:
    kinds = EVERY_KIND if naming == "peft" else ("attention", "projection")
    adapter = random_adapter(base, kinds=kinds, vary_rank=vary_rank)
    adapter.save(tmp_path / "one.safetensors", naming=naming)  # type: ignore[arg-type]  # a parameter
    _assert_diffusers_agrees(base, tmp_path, adapter)


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_diffusers_reads_prompts_and_predicts_with_a_file_that_changes_both(
    base: BaseCheckpoint, tmp_path: Path, naming: str
) -> None:
    adapter = random_reader(base, strength=0.1)
    if naming == "kohya":  # diffusers refuses learned tokens there
        adapter = replace(adapter, tokens=())
    adapter.save(tmp_path / "one.safetensors", naming=naming)  # type: ignore[arg-type]  # a parameter
    pipeline = _pipeline(base)

    pipeline.load_lora_weights(tmp_path, weight_name="one.safetensors", local_files_only=True)

    # The tokens are what diffusers leaves out.
    ours = [(replace(adapter, tokens=()), 1.0)]
    with torch.no_grad(), applied(base, ours):
        text = base.encode_prompt(["a fox, Random style"])
        conditions = base.added_conditions(text.pooled, 32, 32)
        noisy = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        expected = base.unet(noisy, 500, text.tokens, added_cond_kwargs=conditions).sample
    with torch.no_grad():
        found, _, *more = pipeline.encode_prompt(
            "a fox, Random style", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        if conditions is not None:
            conditions |= {"text_embeds": more[0]}
        predicted = pipeline.unet(noisy, 500, found, added_cond_kwargs=conditions).sample
        plain = base.encode_prompt(["a fox, Random style"]).tokens
    torch.testing.assert_close(found, text.tokens, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(predicted, expected, rtol=1e-3, atol=1e-4)
    assert (text.tokens - plain).abs().max() > 0.01


def test_diffusers_refuses_kohyas_naming_with_learned_tokens_and_does_not_drop_them(
    sd: BaseCheckpoint, tmp_path: Path
) -> None:
    random_reader(sd).save(tmp_path / "one.safetensors", naming="kohya")

    with pytest.raises(ValueError, match="Invalid LoRA checkpoint"):
        _pipeline(sd).load_lora_weights(tmp_path, weight_name="one.safetensors", local_files_only=True)


def test_diffusers_reads_learned_tokens_from_files_of_their_own(base: BaseCheckpoint, tmp_path: Path) -> None:
    adapter = Adapter({}, tokens=(random_tokens(base, "Ink", count=4),))
    pipeline = _pipeline(base)
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
        found = pipeline.encode_prompt(
            "a fox, ink style", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )[0]
        with applied(base, [(adapter, 1.0)]):
            expected = base.encode_prompt(["a fox, ink style"]).tokens
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def _pipeline(base: BaseCheckpoint) -> Any:
    kind = StableDiffusionXLPipeline if base.is_xl else StableDiffusionPipeline
    return kind.from_pretrained(base.directory.path, local_files_only=True)


def test_diffusers_reads_the_original_block_names_of_sdxl_as_we_do(
    bases: dict[str, BaseCheckpoint], tmp_path: Path
) -> None:
    base = bases["sdxl"]
    adapter = random_adapter(base)
    original = {
        real: alias
        for alias, real in aliases(base.layers).items()
        if "put_blocks" in alias or "middle" in alias
    }
    tensors: dict[str, Tensor] = {}
    for layer, (up, down) in adapter.layers.items():
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
        delta.materialise(loaded.layers[layer]), delta.materialise(adapter.layers[layer])
    )
    _assert_diffusers_agrees(base, tmp_path, adapter)


def _assert_diffusers_agrees(base: BaseCheckpoint, folder: Path, adapter: Adapter) -> None:
    """Compare the UNet with the deltas added to its weights with diffusers' reading of the file in the folder."""
    pipeline, plain = _pipeline(base), _pipeline(base).unet
    for layer, factors in adapter.layers.items():
        parameter = plain.get_submodule(layer).weight
        parameter.data += delta.materialise(factors).view_as(parameter)

    pipeline.load_lora_weights(folder, weight_name="one.safetensors", local_files_only=True)

    width = base.unet.config.cross_attention_dim
    generator = torch.Generator().manual_seed(0)
    latents, text = (
        torch.randn(1, 4, 16, 16, generator=generator),
        torch.randn(1, 9, width, generator=generator),
    )
    conditions = base.added_conditions(torch.ones(1, 16), 32, 32) if base.is_xl else None
    with torch.no_grad():
        found = pipeline.unet(latents, 500, text, added_cond_kwargs=conditions).sample
        expected = plain(latents, 500, text, added_cond_kwargs=conditions).sample
        without = base.unet(latents, 500, text, added_cond_kwargs=conditions).sample
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert (expected - without).abs().max() > 0.01


# Every common naming is read


@pytest.mark.parametrize(
    ("a", "b", "layer"),
    [
        (f"unet.{Q}.lora_A.weight", f"unet.{Q}.lora_B.weight", Q),
        (f"{Q}.lora_A.default.weight", f"{Q}.lora_B.default.weight", Q),
        (f"base_model.model.{Q}.lora_A.weight", f"base_model.model.{Q}.lora_B.weight", Q),
        (f"base_model.model.unet.{Q}.lora_A.weight", f"base_model.model.unet.{Q}.lora_B.weight", Q),
        (f"unet.{Q}.lora.down.weight", f"unet.{Q}.lora.up.weight", Q),
        (f"unet.{Q}.lora_linear_layer.down.weight", f"unet.{Q}.lora_linear_layer.up.weight", Q),
        (
            f"unet.{Q.replace('.to_q', '.processor.to_q')}_lora.down.weight",
            f"unet.{Q.replace('.to_q', '.processor.to_q')}_lora.up.weight",
            Q,
        ),
        (
            f"{OUT.replace('.to_out.0', '.processor.to_out')}_lora.down.weight",
            f"{OUT.replace('.to_out.0', '.processor.to_out')}_lora.up.weight",
            OUT,
        ),
        (f"lora_unet_{flatten(OUT)}.lora_down.weight", f"lora_unet_{flatten(OUT)}.lora_up.weight", OUT),
        (
            "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_out_0.lora_down.weight",
            "lora_unet_middle_block_1_transformer_blocks_0_attn2_to_out_0.lora_up.weight",
            OUT,
        ),
        (
            "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_out.0.lora_A.weight",
            "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_out.0.lora_B.weight",
            OUT,
        ),
    ],
)
def test_a_key_naming_is_read(a: str, b: str, layer: str) -> None:
    adapter = Adapter.load(file({a: A, b: B}))

    assert list(adapter.layers) == [layer]
    assert torch.equal(adapter.layers[layer][0], B)
    assert torch.equal(adapter.layers[layer][1], A)


@pytest.mark.parametrize(
    "alpha", [torch.tensor(6.0), torch.tensor([6.0]), torch.tensor(6), torch.tensor(6.0).half()]
)
@pytest.mark.parametrize("key", [f"lora_unet_{flatten(Q)}", f"unet.{Q}"])
def test_alpha_over_rank_is_folded_in(key: str, alpha: Tensor) -> None:
    ends = (
        (".lora_down.weight", ".lora_up.weight")
        if "lora_unet" in key
        else (".lora_A.weight", ".lora_B.weight")
    )

    adapter = Adapter.load(file({key + ends[0]: A, key + ends[1]: B, f"{key}.alpha": alpha}))

    torch.testing.assert_close(delta.materialise(adapter.layers[Q]), 2 * B @ A)


def test_published_names_of_sdxl_in_the_original_naming_are_told_apart() -> None:
    table = aliases(published_layers())

    # Places counted by hand from the published SDXL configuration.
    assert table["input_blocks_4_1_transformer_blocks_1_attn1_to_q"] == (
        "down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q"
    )
    assert table["input_blocks_8_1_proj_in"] == "down_blocks.2.attentions.1.proj_in"
    assert table["output_blocks_2_1_ff_net_2".replace("_ff", "_transformer_blocks_9_ff")] == (
        "up_blocks.0.attentions.2.transformer_blocks.9.ff.net.2"
    )
    assert table["output_blocks_3_0_emb_layers_1"] == "up_blocks.1.resnets.0.time_emb_proj"
    assert table["middle_block_2_emb_layers_1"] == "mid_block.resnets.1.time_emb_proj"
    assert table["label_emb_0_2"] == "add_embedding.linear_2"
    assert len({flatten(name) for name in published_layers()}) == len(published_layers())


FC = "text_encoder.text_model.encoder.layers.1.mlp.fc1"
V = "text_encoder.text_model.encoder.layers.1.self_attn.v_proj"


@pytest.mark.parametrize(
    ("a", "b", "layer"),
    [
        (f"text_encoder.{TEXT}.mlp.fc1.lora_A.weight", f"text_encoder.{TEXT}.mlp.fc1.lora_B.weight", FC),
        ("text_encoder.encoder.layers.1.mlp.fc1.lora_A.weight", "text_encoder.encoder.layers.1.mlp.fc1.lora_B.weight", FC),
        (f"base_model.model.{TEXT}.mlp.fc1.lora_A.weight", f"base_model.model.{TEXT}.mlp.fc1.lora_B.weight", FC),
        (f"{TEXT}.mlp.fc1.lora_A.default.weight", f"{TEXT}.mlp.fc1.lora_B.default.weight", FC),
        (
            f"text_encoder.{TEXT}.mlp.fc1.lora_linear_layer.down.weight",
            f"text_encoder.{TEXT}.mlp.fc1.lora_linear_layer.up.weight",
            FC,
        ),
        (
            f"text_encoder.{TEXT}.self_attn.v_proj.lora_linear_layer.down.weight",
            f"text_encoder.{TEXT}.self_attn.v_proj.lora_linear_layer.up.weight",
            V,
        ),
        (
            f"text_encoder.{TEXT}.self_attn.to_v_lora.down.weight",
            f"text_encoder.{TEXT}.self_attn.to_v_lora.up.weight",
            V,
        ),
        (f"lora_te_{flatten(TEXT)}_mlp_fc1.lora_down.weight", f"lora_te_{flatten(TEXT)}_mlp_fc1.lora_up.weight", FC),
        (f"lora_te1_{flatten(TEXT)}_mlp_fc1.lora_down.weight", f"lora_te1_{flatten(TEXT)}_mlp_fc1.lora_up.weight", FC),
        (
            f"lora_te2_{flatten(TEXT)}_mlp_fc1.lora_down.weight",
            f"lora_te2_{flatten(TEXT)}_mlp_fc1.lora_up.weight",
            FC.replace("text_encoder", "text_encoder_2"),
        ),
    ],
)  # fmt: skip
def test_a_naming_of_text_encoder_keys_is_read(a: str, b: str, layer: str) -> None:
    adapter = Adapter.load(file({a: A, b: B}))

    assert list(adapter.layers) == list(adapter.text_layers) == [layer]
    assert torch.equal(adapter.layers[layer][0], B)
    assert torch.equal(adapter.layers[layer][1], A)


def test_alpha_over_rank_is_folded_into_a_text_encoders_factors() -> None:
    key = f"lora_te_{flatten(TEXT)}_mlp_fc1"

    adapter = Adapter.load(
        file({f"{key}.lora_down.weight": A, f"{key}.lora_up.weight": B, f"{key}.alpha": torch.tensor(6.0)})
    )

    torch.testing.assert_close(delta.materialise(adapter.layers[FC]), 2 * B @ A)


def test_learned_tokens_in_a_lora_file_of_other_programs_are_read() -> None:
    one = Adapter.load(file(GOOD | {"bundle_emb.Ink.string_to_param.*": A}))
    two = Adapter.load(file(GOOD | {"bundle_emb.Ink.clip_g": A, "bundle_emb.Ink.clip_l": torch.ones(3, 8)}))

    assert [(each.words, list(each.vectors), dict(each.ordinary)) for each in (*one.tokens, *two.tokens)] == [
        ("Ink", ["text_encoder"], {}),
        ("Ink", ["text_encoder", "text_encoder_2"], {}),
    ]
    assert torch.equal(one.tokens[0].vectors["text_encoder"], A)


# Metadata


def test_modelspec_and_trainer_metadata_are_written(sd: BaseCheckpoint, tmp_path: Path) -> None:
    adapter = random_adapter(sd, name="Fox Å, bright")

    adapter.save(tmp_path / "one.safetensors", {"modelspec.author": "An artist", "ss_epoch": "3"})

    content = (tmp_path / "one.safetensors").read_bytes()
    with safe_open(tmp_path / "one.safetensors", framework="pt") as opened:
        metadata = opened.metadata()
    body = content[8 + int.from_bytes(content[:8], "little") :]
    assert metadata["modelspec.hash_sha256"] == f"0x{hashlib.sha256(body).hexdigest()}"
    assert metadata["modelspec.sai_model_spec"] == "1.0.0"
    assert metadata["modelspec.architecture"] == f"{sd.architecture}/lora"
    assert metadata["modelspec.implementation"] == "diffusers"
    assert metadata["modelspec.title"] == "Fox Å, bright"
    assert metadata["modelspec.author"] == "An artist"
    assert metadata["ss_network_dim"] == metadata["ss_network_alpha"] == "4"
    assert metadata["ss_epoch"] == "3"


def test_metadata_of_other_programs_survives_load_and_save(tmp_path: Path) -> None:
    keys = {f"unet.{Q}.lora_A.weight": A, f"unet.{Q}.lora_B.weight": B}
    said = {
        "ss_output_name": "My LoRA", "ss_base_model_version": "sd_v1", "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.date": "2023-07-16", "modelspec.merged_from": "One, Another Two",
    }  # fmt: skip

    adapter = Adapter.load(file(keys, said))
    again = Adapter.load(adapter.to_bytes())

    assert (adapter.name, adapter.architecture) == ("My LoRA", "stable-diffusion-v1")
    assert adapter.merged_from == again.merged_from == ("One", "Another Two")
    assert again.metadata["ss_base_model_version"] == "sd_v1"
    assert again.metadata["modelspec.date"] == "2023-07-16"


def test_a_file_that_says_nothing_is_named_after_itself(tmp_path: Path) -> None:
    (tmp_path / "found.safetensors").write_bytes(file({f"{Q}.lora_A.weight": A, f"{Q}.lora_B.weight": B}))

    assert Adapter.load(tmp_path / "found.safetensors").name == "found"


# Algebra


def test_a_weighted_sum_adds_the_deltas_and_names_its_parts(sd: BaseCheckpoint) -> None:
    one = random_adapter(sd, seed=1, name="One")
    two = random_adapter(sd, seed=2, name="Two, too", kinds=("attention", "projection"))

    total = Adapter.load(weighted_sum([(one, 0.5), (two, -2.0)], name="Both").to_bytes())

    for layer, factors in total.layers.items():
        expected = -2.0 * delta.materialise(two.layers[layer])
        if layer in one.layers:
            expected += 0.5 * delta.materialise(one.layers[layer])
        torch.testing.assert_close(delta.materialise(factors), expected)
    assert total.merged_from == ("One", "Two  too")
    assert [each["weight"] for each in json.loads(total.metadata["plugin.merged_from"])] == [0.5, -2.0]
    assert total.base_fingerprint == sd.fingerprint


def test_plugins_of_different_bases_do_not_sum(bases: dict[str, BaseCheckpoint]) -> None:
    one, two = random_adapter(bases["sd1"]), random_adapter(bases["sd2"])

    with pytest.raises(BadAdapter, match="2 different bases"):
        weighted_sum([(one, 1.0), (two, 1.0)])
    with pytest.raises(BadAdapter, match="at least one"):
        weighted_sum([])
    with pytest.raises(BadAdapter, match=f"layer {Q} differs in shape"):
        weighted_sum([(Adapter({Q: (B, A)}), 1.0), (Adapter({Q: (B[:4], A)}), 1.0)])


def test_negating_scaling_and_truncating_act_on_every_layer(sd: BaseCheckpoint) -> None:
    adapter = random_adapter(sd)
    layer = next(iter(adapter.layers))
    full = delta.materialise(adapter.layers[layer])

    torch.testing.assert_close(delta.materialise(adapter.negated().layers[layer]), -full)
    torch.testing.assert_close(delta.materialise(adapter.scaled(0.5).layers[layer]), full / 2)
    assert adapter.truncated(2).rank == 2
    assert adapter.truncated(2).name == adapter.name


# Hostile files

GOOD = {f"unet.{Q}.lora_A.weight": A, f"unet.{Q}.lora_B.weight": B}


def change(**tensors: Tensor) -> bytes:
    names = {"a": f"unet.{Q}.lora_A.weight", "b": f"unet.{Q}.lora_B.weight"}
    return file(GOOD | {names[key]: tensor for key, tensor in tensors.items()})


def text(**tensors: Tensor) -> bytes:
    names = {each: f"text_encoder.{TEXT}.mlp.fc1.lora_{each.upper()}.weight" for each in ("a", "b")}
    held = {names["a"]: A, names["b"]: B}
    return file(held | {names[key]: tensor for key, tensor in tensors.items()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            file({"lora_unet_down_blocks_0_nowhere_to_q.lora_down.weight": A}),
            "names no matrix layer of the base's UNet",
        ),
        (b"", "found 0 bytes"),
        (b"1234567", "found 7 bytes"),
        (b"PK\x03\x04" + b"\0" * 64, "found a PyTorch pickle"),
        (b"\x80\x02}q\x00." + b"\0" * 64, "found a PyTorch pickle"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "header of at most"),
        (b"<html><body>Not found</body></html>", "header of at most"),
        (struct.pack("<Q", 2**63) + b"{}", "header of at most"),
        (struct.pack("<Q", 1000) + b"{}", "the file is cut off"),
        (file(GOOD)[:-5], "it is damaged"),
        (file(GOOD) + b"extra", "it is damaged"),
        (with_header(b"not json"), "not JSON"),
        (with_header(b"[" * 100_000), "not JSON"),
        (with_header([]), "text metadata"),
        (with_header({"__metadata__": {"a": 1}}), "text metadata"),
        (
            with_header({"x": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"0000"),
            "damaged",
        ),
        (with_header({"x": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, b"0000"), "damaged"),
        (with_header({}), "found none"),
        (file({"model.weight": A}), "expected LoRA keys of a UNet or a text encoder, found model.weight"),
        (
            file({"lora_te_x.lora_down.weight": A}),
            "lora_te_x.lora_down.weight names no matrix layer of the text encoders",
        ),
        (
            file({f"text_encoder_3.{TEXT}.mlp.fc1.lora_A.weight": A}),
            "names no matrix layer of the text encoders",
        ),
        (
            file({f"lora_te3_{flatten(TEXT)}_mlp_fc1.lora_down.weight": A}),
            "names no matrix layer of the text encoders",
        ),
        (
            file({"text_encoder.text_projection.lora_A.weight": A}),
            "names no matrix layer of the text encoders",
        ),
        (file({f"text_encoder.{TEXT}.mlp.fc1.lora_A.weight": A}), r"the up \(B\) one beside"),
        (text(a=A * torch.nan), "found NaN"),
        (text(a=A.int()), "floating point weights .* torch.int32"),
        (text(a=A[:2]), r"expected A \(rank, in\)"),
        (
            text(a=A[:, :, None, None], b=B[:, :, None, None]),
            "expected matrices of a text encoder, found a convolution",
        ),
        (file({f"lora_te_{flatten(TEXT)}_mlp_fc1.hada_w1_a": A}), "LoHa"),
        (file({f"text_encoder.{TEXT}.mlp.fc1.dora_scale": A}), "DoRA"),
        (
            file(
                {
                    f"lora_te1_{flatten(TEXT)}_mlp_fc1.lora_down.weight": A,
                    f"text_encoder.{TEXT}.mlp.fc1.lora_A.weight": A,
                }
            ),
            "there twice",
        ),
        (
            file({"bundle_emb.Ink.string_to_param.*": A * torch.inf}),
            'tokens "Ink", vectors: expected finite numbers',
        ),
        (file({"bundle_emb.Ink.string_to_param.*": A.int()}), "found torch.int32"),
        (file({"bundle_emb.Ink.string_to_param.*": torch.ones(4)}), "expected 1 to 75 rows"),
        (file({"bundle_emb.Ink.string_to_param.*": torch.ones(76, 4)}), "expected 1 to 75 rows"),
        (file({"bundle_emb.Ink.string_to_param.*": A, "bundle_emb.Ink.clip_l": A}), "there twice"),
        (file({"bundle_emb.Ink.t5": A}), "found bundle_emb.Ink.t5"),
        (file(GOOD | {"emb_params": A}), "with the name that calls them, found emb_params"),
        (file({"clip_l": A, "clip_g": A}), "with the name that calls them, found clip_g"),
        (
            file({"lora_tokens.0.Ink.text_encoder.ordinary": A}),
            'expected vectors of the learned tokens "Ink", found none',
        ),
        (file({"lora_tokens.0.Ink.text_encoder_3.vectors": A}), "found text_encoder_3"),
        (
            file({"lora_tokens.0.Ink.text_encoder.vectors": A, "lora_tokens.0.Ink.weight": A}),
            "expected one number at lora_tokens.0.Ink.weight",
        ),
        (
            file(
                {
                    "lora_tokens.0.Ink.text_encoder.vectors": A,
                    "lora_tokens.0.Ink.weight": torch.tensor(torch.nan),
                }
            ),
            "expected a finite weight",
        ),
        (
            file(
                {
                    "lora_tokens.0.Ink.text_encoder.vectors": A,
                    "lora_tokens.0.Ink.text_encoder.ordinary": A[:2],
                }
            ),
            "ordinary vectors of the shapes",
        ),
        (file({"lora_tokens.x.Ink.text_encoder.vectors": A}), "found lora_tokens.x.Ink"),
        (file({f"unet.{Q}.lora_A.weight": A}), r"the up \(B\) one beside"),
        (file({f"unet.{Q}.lora_B.weight": B}), r"the down \(A\) one beside"),
        (change(a=A.clone().fill_(torch.nan)), "found NaN"),
        (change(b=B.clone().fill_(torch.inf)), "found NaN or infinity"),
        (change(a=A.to(torch.int8)), "floating point weights .* torch.int8"),
        (change(a=A[:2]), r"expected A \(rank, in\) and B \(out, rank\) .* A \(2, 4\) and B \(5, 3\)"),
        (change(a=torch.ones(3), b=torch.ones(3)), "expected A"),
        (change(a=torch.ones(0, 4), b=torch.ones(5, 0)), "expected A"),
        (
            change(a=torch.ones(3, 4, 3, 3), b=torch.ones(5, 3, 1, 1)),
            "LoRA of a 3x3 convolution .* not supported",
        ),
        (file(GOOD | {f"unet.{Q}.alpha": torch.ones(2)}), "one number as alpha"),
        (file(GOOD | {f"unet.{Q}.alpha": torch.tensor(torch.nan)}), "found NaN"),
        (file(GOOD | {f"{Q}.lora_A.weight": A}), "there twice"),
        (file(GOOD | {f"unet.{Q}.lora_magnitude_vector": B}), "DoRA"),
        (file({f"lora_unet_{flatten(Q)}.hada_w1_a": A}), "LoHa"),
        (file({f"lora_unet_{flatten(Q)}.lokr_w1": A}), "LoKr"),
        (file({f"lora_unet_{flatten(Q)}.diff": A}), "full-weight differences"),
        (
            file(
                {
                    "lora_unet_down_blocks_0_resnets_0_conv1.alpha": torch.tensor(4.0),
                    "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": torch.ones(4, 4, 3, 3),
                }
            ),
            "LoRA of a 3x3 convolution",
        ),
    ],
)
def test_a_hostile_file_is_refused_by_its_name_and_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)

    with pytest.raises(BadAdapter, match=message) as error:
        Adapter.load(path)

    assert str(path) in str(error.value)


@pytest.mark.parametrize("length", [640, 1152, 1408])
def test_a_header_as_long_as_a_pickles_first_bytes_is_no_pickle(length: int) -> None:
    content = next(
        each
        for size in range(length)
        if header_of(each := file({"model.weight": A}, {"a": "x" * size})) == length
    )

    with pytest.raises(BadAdapter, match=r"found model\.weight"):
        Adapter.load(content)


def header_of(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def test_a_file_that_is_missing_or_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadAdapter, match=r"gone.safetensors: expected a plug-in file, found nothing"):
        Adapter.load(tmp_path / "gone.safetensors")
    with pytest.raises(BadAdapter, match="cannot be read"):
        Adapter.load(tmp_path)


def test_a_file_above_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.safetensors").open("wb") as sparse:
        sparse.truncate(2 * 1024**3 + 1)

    with pytest.raises(BadAdapter, match="expected at most"):
        Adapter.load(tmp_path / "huge.safetensors")


@pytest.mark.parametrize(
    "layers",
    [{}, {Q: (A, A)}, {Q: (B, A * torch.nan)}, {Q: (torch.ones(3), torch.ones(3))}],
)
def test_an_adapter_cannot_be_made_of_wrong_matrices(layers: dict[str, delta.LowRank]) -> None:
    with pytest.raises(BadAdapter, match="expected"):
        Adapter(layers)


# Interruption


@pytest.mark.parametrize("broken", ["fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(
    sd: BaseCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    error: type[BaseException] | BaseException,
) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise error

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, interrupt)
    with pytest.raises((KeyboardInterrupt, OSError)):
        random_adapter(sd).save(path)

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["one.safetensors"]


def test_saving_makes_missing_folders(sd: BaseCheckpoint, tmp_path: Path) -> None:
    random_adapter(sd).save(tmp_path / "new" / "folder" / "one.safetensors")

    assert (tmp_path / "new" / "folder" / "one.safetensors").is_file()
