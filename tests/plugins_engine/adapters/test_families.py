"""A file for another family of models is refused by that family's name."""

import pytest
import torch
from torch import Tensor

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import flatten
from plugins_engine.errors import BadAdapter, BaseMismatch
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import require_fit
from tests.plugins_engine.adapters.lora_files import GOOD, A, B, file

READS = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"


def lora(start: str, *, kohya: bool = False) -> dict[str, Tensor]:
    down, up = ("lora_down", "lora_up") if kohya else ("lora_A", "lora_B")
    return {f"{start}.{down}.weight": A, f"{start}.{up}.weight": B}


def lora_of_width(start: str, width: int) -> dict[str, Tensor]:
    return {f"{start}.lora_down.weight": torch.ones(2, width), f"{start}.lora_up.weight": torch.ones(3, 2)}


@pytest.mark.parametrize(
    ("tensors", "family"),
    [
        (lora("transformer.double_stream_modulation_img.linear"), "FLUX.2"),
        (lora("transformer.transformer_blocks.0.img_mlp.net.2"), "Qwen-Image"),
        (lora("lora_unet_transformer_blocks_0_img_mod_1", kohya=True), "Qwen-Image"),
        (lora("lora_unet_layers_0_adaLN_modulation_1", kohya=True), "Lumina"),
        (lora_of_width("lora_unet_layers_0_attention_qkv", 2304), "Lumina"),
        (lora("transformer.transformer_blocks.0.ff.conv_inverted"), "Sana"),
        (lora("diffusion_model.blocks.0.cross_attn.k"), "Wan"),
        (lora("base_model.model.model.layers.0.self_attn.q_proj"), "a language model"),
        (lora("lora_controlnet_down_blocks_0_attn", kohya=True), "a ControlNet"),
        ({"ip_adapter.1.to_k_ip.weight": A}, "an IP-Adapter"),
        (lora("down_blocks.0.motion_modules.0.temporal_transformer.proj_in"), "an AnimateDiff motion module"),
    ],
)
def test_a_family_that_is_not_read_is_named(tensors: dict[str, Tensor], family: str) -> None:
    with pytest.raises(BadAdapter, match=f"FLUX.1 or Z-Image, found (a plug-in for )?{family}"):
        Adapter.load(file(tensors))


@pytest.mark.parametrize(
    ("key", "value", "family"),
    [
        ("ss_base_model_version", "qwen_image", "Qwen-Image"),
        ("modelspec.architecture", "stable-diffusion-xl-v1-refiner/lora", "the SDXL refiner"),
    ],
)
def test_metadata_names_a_family(key: str, value: str, family: str) -> None:
    with pytest.raises(BadAdapter, match=f"found a plug-in for {family}"):
        Adapter.load(file(GOOD, {key: value}))


@pytest.mark.parametrize(
    "key",
    [
        "model.diffusion_model.input_blocks.0.0.weight",
        "first_stage_model.decoder.conv_in.weight",
        "conv_in.weight",
        "text_model.embeddings.token_embedding.weight",
        "decoder.conv_in.weight",
    ],
)
def test_a_full_checkpoint_is_named(key: str) -> None:
    with pytest.raises(BadAdapter, match="expected a plug-in, found a full checkpoint"):
        Adapter.load(file({key: A}))


@pytest.mark.parametrize(
    ("width", "family"),
    [(768, "Stable Diffusion 1.x"), (1024, "Stable Diffusion 2.x"), (2048, "SDXL"), (32, "")],
)
def test_the_width_of_the_text_tells_a_family(width: int, family: str) -> None:
    down, up = torch.ones(2, width), torch.ones(8, 2)

    peft = Adapter.load(file({f"unet.{READS}.lora_A.weight": down, f"unet.{READS}.lora_B.weight": up}))
    kohya = Adapter.load(
        file(
            {
                f"lora_unet_{flatten(READS)}.lora_down.weight": down,
                f"lora_unet_{flatten(READS)}.lora_up.weight": up,
            }
        )
    )

    assert [peft.family, kohya.family] == [family, family]


@pytest.mark.parametrize(
    ("width", "family"), [(1536, "Stable Diffusion 3"), (2432, "Stable Diffusion 3"), (3072, "")]
)
def test_the_width_of_joint_attention_tells_a_family_that_no_other_has_it_of(width: int, family: str) -> None:
    key = "transformer.transformer_blocks.0.attn.add_k_proj"
    down, up = torch.ones(2, width), torch.ones(8, 2)

    assert Adapter.load(file({f"{key}.lora_A.weight": down, f"{key}.lora_B.weight": up})).family == family


QKV = "layers_3_attention_qkv"
Z_IMAGE = {"ss_base_model_version": "zimage"}


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        (lora("diffusion_model.layers.3.attention.to_q"), {}),
        (lora("transformer.noise_refiner.0.attention.to_k"), {}),
        (lora("lora_unet_layers_3_attention_to_q", kohya=True), {}),
        (lora("diffusion_model.layers.3.adaLN_modulation.0"), {}),
        (lora_of_width("diffusion_model.layers.3.attention.qkv", 32), Z_IMAGE),
        (lora_of_width(f"lora_unet_{QKV}", 3840), {}),
    ],
)
def test_a_file_for_z_image_is_known_from_its_names_its_widths_or_what_it_says(
    tensors: dict[str, Tensor], metadata: dict[str, str]
) -> None:
    assert Adapter.load(file(tensors, metadata)).family == "Z-Image"


def test_names_that_z_image_shares_with_other_families_are_read_by_the_family(
    bases: dict[str, BaseCheckpoint],
) -> None:
    tensors = {**lora("diffusion_model.final_layer.linear"), **lora("diffusion_model.x_embedder")}

    own = Adapter.load(file(tensors, Z_IMAGE))
    other = Adapter.load(file(tensors, {"ss_base_model_version": "flux1"}))

    assert (
        set(own.layers)
        == {"all_final_layer.2-1.linear", "all_x_embedder.2-1"}
        <= set(bases["z_image"].layers)
    )
    assert set(other.layers) == {"proj_out", "x_embedder"}


def test_a_base_of_another_family_refuses_by_both_names(bases: dict[str, BaseCheckpoint]) -> None:
    key = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    content = file({f"{key}.lora_A.weight": A, f"{key}.lora_B.weight": B}, {"ss_base_model_version": "sd_v1"})

    with pytest.raises(BaseMismatch, match=r"was made for Stable Diffusion 1\.x, this base is SDXL"):
        require_fit(bases["sdxl"], Adapter.load(content))
