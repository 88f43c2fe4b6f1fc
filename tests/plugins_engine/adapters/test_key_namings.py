"""Every common key naming reads as the same deltas."""

import pytest
import torch
from torch import Tensor

from plugins_engine.adapters import delta
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import aliases, flatten, published_layers
from tests.plugins_engine.adapters.lora_files import GOOD, OUT, TEXT, A, B, Q, file


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
    assert torch.equal(adapter.factors[layer][0], B)
    assert torch.equal(adapter.factors[layer][1], A)


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

    torch.testing.assert_close(delta.materialise(adapter.factors[Q]), 2 * B @ A)


def test_published_names_of_sdxl_in_the_original_naming_are_told_apart() -> None:
    table = {alias: parts[0].layer for alias, parts in aliases(published_layers()).items()}

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
    assert torch.equal(adapter.factors[layer][0], B)
    assert torch.equal(adapter.factors[layer][1], A)


def test_alpha_over_rank_is_folded_into_a_text_encoders_factors() -> None:
    key = f"lora_te_{flatten(TEXT)}_mlp_fc1"

    adapter = Adapter.load(
        file({f"{key}.lora_down.weight": A, f"{key}.lora_up.weight": B, f"{key}.alpha": torch.tensor(6.0)})
    )

    torch.testing.assert_close(delta.materialise(adapter.factors[FC]), 2 * B @ A)


def test_learned_tokens_in_a_lora_file_of_other_programs_are_read() -> None:
    one = Adapter.load(file(GOOD | {"bundle_emb.Ink.string_to_param.*": A}))
    two = Adapter.load(file(GOOD | {"bundle_emb.Ink.clip_g": A, "bundle_emb.Ink.clip_l": torch.ones(3, 8)}))

    assert [(each.words, list(each.vectors), dict(each.ordinary)) for each in (*one.tokens, *two.tokens)] == [
        ("Ink", ["text_encoder"], {}),
        ("Ink", ["text_encoder", "text_encoder_2"], {}),
    ]
    assert torch.equal(one.tokens[0].vectors["text_encoder"], A)
