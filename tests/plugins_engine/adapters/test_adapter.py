"""Adapters: what is written is read again, what a file says of itself, sums."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.errors import BadAdapter
from plugins_engine.model.base import BaseCheckpoint
from tests.plugins_engine.adapters.lora_files import A, B, Q, file
from tests.plugins_engine.tiny_pipelines import EVERY_KIND, random_adapter, random_reader, random_tokens


def assert_same(found: Adapter, expected: Adapter) -> None:
    assert list(found.layers) == list(expected.layers)
    for layer, (up, down) in expected.factors.items():
        assert torch.equal(found.factors[layer][0], up)
        assert torch.equal(found.factors[layer][1], down)
    assert found.kernels == expected.kernels
    assert [(each.words, each.origin, each.weight) for each in found.tokens] == [
        (each.words, each.origin, each.weight) for each in expected.tokens
    ]
    assert found.tensors_sha256 == expected.tensors_sha256


# What is written is read again


@pytest.mark.parametrize("naming", ["peft", "kohya"])
def test_what_is_saved_loads_to_the_bit(base: BaseCheckpoint, tmp_path: Path, naming: str) -> None:
    adapter = random_adapter(base, kinds=EVERY_KIND, vary_rank=True)
    if naming == "kohya" and base.family.is_flow:
        pytest.skip("kohya's naming is of the UNets alone")

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
    if naming == "kohya" and base.family.is_flow:
        with pytest.raises(
            BadAdapter,
            match=rf"expected a plug-in of a UNet for kohya's naming, found one for {base.family.name}",
        ):
            adapter.to_bytes(naming="kohya")
        return

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
    reverse = Adapter(dict(reversed(adapter.factors.items())), kernels=adapter.kernels)
    layers = {name: (up.clone(), down.clone()) for name, (up, down) in adapter.factors.items()}
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
    assert torch.equal(Adapter.load(small).factors[layer][0], adapter.factors[layer][0].half().float())


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

    for layer, factors in total.factors.items():
        expected = -2.0 * delta.materialise(two.factors[layer])
        if layer in one.layers:
            expected += 0.5 * delta.materialise(one.factors[layer])
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
    full = delta.materialise(adapter.factors[layer])

    torch.testing.assert_close(delta.materialise(adapter.negated().factors[layer]), -full)
    torch.testing.assert_close(delta.materialise(adapter.scaled(0.5).factors[layer]), full / 2)
    assert adapter.in_low_rank(2).rank == 2
    assert adapter.in_low_rank(2).name == adapter.name


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
