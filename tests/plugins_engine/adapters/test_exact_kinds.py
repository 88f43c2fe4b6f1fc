"""Every kind of delta in a file does to its layer exactly what the program that trains it does, LyCORIS or peft."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lycoris.modules.full import FullModule  # type: ignore[import-untyped]
from lycoris.modules.locon import LoConModule  # type: ignore[import-untyped]
from lycoris.modules.loha import LohaModule  # type: ignore[import-untyped]
from lycoris.modules.lokr import LokrModule  # type: ignore[import-untyped]
from lycoris.modules.norms import NormModule  # type: ignore[import-untyped]
from peft import LoHaConfig, LoKrConfig, LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from torch import Tensor, nn

from plugins_engine.adapters import kinds
from plugins_engine.adapters.adapter import Adapter, weighted_sum
from plugins_engine.adapters.layer_names import flatten
from plugins_engine.adapters.written_file import Format
from plugins_engine.combination.config import CombinationConfig
from plugins_engine.combination.easymerge import combine
from plugins_engine.combination.parts import CombinationPart
from plugins_engine.errors import BadAdapter
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.branches import applied, completed, known_beside, require_fit
from tests.plugins_engine.adapters.lora_files import file
from tests.plugins_engine.peer import pipeline_of, predicted
from tests.plugins_engine.tiny_pipelines import random_adapter

LINEAR = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
FEED = "mid_block.attentions.0.transformer_blocks.0.ff.net.2"
CONVOLUTION = "down_blocks.0.resnets.0.conv1"
STRIDED = "down_blocks.0.downsamplers.0.conv"
SMALL = "mid_block.attentions.0.proj_in"  # 1x1
READER = "text_encoder.text_model.encoder.layers.0.mlp.fc1"
GROUP = "mid_block.resnets.0.norm1"
LAYER = "mid_block.attentions.0.transformer_blocks.0.norm2"

LYCORIS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "LoCon": (LoConModule, {}),
    "Tucker": (LoConModule, {"use_tucker": True}),
    "rsLoRA": (LoConModule, {"rs_lora": True}),
    "DoRA by output": (LoConModule, {"weight_decompose": True}),
    "DoRA by input": (LoConModule, {"weight_decompose": True, "wd_on_out": False}),
    "LoHa": (LohaModule, {"use_tucker": True}),
    "LoHa with DoRA": (LohaModule, {"use_tucker": True, "weight_decompose": True}),
    "LoKr": (LokrModule, {"factor": 2}),
    "LoKr in factors": (LokrModule, {"factor": 4, "decompose_both": True}),
    "LoKr with Tucker": (LokrModule, {"factor": 2, "use_tucker": True}),
    "LoKr whole": (LokrModule, {"factor": 4, "full_matrix": True}),
    "LoKr with DoRA": (LokrModule, {"factor": 2, "weight_decompose": True, "wd_on_out": False}),
    "full": (FullModule, {}),
}  # fmt: skip


def of_lycoris(called: str, module: nn.Module) -> Any:
    """Make one of LyCORIS's modules over a layer, of rank 4 and alpha 2, with random weights."""
    kind, options = LYCORIS[called]
    made = FullModule("x", module, 1.0) if kind is FullModule else kind("x", module, 1.0, 4, 2.0, **options)
    made.apply_to()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += torch.randn(parameter.shape, generator=generator) * 0.2
    return made


def from_lycoris(
    base: BaseCheckpoint, chosen: dict[str, str]
) -> tuple[dict[str, Tensor], dict[str, nn.Module]]:
    """Give the tensors of a file that LyCORIS would write for some layers, and these layers with its modules laid over them."""
    tensors: dict[str, Tensor] = {}
    changed: dict[str, nn.Module] = {}
    for layer, called in chosen.items():
        changed[layer] = copy.deepcopy(base.module(layer))
        module = of_lycoris(called, changed[layer])
        state = module.custom_state_dict() if isinstance(module, FullModule) else module.state_dict()
        start = (
            f"lora_te_{flatten(layer.split('.', 1)[1])}" if layer == READER else f"lora_unet_{flatten(layer)}"
        )
        tensors |= {
            f"{start}.{name}": each.detach()
            for name, each in state.items()
            if each is not None and "org" not in name
        }
    return tensors, changed


@pytest.mark.parametrize("called", LYCORIS)
def test_a_file_of_lycoris_is_exact(sd: BaseCheckpoint, called: str) -> None:
    tensors, changed = from_lycoris(
        sd, dict.fromkeys([LINEAR, FEED, CONVOLUTION, STRIDED, SMALL, READER], called)
    )

    adapter = Adapter.load(file(tensors), sd.layers)

    require_fit(sd, adapter)
    assert set(adapter.layers) == set(changed)
    for layer, module in changed.items():
        shape = sd.layers[layer]
        width = shape.in_features // (shape.kernel[0] * shape.kernel[1] if shape.kernel else 1)
        x = torch.randn(
            2, width, *((8, 8) if shape.kernel else ()), generator=torch.Generator().manual_seed(0)
        )
        with torch.no_grad():
            plain, expected = sd.module(layer)(x), module(x)
            with applied(sd, [(adapter, 1.0)]):
                found = sd.module(layer)(x)
        assert error(found - plain, expected - plain) < 1e-5, layer


@pytest.mark.parametrize("layer", [GROUP, LAYER])
def test_norms_are_exact(sd: BaseCheckpoint, layer: str) -> None:
    original = copy.deepcopy(sd.module(layer))
    module = NormModule("x", original, 1.0)
    with torch.no_grad():
        module.w_norm += torch.randn(module.w_norm.shape) * 0.2
        module.b_norm += torch.randn(module.b_norm.shape) * 0.2
        original.weight += module.w_norm
        original.bias += module.b_norm
    start = f"lora_unet_{flatten(layer)}"

    adapter = Adapter.load(
        file({f"{start}.w_norm": module.w_norm.detach(), f"{start}.b_norm": module.b_norm.detach()}),
        sd.layers,
    )

    width = len(module.w_norm)
    x = torch.randn(2, width, 4, 4) if layer == GROUP else torch.randn(2, 5, width)
    with torch.no_grad(), applied(sd, [(adapter, 1.0)]):
        torch.testing.assert_close(sd.module(layer)(x), original(x), rtol=1e-4, atol=1e-5)


PEFT = {
    "LoRA with biases": LoraConfig(r=4, lora_alpha=6, lora_bias=True),
    "rsLoRA": LoraConfig(r=4, lora_alpha=6, use_rslora=True),
    "DoRA": LoraConfig(r=4, lora_alpha=6, use_dora=True),
    "patterns": LoraConfig(r=4, lora_alpha=6, alpha_pattern={"ff.net.2": 3}, rank_pattern={".*proj_in": 2}),
    "LoHa": LoHaConfig(r=4, alpha=6, use_effective_conv2d=True),
    "LoHa of flat convolutions": LoHaConfig(r=4, alpha=6),
    "LoKr": LoKrConfig(r=2, alpha=6, decompose_factor=2),
    "LoKr of both in factors": LoKrConfig(r=2, alpha=6, decompose_both=True),
}  # fmt: skip


@pytest.mark.parametrize("called", PEFT)
def test_a_folder_of_peft_is_exact(sd: BaseCheckpoint, called: str, tmp_path: Any) -> None:
    config = copy.deepcopy(PEFT[called])
    # Only layers with a bias can have one added.
    layers = [FEED, CONVOLUTION, STRIDED, SMALL]
    config.target_modules = layers
    model = get_peft_model(copy.deepcopy(sd.denoiser), config)
    assert isinstance(model, PeftModel)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and ("lora" in name or "hada" in name or "lokr" in name):
                parameter += torch.randn(parameter.shape, generator=generator) * 0.2
    model.save_pretrained(tmp_path)
    assert get_peft_model_state_dict(model)

    adapter = Adapter.load(tmp_path, sd.layers)

    require_fit(sd, adapter)
    merged: nn.Module = model.merge_and_unload()
    for layer in layers:
        module: Any = merged.get_submodule(layer)
        before: Any = sd.module(layer)
        weight = before.weight.detach()
        found = kinds.materialise(adapter.layers[layer], weight)
        assert error(found, (module.weight.detach() - weight).flatten(1)) < 1e-5, layer
        if called == "LoRA with biases":
            moved = module.bias.detach() - before.bias.detach()
            torch.testing.assert_close(adapter.vectors[f"{layer}.bias"], moved, rtol=1e-4, atol=1e-6)


def test_every_kind_is_linear_in_its_weight_and_undone_by_its_negation(sd: BaseCheckpoint) -> None:
    tensors, _ = from_lycoris(
        sd, {LINEAR: "DoRA by input", FEED: "LoHa", CONVOLUTION: "LoKr", SMALL: "full", STRIDED: "Tucker"}
    )
    adapter = Adapter.load(file(tensors), sd.layers)

    with torch.no_grad():
        plain = predicted(sd)
        with applied(sd, [(adapter, 0.3), (adapter, 0.7)]):
            parted = predicted(sd)
        with applied(sd, [(adapter, 1.0)]):
            whole = predicted(sd)
        with applied(sd, [(adapter, 1.0), (adapter.negated(), 1.0)]):
            undone = predicted(sd)
    torch.testing.assert_close(parted, whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(undone, plain, rtol=1e-4, atol=1e-5)
    assert (whole - plain).abs().max() > 0.01


def test_what_is_read_is_written_and_read_again(sd: BaseCheckpoint) -> None:
    tensors, _ = from_lycoris(
        sd,
        {
            LINEAR: "DoRA by input",
            FEED: "LoHa",
            CONVOLUTION: "LoKr with DoRA",
            STRIDED: "full",
            SMALL: "LoCon",
        },
    )
    group: Any = sd.module(GROUP)
    feed: Any = sd.module(FEED)
    tensors[f"lora_unet_{flatten(GROUP)}.w_norm"] = torch.ones(group.weight.shape)
    tensors[f"lora_unet_{flatten(FEED)}.diff_b"] = torch.ones(feed.bias.shape)
    adapter = completed(sd, Adapter.load(file(tensors), sd.layers))

    for naming in ("peft", "kohya"):
        again = Adapter.load(adapter.to_bytes(naming=naming), sd.layers)
        assert again.tensors_sha256 == adapter.tensors_sha256
        assert again.vectors.keys() == adapter.vectors.keys()
    scaled = adapter.scaled(0.5)
    assert Adapter.load(scaled.to_bytes(), sd.layers).tensors_sha256 == scaled.tensors_sha256
    with pytest.raises(BadAdapter, match="DoRA at the weight 1 in kohya's naming"):
        scaled.to_bytes(naming="kohya")


def test_beside_their_base_all_kinds_become_low_rank_exactly_and_compressed_ones_say_their_error(
    sd: BaseCheckpoint,
) -> None:
    tensors, changed = from_lycoris(sd, {LINEAR: "DoRA by output", READER: "DoRA by output"})
    adapter = Adapter.load(file(tensors), sd.layers)

    known = known_beside(sd, adapter)
    thin = known.in_low_rank()

    for layer, module in changed.items():
        x = torch.eye(sd.layers[layer].in_features)
        with torch.no_grad():
            expected = (module(x) - sd.module(layer)(x)).T
        assert error(kinds.materialise(thin.factors[layer]), expected) < 1e-5
    assert thin.compression_error(known) < 1e-5
    small = thin.in_low_rank(2)
    assert small.rank == 2
    assert 0.05 < small.compression_error(known) < 1
    with pytest.raises(BadAdapter, match="beside a base's weights"):
        adapter.in_low_rank()
    for layer, full in known.layers.items():
        assert kinds.inner(full, thin.layers[layer]) == pytest.approx(kinds.norm(full) ** 2, rel=1e-4)
    total = weighted_sum([(known, 2.0), (thin, -1.0)])
    assert total.compression_error(known) < 1e-5


def test_plug_ins_of_all_kinds_combine(sd: BaseCheckpoint) -> None:
    chosen = {LINEAR: "DoRA by input", FEED: "LoHa", CONVOLUTION: "LoKr", SMALL: "full", READER: "LoCon"}
    tensors, _ = from_lycoris(sd, chosen)
    tensors[f"lora_unet_{flatten(GROUP)}.w_norm"] = torch.full((32,), 0.3)
    mixed = replace(completed(sd, Adapter.load(file(tensors), sd.layers)), name="Mixed", kind="style")
    ink = random_adapter(sd, seed=2, name="Ink")
    parts = [
        CombinationPart(("a fox, Mixed style",), (mixed,)),
        CombinationPart(("a boat, Ink style",), (ink,)),
    ]
    config = CombinationConfig(pictures=2, retained_pictures=2, steps=2, tuning_steps=2)

    for method in ("sum", "closed-form", "tuned"):
        done = combine(sd, parts, replace(config, method=method))

        assert set(done.adapter.layers) == set(mixed.layers) | set(ink.layers)
        assert torch.equal(done.adapter.vectors[f"{GROUP}.weight"], torch.full((32,), 0.3))
        named = json.loads(done.adapter.metadata["plugin.merged_from"])
        assert [each["tensors_sha256"] for each in named] == [mixed.tensors_sha256, ink.tensors_sha256]
        if method == "sum":
            with torch.no_grad(), applied(sd, [(mixed, 1.0), (ink, 1.0)]):
                expected = predicted(sd)
            with torch.no_grad(), applied(sd, [(done.adapter, 1.0)]):
                torch.testing.assert_close(predicted(sd), expected, rtol=1e-3, atol=1e-4)


# diffusers (0.42) ignores the shape of LyCORIS's magnitudes, so its DoRA of kohya's naming is another one.
@pytest.mark.parametrize(
    ("called", "naming"), [("LoCon", "peft"), ("LoCon", "kohya"), ("DoRA by output", "peft")]
)
def test_diffusers_reads_what_it_can_hold_as_we_do(
    bases: dict[str, BaseCheckpoint], tmp_path: Path, called: str, naming: Format
) -> None:
    base = bases["sdxl"]
    chosen = [LINEAR, FEED, CONVOLUTION, STRIDED, "up_blocks.0.upsamplers.0.conv"]
    if naming == "kohya":  # diffusers (0.42) takes no kohya file with convolutions and other layers
        chosen = [LINEAR]
    tensors, _ = from_lycoris(base, dict.fromkeys(chosen, called))
    adapter = completed(base, Adapter.load(file(tensors), base.layers))
    adapter.save(tmp_path / "one.safetensors", naming=naming)

    pipeline = pipeline_of(base)
    pipeline.load_lora_weights(tmp_path, weight_name="one.safetensors", local_files_only=True)

    with torch.no_grad(), applied(base, [(adapter, 1.0)]):
        expected = predicted(base)
    with torch.no_grad():
        plain, found = predicted(base), predicted(base, pipeline.unet)
    assert error(found - plain, expected - plain) < 1e-4


def error(found: Tensor, expected: Tensor) -> float:
    """Give the error relative to the delta's effect."""
    return float((found - expected).norm() / expected.norm())
