"""Files in the original code's names, where one layer is several of diffusers' or has its rows in another order."""

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_flux_transformer_checkpoint_to_diffusers,
    convert_sd3_transformer_checkpoint_to_diffusers,
    convert_z_image_transformer_checkpoint_to_diffusers,
)
from safetensors.torch import load
from torch import Tensor

from plugins_engine.adapters import kinds
from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import flatten
from plugins_engine.adapters.original_names import original_names
from plugins_engine.errors import BadAdapter
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import require_fit
from tests.plugins_engine.adapters.lora_files import file

Bases = dict[str, BaseCheckpoint]
QKV = "joint_blocks.0.x_block.attn.qkv"


def own_weight(base: BaseCheckpoint, layer: str) -> Tensor:
    weight = base.module(layer).weight
    assert isinstance(weight, Tensor)
    return weight.detach()


WIDTH = 3072  # of the published FLUX.1, which diffusers' converter takes for granted


def originals(base: BaseCheckpoint) -> dict[str, tuple[int, ...]]:
    """The original layers of a base, with the shapes of their weights."""
    found: dict[str, tuple[int, ...]] = {}
    names = original_names(base.layers)
    if base.family.name == "FLUX.1":
        return {name: (WIDTH * parts[0].of, 2) for name, parts in names.items()}
    for name, parts in names.items():
        if parts[0].layer in base.layers:
            weight = own_weight(base, parts[0].layer)
            found[name] = (weight.shape[0] * parts[0].of // len(parts[0].pieces), *weight.shape[1:])
    return found


def converted(base: BaseCheckpoint, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What diffusers' converter of whole checkpoints makes of them."""
    if "double_blocks.0.img_mod.lin.weight" in tensors:
        norms = [f"single_blocks.{i}.norm.{each}_norm.scale" for i in range(2) for each in ("query", "key")]
        norms += [
            f"double_blocks.{i}.{stream}_attn.norm.{each}_norm.scale"
            for i in range(2)
            for stream in ("img", "txt")
            for each in ("query", "key")
        ]
        found = convert_flux_transformer_checkpoint_to_diffusers(
            {key: torch.ones(1) for key in norms} | tensors
        )
        return {name: each for name, each in found.items() if name.rpartition(".")[0] in base.layers}
    if "layers.0.attention.qkv.weight" in tensors:
        found = convert_z_image_transformer_checkpoint_to_diffusers(tensors)
        return {name: each for name, each in found.items() if name.rpartition(".")[0] in base.layers}
    norms = [
        key.replace("qkv.weight", f"ln_{each}.weight")
        for key in tensors
        if "qkv.weight" in key
        for each in "qk"
    ]
    rest = {key: torch.ones(1) for key in ("pos_embed", *norms)}
    found = convert_sd3_transformer_checkpoint_to_diffusers(rest | tensors)
    return {name: each for name, each in found.items() if name.rpartition(".")[0] in base.layers}


@pytest.mark.parametrize("name", ["sd3", "sd35", "flux", "z_image"])
@pytest.mark.parametrize("start", ["lora_unet_", "diffusion_model."])
def test_every_layer_of_a_transformer_is_read_as_diffusers_converts_checkpoints(
    bases: Bases, name: str, start: str
) -> None:
    base, generator = bases[name], torch.Generator().manual_seed(0)
    shapes = originals(base)
    tensors = {f"{each}.weight": torch.randn(shape, generator=generator) for each, shape in shapes.items()}
    biased = [each for each in shapes if ".attention." not in each]  # Z-Image's has none
    tensors |= {f"{each}.bias": torch.randn(shapes[each][0], generator=generator) for each in biased}
    ends = {"weight": "diff", "bias": "diff_b"}
    written = {}
    for key, tensor in tensors.items():
        layer, _, what = key.rpartition(".")
        written[f"{start}{flatten(layer) if start.endswith('_') else layer}.{ends[what]}"] = tensor
    expected = converted(base, dict(tensors))

    adapter = Adapter.load(file(written), base.layers)

    if name != "flux":
        require_fit(base, adapter)
    named = {part.layer for parts in original_names(base.layers).values() for part in parts}
    everything = set(base.layers) - set(base.text_layers)
    # All layers of Z-Image that have no name of their own have diffusers'.
    assert set(adapter.layers) == (named if name == "z_image" else everything)
    for layer, each in adapter.layers.items():
        assert torch.equal(kinds.materialise(each), expected[f"{layer}.weight"].flatten(1)), layer
    assert set(adapter.vectors) == {each for each in expected if each.endswith(".bias")}
    assert all(torch.equal(each, expected[name]) for name, each in adapter.vectors.items())


def test_rows_of_low_rank_hadamard_and_decomposed_deltas_are_exact(bases: Bases) -> None:
    base, generator = bases["sd3"], torch.Generator().manual_seed(0)
    out, into = originals(base)[QKV]
    key = f"lora_unet_{flatten(QKV)}"

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    low = {f"{key}.lora_up.weight": random(out, 4), f"{key}.lora_down.weight": random(4, into)}
    written = {
        "low rank": low | {f"{key}.alpha": torch.tensor(2.0)},
        "hadamard": {
            f"{key}.hada_{each}": random(*shape)
            for each, shape in (
                ("w1_a", (out, 3)),
                ("w1_b", (3, into)),
                ("w2_a", (out, 3)),
                ("w2_b", (3, into)),
            )
        },
        "kronecker": {f"{key}.lokr_w1": random(4, 4), f"{key}.lokr_w2": random(out // 4, into // 4)},
        "decomposed": low | {f"{key}.dora_scale": random(out, 1)},
    }
    weight = torch.cat([own_weight(base, f"transformer_blocks.0.attn.to_{each}") for each in "qkv"])

    for kind, tensors in written.items():
        # Read as one layer of the whole height, and in parts.
        plain = {each.replace(key, "lora_unet_mid_block_whole"): tensor for each, tensor in tensors.items()}
        whole = Adapter.load(file(plain), ["mid_block.whole"]).layers["mid_block.whole"]
        parts = Adapter.load(file(tensors), base.layers).layers

        expected = kinds.materialise(whole, weight).chunk(3)
        for each, wanted in zip("qkv", expected, strict=True):
            layer = f"transformer_blocks.0.attn.to_{each}"
            found = kinds.materialise(parts[layer], own_weight(base, layer))
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6, msg=f"{kind}, {each}")


def test_what_cannot_be_parted_is_refused_with_the_key(bases: Bases) -> None:
    base = bases["sd3"]
    key = f"lora_unet_{flatten(QKV)}"
    low = {f"{key}.lora_up.weight": torch.ones(96, 4), f"{key}.lora_down.weight": torch.ones(4, 32)}

    with pytest.raises(BadAdapter, match=rf"magnitude for each output at {key}.*found one for each input"):
        Adapter.load(file(low | {f"{key}.dora_scale": torch.ones(1, 32)}), base.layers)
    with pytest.raises(BadAdapter, match=f"expected outputs in 3 equal parts at {key}.*, found 97 outputs"):
        Adapter.load(file(low | {f"{key}.lora_up.weight": torch.ones(97, 4)}), base.layers)
    to_q = "transformer.transformer_blocks.0.attn.to_q"
    twice = {f"{to_q}.lora_A.weight": torch.ones(4, 32), f"{to_q}.lora_B.weight": torch.ones(32, 4)}
    with pytest.raises(BadAdapter, match=r"attn\.to_q are there twice"):
        Adapter.load(file(low | twice), base.layers)


def test_without_the_base_what_depends_on_its_last_block_is_refused() -> None:
    last = "lora_unet_joint_blocks_23_context_block_adaLN_modulation_1"
    first = "lora_unet_joint_blocks_0_context_block_adaLN_modulation_1"

    assert set(Adapter.load(file({f"{first}.diff": torch.ones(4, 2)})).layers) == {
        "transformer_blocks.0.norm1_context.linear"
    }
    with pytest.raises(BadAdapter, match="names no layer of the base's denoiser"):
        Adapter.load(file({f"{last}.diff": torch.ones(4, 2)}))


def test_a_small_file_cannot_ask_for_all_memory(bases: Bases) -> None:
    key = f"lora_unet_{flatten(QKV)}"
    hostile = {f"{key}.lokr_w1": torch.ones(300_000, 1), f"{key}.lokr_w2": torch.ones(1, 300_000)}

    with pytest.raises(BadAdapter, match="expected layers of ordinary size"):
        Adapter.load(file(hostile), bases["sd3"].layers)


def test_a_file_that_says_no_family_is_written_for_the_denoiser_that_its_layers_are_of() -> None:
    key = "transformer.single_transformer_blocks.0.attn.to_q"
    tensors = {f"{key}.lora_A.weight": torch.ones(2, 8), f"{key}.lora_B.weight": torch.ones(8, 2)}
    to_q = "transformer.transformer_blocks.0.attn.to_q"
    unsaid = {f"{to_q}.lora_A.weight": torch.ones(2, 8), f"{to_q}.lora_B.weight": torch.ones(8, 2)}

    for each, start in ((tensors, key), (unsaid, to_q)):
        written = load(Adapter.load(file(each)).to_bytes())
        assert all(name.startswith(start) for name in written)
