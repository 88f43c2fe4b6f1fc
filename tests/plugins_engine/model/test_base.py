"""Loading diffusers directories: what is found in them, and what is said of broken ones."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open

from plugins_engine.errors import BadBase, BadPrompt, DeviceUnavailable
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.loading import load_base
from tests.plugins_engine import tiny_pipelines

Pipelines = dict[str, Path]
Bases = dict[str, BaseCheckpoint]


@pytest.fixture
def copy(pipelines: Pipelines, tmp_path: Path) -> Callable[[str], Path]:
    """Give a copy of a pipeline that a test may break."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(pipelines[name], tmp_path / name))

    return make


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_each_architecture_is_told_by_its_files(bases: Bases) -> None:
    assert bases["sdxl"].architecture == "stable-diffusion-xl-v1-base"
    assert bases["sd2"].process.prediction == "v_prediction"
    assert (bases["sd3"].architecture, bases["sd3"].process.prediction) == (
        "stable-diffusion-3-custom",
        "flow",
    )
    assert bases["shifted"].architecture == "stable-diffusion-custom"
    z_image = bases["z_image"]
    assert (z_image.architecture, z_image.process.prediction) == ("z-image-custom", "flow")
    published = z_image.denoiser.config | {"n_layers": 30, "dim": 3840}
    assert z_image.family.architecture(published, "flow") == "z-image"
    assert {base.resolution for base in bases.values()} == {tiny_pipelines.RESOLUTION}


@pytest.mark.parametrize(
    ("name", "width", "architecture"),
    [
        ("sd1", 768, "stable-diffusion-v1"),
        ("sd1", 1024, "stable-diffusion-v2-512"),
        ("sd2", 1024, "stable-diffusion-v2-768-v"),
    ],
)
def test_the_widths_of_published_models_name_their_architecture(
    name: str, width: int, architecture: str, pipelines: Pipelines
) -> None:
    base = load_base(pipelines[name])
    base.denoiser.register_to_config(cross_attention_dim=width)

    assert base.architecture == architecture


def test_adaptable_layers_are_q_k_v_and_out_of_every_attention(base: BaseCheckpoint) -> None:
    layers = {name: shape for name, shape in base.adaptable_layers().items() if "add_" not in name}

    attentions = {name.rpartition(".to_")[0] for name in layers}
    without_out = sum(
        name.startswith("single") for name in attentions
    )  # one layer after attention and feed-forward together
    assert len(layers) == 4 * len(attentions) - without_out
    assert all(
        base.denoiser.get_submodule(name).weight.shape == (s.out_features, s.in_features)
        for name, s in layers.items()
    )


def test_feed_forward_projection_and_time_layers_are_adaptable_on_request(base: BaseCheckpoint) -> None:
    layers = base.adaptable_layers(("feed_forward", "projection", "time"))

    ends = {
        "UNet2DConditionModel": ("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "time_emb_proj"),
        "ZImageTransformer2DModel": ("w1", "w2", "w3", "cap_embedder.1", "all_x_embedder.2-1", "2-1.linear", "adaLN_modulation.0"),
    }  # fmt: skip
    joint = ("ff.net.0.proj", "ff_context.net.2", "context_embedder", "proj_out", "norm1_context.linear")
    for end in ends.get(base.directory.layout.denoiser, joint):
        assert any(f".{name}".endswith(f".{end}") for name in layers)
    assert not set(layers) & set(base.adaptable_layers())


def test_an_unknown_kind_of_layer_is_refused(sd: BaseCheckpoint) -> None:
    with pytest.raises(ValueError, match="unknown kinds of layers"):
        sd.adaptable_layers(("atention",))


def test_convolutions_count_as_layers(bases: Bases) -> None:
    assert bases["sd1"].layers["mid_block.attentions.0.proj_in"].kernel == (1, 1)
    large = bases["sd1"].layers["mid_block.resnets.0.conv1"]
    assert (large.kernel, large.in_features % 9) == ((3, 3), 0)
    assert not bases["sd2"].layers["mid_block.attentions.0.proj_in"].kernel


@pytest.mark.parametrize("name", ["sd1", "sd2"])
def test_prompts_are_encoded_as_diffusers_does(name: str, pipelines: Pipelines, bases: Bases) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(pipelines[name], local_files_only=True)

    expected, negative = pipeline.encode_prompt(["a fox", "Ünïcode 狐"], "cpu", 1, True, ["", "a dog"])

    assert torch.equal(bases[name].encode_prompt(["a fox", "Ünïcode 狐"]).tokens, expected)
    assert torch.equal(bases[name].encode_unconditional(["", "a dog"]).tokens, negative)


def test_sdxl_prompts_are_encoded_as_diffusers_does(pipelines: Pipelines, bases: Bases) -> None:
    pipeline = StableDiffusionXLPipeline.from_pretrained(pipelines["sdxl"], local_files_only=True)

    for negative_prompt in (None, "a dog"):
        expected = pipeline.encode_prompt("a fox", negative_prompt=negative_prompt)
        positive = bases["sdxl"].encode_prompt(["a fox"])
        negative = bases["sdxl"].encode_unconditional([negative_prompt or ""])

        for found, wanted in zip(
            (positive.tokens, negative.tokens, positive.pooled, negative.pooled), expected, strict=True
        ):
            assert found is not None
            assert torch.equal(found, wanted)


def test_a_prompt_longer_than_the_encoder_reads_is_refused_with_both_lengths(base: BaseCheckpoint) -> None:
    # Of 77 tokens two are marks, and of Z-Image's 512 the chat template's 19.
    room = 512 - 19 if base.family.name == "Z-Image" else tiny_pipelines.LENGTH - 2
    base.encode_prompt(["x" * room])

    with pytest.raises(BadPrompt, match=rf"{room + 1} tokens long; this base reads {room}"):
        base.encode_prompt(["x" * (room + 1)])


def test_latents_are_shifted_and_scaled_by_the_autoencoders_config(bases: Bases) -> None:
    pixels = torch.rand(2, 3, 32, 32) * 2 - 1
    plain, shifted = bases["sd1"], bases["shifted"]

    with torch.no_grad():
        raw = shifted.vae.encode(pixels).latent_dist.mode()
        raw_plain = plain.vae.encode(pixels).latent_dist.mode()

    torch.testing.assert_close(shifted.encode_pixels(pixels), (raw - 0.3) * 0.7)
    torch.testing.assert_close(plain.encode_pixels(pixels), raw_plain * 0.18215)
    with torch.no_grad():
        expected = (shifted.vae.decode(raw).sample / 2 + 0.5).clamp(0, 1)
    torch.testing.assert_close(shifted.decode_latents(shifted.encode_pixels(pixels)), expected)


def test_latents_are_shifted_and_scaled_by_channel_where_the_config_says_so(
    copy: Callable[[str], Path],
) -> None:
    folder = copy("sd1")
    mean, std = [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]
    change_json(folder / "vae" / "config.json", latents_mean=mean, latents_std=std, scaling_factor=0.5)
    base = load_base(folder)
    pixels = torch.rand(1, 3, 32, 32) * 2 - 1

    with torch.no_grad():
        raw = base.vae.encode(pixels).latent_dist.mode()

    by_channel = [torch.tensor(each).view(1, 4, 1, 1) for each in (mean, std)]
    torch.testing.assert_close(base.encode_pixels(pixels), (raw - by_channel[0]) * 0.5 / by_channel[1])


def test_the_fingerprint_is_the_same_for_every_load_and_differs_between_bases(
    bases: Bases, pipelines: Pipelines, copy: Callable[[str], Path]
) -> None:
    assert len({base.fingerprint for base in bases.values()}) == len(bases)
    assert load_base(pipelines["sd1"], dtype=torch.bfloat16).fingerprint == bases["sd1"].fingerprint
    assert load_base(copy("sd1")).fingerprint == bases["sd1"].fingerprint


def test_the_fingerprint_stays_when_only_the_layout_of_files_changes(
    bases: Bases, copy: Callable[[str], Path]
) -> None:
    folder = copy("sd1")
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load_file(whole)
    names = sorted(tensors)
    halves = [names[: len(names) // 2], names[len(names) // 2 :]]
    weight_map: dict[str, str] = {}
    for number, half in enumerate(halves, 1):
        name = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        safetensors.torch.save_file(
            {key: tensors[key] for key in half}, whole.with_name(name), {"format": "pt"}
        )
        weight_map |= dict.fromkeys(half, name)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    whole.with_name("diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    whole.unlink()
    change_json(folder / "unet" / "config.json", _diffusers_version="9.9", _name_or_path="elsewhere")
    change_json(folder / "scheduler" / "scheduler_config.json", _class_name="DDIMScheduler")

    assert load_base(folder).fingerprint == bases["sd1"].fingerprint


def test_the_fingerprint_changes_with_one_weight_a_config_and_the_training_noise(
    bases: Bases, copy: Callable[[str], Path]
) -> None:
    folder = copy("sd1")
    seen = {bases["sd1"].fingerprint}
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load_file(file)
    next(iter(tensors.values())).view(-1)[0] += 1e-6
    safetensors.torch.save_file(tensors, file, {"format": "pt"})
    seen.add(load_base(folder).fingerprint)
    change_json(folder / "vae" / "config.json", scaling_factor=0.2)
    seen.add(load_base(folder).fingerprint)
    change_json(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    seen.add(load_base(folder).fingerprint)

    assert len(seen) == 4


def test_a_directory_of_half_precision_files_is_loaded(pipelines: Pipelines, tmp_path: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(pipelines["sd1"], local_files_only=True)
    pipeline.to(dtype=torch.float16).save_pretrained(tmp_path / "half", variant="fp16")

    base = load_base(tmp_path / "half")

    assert base.denoiser.dtype == torch.float32
    with safe_open(base.directory.weights["unet"][0], framework="pt") as file:
        assert file.get_tensor("conv_in.weight").dtype == torch.float16


def test_nothing_of_a_loaded_base_asks_for_gradients(base: BaseCheckpoint) -> None:
    parts = [base.denoiser, base.vae, *(each.encoder for each in base.readers.values())]

    assert not any(each.requires_grad for part in parts for each in part.parameters())
    assert not any(part.training for part in parts)


def test_samplers_never_clip_latents_and_are_deterministic(base: BaseCheckpoint) -> None:
    config = base.schedule.make(base.schedule.steady).config

    assert not config.get("clip_sample", False)
    assert config.get("algorithm_type", "dpmsolver++") == "dpmsolver++"


@pytest.mark.parametrize(
    ("asked", "sampler"),
    [
        ({"_class_name": "DDIMScheduler"}, "ddim"),
        ({"_class_name": "PNDMScheduler"}, "dpm++"),
        ({"_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True}, "dpm++ karras"),
        ({"_class_name": "EulerDiscreteScheduler"}, "euler"),
        ({"_class_name": "EulerAncestralDiscreteScheduler"}, "euler a"),
        ({"_class_name": "UniPCMultistepScheduler"}, "unipc"),
        ({"_class_name": "LCMScheduler"}, "lcm"),
    ],
)
def test_a_directory_says_its_sampler(sd_folder: Path, asked: dict[str, object], sampler: str) -> None:
    change_json(sd_folder / "scheduler" / "scheduler_config.json", **asked)

    base = load_base(sd_folder)

    assert base.sampler == sampler
    assert base.schedule.steady in {"ddim", "dpm++"}, "no randomness"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("FlowMatchEulerDiscreteScheduler", "of flow matching"),
        ("FlowMatchHeunDiscreteScheduler", "of flow matching"),
        ("SomethingNewScheduler", "found SomethingNewScheduler: this base cannot be drawn with"),
    ],
)
def test_a_sampler_that_is_not_understood_is_refused_by_name(
    sd_folder: Path, kind: str, message: str
) -> None:
    change_json(sd_folder / "scheduler" / "scheduler_config.json", _class_name=kind)

    with pytest.raises(BadBase, match=message):
        load_base(sd_folder)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadBase, match=r"nowhere: expected a diffusers model directory, found nothing"):
        load_base(tmp_path / "nowhere")


def test_a_file_in_place_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"x")

    with pytest.raises(BadBase, match=r"model.ckpt: expected a diffusers model directory, found a file"):
        load_base(tmp_path / "model.ckpt")


@pytest.mark.parametrize(
    "missing",
    [
        "model_index.json", "unet/config.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer.json",
        "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors",
    ],
)  # fmt: skip
def test_a_missing_part_is_named(missing: str, copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    (folder / missing).unlink()

    with pytest.raises(BadBase, match=missing.split("/")[0]):
        load_base(folder)


def test_weights_in_another_format_are_refused_by_name(copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))

    with pytest.raises(BadBase, match=r"only diffusion_pytorch_model.bin; convert it to safetensors"):
        load_base(folder)


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model", "text_encoder/model"])
def test_cut_off_weights_are_refused_by_name(part: str, copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    file = folder / f"{part}.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])

    with pytest.raises(BadBase, match=part.split("/")[0]):
        load_base(folder)


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model", "text_encoder/model"])
def test_missing_tensors_are_not_filled_in_at_random(part: str, copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    file = folder / f"{part}.safetensors"
    tensors = safetensors.torch.load_file(file)
    del tensors[sorted(tensors)[3]]
    safetensors.torch.save_file(tensors, file, {"format": "pt"})

    with pytest.raises(BadBase, match=r"1 tensors are missing|could not load"):
        load_base(folder)


def test_weights_of_another_shape_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    change_json(folder / "unet" / "config.json", cross_attention_dim=48)

    with pytest.raises(BadBase, match="unet"):
        load_base(folder)


def test_an_inpainting_model_is_refused_with_the_reason(copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    change_json(folder / "unet" / "config.json", in_channels=9)

    with pytest.raises(BadBase, match="found 9: an inpainting or depth model"):
        load_base(folder)


def test_an_unknown_pipeline_is_refused_with_those_supported(copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    change_json(folder / "model_index.json", _class_name="KolorsPipeline")

    with pytest.raises(BadBase, match=r"expected one of StableDiffusionPipeline, .* found KolorsPipeline"):
        load_base(folder)


def test_a_refiner_is_refused_with_the_reason(copy: Callable[[str], Path]) -> None:
    folder = copy("sdxl")
    change_json(folder / "model_index.json", text_encoder=[None, None])

    with pytest.raises(BadBase, match="no text_encoder"):
        load_base(folder)


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_an_index_that_is_not_a_json_object_is_refused(content: str, copy: Callable[[str], Path]) -> None:
    folder = copy("sd1")
    (folder / "model_index.json").write_text(content)

    with pytest.raises(BadBase, match=r"model_index.json: expected"):
        load_base(folder)


@pytest.mark.parametrize("device", ["cuda:7", "tpu", "no such"])
def test_a_device_that_is_not_there_is_refused_by_name(device: str, pipelines: Pipelines) -> None:
    with pytest.raises(DeviceUnavailable, match=device):
        load_base(pipelines["sd1"], device=device)
