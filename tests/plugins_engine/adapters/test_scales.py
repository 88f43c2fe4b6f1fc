"""A plug-in is drawn at the strength that its file says, wherever the file says it."""

import json
import zipfile
from pathlib import Path

import pytest
import torch

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import flatten
from plugins_engine.errors import BadAdapter
from tests.plugins_engine.adapters.lora_files import GOOD, OUT, TEXT, A, B, Q, file

RANK = 3
KOHYA = {f"lora_unet_{flatten(Q)}.lora_down.weight": A, f"lora_unet_{flatten(Q)}.lora_up.weight": B}
OF_TEXT = {f"text_encoder.{TEXT}.mlp.fc1.lora_A.weight": A, f"text_encoder.{TEXT}.mlp.fc1.lora_B.weight": B}
FC = f"text_encoder.{TEXT}.mlp.fc1"


def scale_of(adapter: Adapter, layer: str = Q) -> float:
    return float((delta.materialise(adapter.factors[layer]) / (B @ A))[-1, -1])


def said(**config: object) -> dict[str, str]:
    return {"lora_adapter_metadata": json.dumps(config)}


def packed(folder: Path, content: bytes, config: str | None, path: str = "") -> bytes:
    with zipfile.ZipFile(folder / "one.zip", "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr(f"{path}adapter_model.safetensors", content)
        if config is not None:
            whole.writestr(f"{path}adapter_config.json", config)
    return (folder / "one.zip").read_bytes()


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"unet.r": 3, "unet.lora_alpha": 12}, 4.0),
        ({"r": 3, "lora_alpha": 12}, 4.0),
        ({"unet.r": 3, "unet.lora_alpha": 12, "unet.use_rslora": True}, 12 / 3**0.5),
        ({"unet.r": 9, "unet.lora_alpha": 12}, 4.0),  # the rank is the tensors'
        ({"unet.lora_alpha": 12, "unet.alpha_pattern": {Q: 6}}, 2.0),
        ({"unet.lora_alpha": 12, "unet.alpha_pattern": {"attn1.to_q": 6}}, 2.0),
        ({"unet.lora_alpha": 12, "unet.alpha_pattern": {r".*attn\d\.to_q": 6}}, 2.0),
        ({"unet.lora_alpha": 12, "unet.alpha_pattern": {"attn2.to_q": 6, "o_q": 6}}, 4.0),
        ({"text_encoder.lora_alpha": 12}, 1.0),  # says nothing of the UNet
        ({"unet.lora_alpha": 0}, 0.0),
    ],
)
def test_the_alpha_in_the_header_counts(config: dict[str, object], scale: float) -> None:
    assert scale_of(Adapter.load(file(GOOD, said(**config)))) == pytest.approx(scale)


def test_each_component_has_its_own_alpha() -> None:
    config = {"unet.lora_alpha": 6, "text_encoder.lora_alpha": 12, "text_encoder.use_rslora": True}

    adapter = Adapter.load(file(GOOD | OF_TEXT, said(**config)))

    assert scale_of(adapter) == pytest.approx(2)
    assert scale_of(adapter, FC) == pytest.approx(12 / 3**0.5)


def test_a_layers_own_alpha_comes_first() -> None:
    own = {f"unet.{Q}.alpha": torch.tensor(6.0)}

    adapter = Adapter.load(file(GOOD | own, said(**{"unet.lora_alpha": 12}) | {"ss_network_alpha": "1"}))

    assert scale_of(adapter) == pytest.approx(2)


def test_a_folders_and_a_zips_config_count(tmp_path: Path) -> None:
    config = json.dumps({"peft_type": "LORA", "r": 3, "lora_alpha": 12})
    (tmp_path / "adapter_model.safetensors").write_bytes(file(GOOD))
    (tmp_path / "adapter_config.json").write_text(config)

    zips = [packed(tmp_path, file(GOOD), config), packed(tmp_path, file(GOOD), config, "ink/")]

    assert scale_of(Adapter.load(tmp_path)) == pytest.approx(4)
    assert [scale_of(Adapter.load(each)) for each in zips] == pytest.approx([4, 4])
    assert scale_of(Adapter.load(packed(tmp_path, file(GOOD), None))) == pytest.approx(1)


def test_two_configs_that_disagree_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one.safetensors").write_bytes(file(GOOD, said(**{"unet.lora_alpha": 6})))
    beside = tmp_path / "adapter_config.json"

    beside.write_text(json.dumps({"lora_alpha": 6}))
    assert scale_of(Adapter.load(tmp_path)) == pytest.approx(2)

    beside.write_text(json.dumps({"lora_alpha": 12}))
    with pytest.raises(
        BadAdapter, match=r"expected one scale of .*to_q, found 2 by its header's .* and 4 by its"
    ):
        Adapter.load(tmp_path)


@pytest.mark.parametrize(
    ("summary", "scale"),
    [
        ({"ss_network_dim": "3", "ss_network_alpha": "1.5"}, 0.5),
        ({"ss_network_dim": "8", "ss_network_alpha": "4"}, 1.0),  # of the file before it was resized
        ({"ss_network_dim": "Dynamic", "ss_network_alpha": "Dynamic"}, 1.0),
        ({"ss_network_alpha": "nan", "ss_network_dim": "3"}, 1.0),
        ({}, 1.0),
    ],
)
def test_kohyas_summary_counts_last_and_only_for_its_rank(summary: dict[str, str], scale: float) -> None:
    assert scale_of(Adapter.load(file(KOHYA, summary))) == pytest.approx(scale)
    assert scale_of(Adapter.load(file(KOHYA, summary | said(lora_alpha=12)))) == pytest.approx(4)
    # diffusers' own keys are at the scale 1 where no config says another.
    assert scale_of(Adapter.load(file(GOOD, summary))) == pytest.approx(1)


def test_a_convolution_has_an_alpha_of_its_own_in_kohyas_summary() -> None:
    start = "lora_unet_down_blocks_0_resnets_0_conv1"
    layer = "down_blocks.0.resnets.0.conv1"
    tensors = {
        f"{start}.lora_down.weight": torch.ones(2, 4, 3, 3),
        f"{start}.lora_up.weight": torch.ones(5, 2, 1, 1),
    }
    arguments = json.dumps({"conv_dim": "2", "conv_alpha": "1"})

    adapter = Adapter.load(
        file(tensors, {"ss_network_dim": "16", "ss_network_alpha": "8", "ss_network_args": arguments})
    )

    assert torch.equal(delta.materialise(adapter.factors[layer]), torch.ones(5, 36))
    assert adapter.kernels == {layer: (3, 3)}


def test_a_scale_that_was_read_is_not_said_again(tmp_path: Path) -> None:
    adapter = Adapter.load(
        file(GOOD, said(**{"unet.lora_alpha": 12}) | {"ss_network_dim": "3", "ss_network_alpha": "12"})
    )

    for naming in ("peft", "kohya"):
        again = Adapter.load(adapter.to_bytes(naming=naming))
        assert again.tensors_sha256 == adapter.tensors_sha256


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"lora_adapter_metadata": "no json"}, "expected a JSON object as lora_adapter_metadata"),
        ({"lora_adapter_metadata": "[" * 100_000}, "expected a JSON object"),
        (
            said(**{"unet.lora_alpha": "much"}),
            "expected a finite number as lora_alpha in its config, found much",
        ),
        (said(**{"unet.lora_alpha": float("nan")}), "expected a finite number"),
        (said(**{"unet.lora_alpha": 1, "unet.alpha_pattern": ["a"]}), "expected an object of at most"),
        (said(**{"unet.lora_alpha": 1, "unet.alpha_pattern": {"(": 1}}), "patterns of layers' names"),
        (
            said(**{"unet.lora_alpha": 1, "unet.alpha_pattern": {r"(\w|\w\w|\.)+[!?]": 1}}),
            "patterns of layers' names",
        ),
        (said(**{"unet.lora_alpha": 1, "unet.use_dora": True}), r"the magnitudes of .* \(use_dora\)"),
    ],
)
def test_a_hostile_config_is_refused(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(BadAdapter, match=message):
        Adapter.load(file(GOOD, metadata))


def test_a_hostile_zip_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadAdapter, match=r"expected one \.safetensors file, found none"):
        Adapter.load(tmp_path)
    for name in ("a.safetensors", "b.safetensors"):
        (tmp_path / name).write_bytes(file(GOOD))
    with pytest.raises(
        BadAdapter, match=r"expected one \.safetensors file, found a\.safetensors, b\.safetensors"
    ):
        Adapter.load(tmp_path)
    with pytest.raises(BadAdapter, match="expected at most"):
        Adapter.load(packed(tmp_path, bytes(50_000_000), None))
    good = packed(tmp_path, file({f"unet.{OUT}.lora_A.weight": A, f"unet.{OUT}.lora_B.weight": B}), None)
    broken = bytearray(good)
    broken[60] ^= 0xFF
    with pytest.raises(BadAdapter, match="expected"):
        Adapter.load(bytes(broken))
    with zipfile.ZipFile(tmp_path / "pickle.zip", "w") as whole:
        whole.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    with pytest.raises(BadAdapter, match="found a PyTorch pickle"):
        Adapter.load(tmp_path / "pickle.zip")
