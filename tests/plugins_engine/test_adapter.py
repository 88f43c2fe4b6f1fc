"""Adapter files: every common key naming reads as the same deltas, and hostile files are told apart."""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open
from torch import Tensor

from plugins_engine import delta
from plugins_engine.adapter import Adapter, weighted_sum
from plugins_engine.base import BaseModel
from plugins_engine.errors import BadAdapter
from plugins_engine.layer_names import aliases, flatten, published_layers
from tests.plugins_engine.tiny_pipelines import random_adapter

EVERY_KIND = ("attention", "feed_forward", "projection", "time")
Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0"
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
    assert found.tensors_sha256 == expected.tensors_sha256


# What is written is read again


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_what_is_saved_loads_to_the_bit(base: BaseModel, tmp_path: Path, naming: str) -> None:
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


def test_a_kohya_file_of_a_published_shape_loads_without_its_base(bases: dict[str, BaseModel]) -> None:
    adapter = random_adapter(bases["sd1"], kinds=EVERY_KIND)

    assert_same(Adapter.load(adapter.to_bytes(naming="kohya")), adapter)


def test_the_tensors_hash_ignores_naming_metadata_and_order_but_not_one_weight(sd: BaseModel) -> None:
    adapter = random_adapter(sd)
    reverse = Adapter(dict(reversed(adapter.layers.items())), convolutions=adapter.convolutions)
    layers = {name: (up.clone(), down.clone()) for name, (up, down) in adapter.layers.items()}
    layers[next(iter(layers))][0][0, 0] += 1e-5

    loaded = Adapter.load(adapter.to_bytes({"note": "other"}, naming="kohya"))

    assert loaded.file_sha256 != Adapter.load(adapter.to_bytes()).file_sha256
    assert loaded.tensors_sha256 == reverse.tensors_sha256 == adapter.tensors_sha256
    assert Adapter(layers).tensors_sha256 != adapter.tensors_sha256


def test_half_precision_files_are_half_the_size_and_load_as_float32(sd: BaseModel) -> None:
    adapter = random_adapter(sd, rank=32)

    small = adapter.to_bytes(dtype=torch.float16)

    assert len(small) < 0.6 * len(adapter.to_bytes())
    layer = next(iter(adapter.layers))
    assert torch.equal(Adapter.load(small).layers[layer][0], adapter.layers[layer][0].half().float())


# Other programs read what is written


@pytest.mark.parametrize("vary_rank", [False, True])
@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_diffusers_loads_the_file_and_predicts_the_same(
    base: BaseModel, tmp_path: Path, naming: str, vary_rank: bool
) -> None:
    kinds = EVERY_KIND if naming == "peft" else ("attention", "projection")
    adapter = random_adapter(base, kinds=kinds, vary_rank=vary_rank)
    adapter.save(tmp_path / "one.safetensors", naming=naming)  # type: ignore[arg-type]  # a parameter
    _assert_diffusers_agrees(base, tmp_path, adapter)


def test_diffusers_reads_the_original_block_names_of_sdxl_as_we_do(
    bases: dict[str, BaseModel], tmp_path: Path
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


def _assert_diffusers_agrees(base: BaseModel, folder: Path, adapter: Adapter) -> None:
    """Compare the UNet with the deltas added to its weights with diffusers' reading of the file in the folder."""
    kind = StableDiffusionXLPipeline if base.is_xl else StableDiffusionPipeline
    pipeline = kind.from_pretrained(base.directory.path, local_files_only=True)
    plain = kind.from_pretrained(base.directory.path, local_files_only=True).unet
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


def test_text_encoder_weights_are_listed_and_not_silently_dropped() -> None:
    text = {
        "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": A,
        "text_encoder.x.lora_B.weight": B,
    }

    adapter = Adapter.load(file({f"unet.{Q}.lora_A.weight": A, f"unet.{Q}.lora_B.weight": B} | text))

    assert adapter.ignored == tuple(sorted(text))
    assert "also changes the text encoder (2 tensors" in adapter.warnings[0]


# Metadata


def test_modelspec_and_trainer_metadata_are_written(sd: BaseModel, tmp_path: Path) -> None:
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


def test_a_weighted_sum_adds_the_deltas_and_names_its_parts(sd: BaseModel) -> None:
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


def test_plugins_of_different_bases_do_not_sum(bases: dict[str, BaseModel]) -> None:
    one, two = random_adapter(bases["sd1"]), random_adapter(bases["sd2"])

    with pytest.raises(BadAdapter, match="2 different bases"):
        weighted_sum([(one, 1.0), (two, 1.0)])
    with pytest.raises(BadAdapter, match="at least one"):
        weighted_sum([])
    with pytest.raises(BadAdapter, match=f"layer {Q} differs in shape"):
        weighted_sum([(Adapter({Q: (B, A)}), 1.0), (Adapter({Q: (B[:4], A)}), 1.0)])


def test_negating_scaling_and_truncating_act_on_every_layer(sd: BaseModel) -> None:
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
        (file({"lora_te_x.lora_down.weight": A}), "found 1 text encoder tensors only"),
        (file({"model.weight": A}), "expected LoRA keys of a UNet, found model.weight"),
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
    sd: BaseModel,
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


def test_saving_makes_missing_folders(sd: BaseModel, tmp_path: Path) -> None:
    random_adapter(sd).save(tmp_path / "new" / "folder" / "one.safetensors")

    assert (tmp_path / "new" / "folder" / "one.safetensors").is_file()
