"""A checkpoint in one file becomes a directory: the same base to the bit, or a reason."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from plugins_engine.errors import BadBase, BadRequest
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from plugins_engine.model.unpacking import unpack
from tests.plugins_engine.single_files import single_file

Bases = dict[str, BaseCheckpoint]


def write(folder: Path, tensors: dict[str, Tensor]) -> Path:
    safetensors.torch.save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


def is_same(one: BaseCheckpoint, other: BaseCheckpoint) -> bool:
    """Whether all weights are the same to the bit. Versions of transformers differ in their names on disk, which fingerprints tell."""
    states = (
        [
            base.denoiser.state_dict(),
            base.vae.state_dict(),
            *(each.encoder.state_dict() for each in base.readers.values()),
        ]
        for base in (one, other)
    )
    return all(
        mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)
        for mine, its in zip(*states, strict=True)
    )


@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl", "sd3", "flux"])
def test_the_base_in_one_file_is_the_same_base(bases: Bases, name: str, tmp_path: Path) -> None:
    base = bases[name]
    file = write(tmp_path, single_file(base))

    made = unpack(file, base.directory.path, tmp_path / "out")

    assert (made.taken, made.left_out) == ((), ())
    assert is_same(load_base(made.directory), base)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("name", "lacking"),
    [("sd1", ("vae",)), ("sdxl", ("text_encoder_2",)), ("flux", ("vae", "text_encoder", "text_encoder_2"))],
)
def test_what_the_file_lacks_comes_from_the_components(
    bases: Bases, name: str, lacking: tuple[str, ...], tmp_path: Path
) -> None:
    base = bases[name]
    file = write(tmp_path, single_file(base, lacking=lacking) | {"model_ema.decay": torch.ones(1)})

    made = unpack(file, base.directory.path, tmp_path / "out")

    assert (made.taken, made.left_out) == (lacking, ("model_ema",))
    assert is_same(load_base(made.directory), base)


def test_a_transformer_without_the_usual_prefix_is_read(bases: Bases, tmp_path: Path) -> None:
    base = bases["flux"]
    tensors = single_file(base, lacking=("vae", "text_encoder", "text_encoder_2"))
    bare = {name.removeprefix("model.diffusion_model."): each for name, each in tensors.items()}

    made = unpack(write(tmp_path, bare), base.directory.path, tmp_path / "out")

    assert is_same(load_base(made.directory), base)


def test_the_file_keeps_its_number_format_but_for_one_that_nothing_computes_in(
    bases: Bases, tmp_path: Path
) -> None:
    base = bases["flux"]
    tensors = {name: each.to(torch.float8_e4m3fn) for name, each in single_file(base).items()}

    made = unpack(write(tmp_path, tensors), base.directory.path, tmp_path / "out")

    held = safetensors.torch.load_file(made.directory / "transformer" / "diffusion_pytorch_model.safetensors")
    assert {each.dtype for each in held.values()} == {torch.bfloat16}
    assert torch.equal(
        held["context_embedder.weight"].to(torch.float8_e4m3fn).float(),
        tensors["model.diffusion_model.txt_in.weight"].float(),
    )


def test_what_is_no_checkpoint_of_the_components_family_is_refused_and_leaves_nothing(
    bases: Bases, tmp_path: Path
) -> None:
    sd1, xl = bases["sd1"], bases["sdxl"]
    whole = single_file(sd1)
    out = tmp_path / "out"

    def refused(tensors: dict[str, Tensor], message: str, components: BaseCheckpoint = sd1) -> None:
        with pytest.raises(BadBase, match=message):
            unpack(write(tmp_path, tensors), components.directory.path, out)
        assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]

    refused(
        whole, "expected the directory of a StableDiffusionPipeline, .* found StableDiffusionXLPipeline", xl
    )
    refused(
        {"lora_unet_mid.lora_up.weight": torch.ones(2, 2)},
        "expected a checkpoint of Stable Diffusion .* found lora_unet_mid",
    )
    refused(
        {
            "conditioner.embedders.0.model.ln_final.weight": torch.ones(2),
            "model.diffusion_model.input_blocks.0.0.weight": torch.ones(2),
        },
        "the SDXL refiner",
    )
    missing = {name: each for name, each in whole.items() if "middle_block.1.proj_in.weight" not in name}
    refused(
        missing,
        "out/unet: the weights of 1 tensors are missing, the first is mid_block.attentions.0.proj_in.weight",
    )
    odd = whole | {"model.diffusion_model.time_embed.0.weight": torch.ones(3, 3)}
    refused(odd, "out/unet: expected UNet2DConditionModel weights")
    flux = single_file(bases["flux"])
    key = "model.diffusion_model.double_blocks.0.img_attn.qkv"
    refused(flux | {f"{key}.scale_weight": torch.ones(1)}, "found some that are scaled", bases["flux"])
    more = flux | {f"{key.replace('0', '7', 1)}.weight": torch.ones(96, 32)}
    refused(more, r"double_blocks\.7\.img_attn\.qkv\.weight has no place", bases["flux"])
    more = whole | {"model.diffusion_model.input_blocks.9.0.in_layers.0.weight": torch.ones(16)}
    refused(more, r"are not complete \(.*input_blocks\.9.* has no place")
    refused(
        {name: each for name, each in flux.items() if "norm.query_norm" not in name},
        "the weights of the transformer are not complete",
        bases["flux"],
    )


def test_a_file_that_is_none_and_a_target_that_is_there_are_refused(
    sd: BaseCheckpoint, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(BadBase, match="its header cannot be read"):
        unpack(tmp_path / "model.safetensors", sd.directory.path, tmp_path / "out")
    with pytest.raises(BadBase, match=r"expected a checkpoint in one \.safetensors file, found nothing"):
        unpack(tmp_path / "nowhere.safetensors", sd.directory.path, tmp_path / "out")
    with pytest.raises(BadRequest, match="expected a directory to be made, found one that is there"):
        unpack(tmp_path / "model.safetensors", sd.directory.path, tmp_path)
    with pytest.raises(BadBase, match="python -m plugins_engine unpack"):
        load_base(tmp_path / "model.safetensors")
