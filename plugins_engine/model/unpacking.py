"""Make a diffusers directory of a checkpoint in one file, as artists and web pages pass them on.

Such a file has weights in the original code's names, and neither configs nor tokenizers. Those come from a directory of the same family,
and so do the weights that the file lacks, as files of FLUX.1 lack text encoders.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
    convert_sd3_t5_checkpoint_to_diffusers,
    convert_sd3_transformer_checkpoint_to_diffusers,
)
from torch import Tensor, nn

from plugins_engine.adapters.original_names import original_names
from plugins_engine.errors import BadBase, BadRequest
from plugins_engine.model.directory import find_weights, read_json
from plugins_engine.model.fingerprint import stored_tensors
from plugins_engine.model.layouts import FLUX_1, SDXL, STABLE_DIFFUSION, STABLE_DIFFUSION_3, Layout
from plugins_engine.model.loading import load_base

State = dict[str, Tensor]

_DENOISER = "model.diffusion_model."
# What a key begins with, after the denoiser's prefix, by the family. The first that fits any key counts.
_MARKS: tuple[tuple[str, Layout], ...] = (
    ("joint_blocks.", STABLE_DIFFUSION_3),
    ("double_blocks.", FLUX_1),
    ("label_emb.", SDXL),
    ("input_blocks.", STABLE_DIFFUSION),
)
_REFINER = "conditioner.embedders.0.model."
_OF_VAE = ("first_stage_model.", "vae.")
_CLIP_L, _CLIP_G, _T5 = (f"text_encoders.{each}.transformer." for each in ("clip_l", "clip_g", "t5xxl"))
_OF_TEXT = ("cond_stage_model.", "conditioner.", "text_encoders.")
_NO_WEIGHTS = ("position_ids", "logit_scale", "text_model.embeddings.position_ids")
# How some programs write 8-bit weights: times a number that stands beside them.
_SCALES = ("scale_weight", "scale_input", "scaled_fp8", "weight_scale", "input_scale")
_HALF = (torch.float8_e4m3fn, torch.float8_e5m2)
"""Formats that no processor computes in: they become bfloat16, which holds all of their numbers."""


@dataclass(frozen=True)
class Unpacked:
    """What a file was made into.

    Args:
        directory: The diffusers directory.
        pipeline: Its class, as model_index.json names it.
        taken: Parts whose weights came from the components, not from the file.
        left_out: What the file's other tensors are called before the first dot, such as "model_ema".
    """

    directory: Path
    pipeline: str
    taken: tuple[str, ...]
    left_out: tuple[str, ...]


def unpack(file: Path | str, components: Path | str, out: Path | str) -> Unpacked:
    """Write a checkpoint's parts into a new directory, in the file's number format. Raises BadBase, BadRequest for a target that is there.

    Nothing is left of it unless the whole base loads.

    Args:
        file: A .safetensors file of Stable Diffusion 1.x, 2.x, XL, 3 or 3.5, or of FLUX.1.
        components: A diffusers directory of the same family. Its configs, tokenizers and scheduler are used, and its weights for
            what the file lacks.
        out: The directory that is made.
    """
    file, components, out = Path(file), Path(components), Path(out)
    if out.exists():
        raise BadRequest(f"{out}: expected a directory to be made, found one that is there")
    layout = _layout_of(file)
    index = read_json(components / "model_index.json")
    if index.get("_class_name") != layout.pipeline:
        raise BadBase(
            f"{components}: expected the directory of a {layout.pipeline}, which {file.name} is of, found {index.get('_class_name')}"
        )
    draft = out.parent / f".{out.name[:80]}.part"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        taken, left_out = _write(file, components, draft, layout, index)
        draft.replace(out)
    except BadBase as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise BadBase(str(error).replace(str(draft), str(out))) from error
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Unpacked(out, layout.pipeline, taken, left_out)


def _layout_of(file: Path) -> Layout:
    if not file.is_file():
        raise BadBase(f"{file}: expected a checkpoint in one .safetensors file, found nothing")
    keys = [key.removeprefix(_DENOISER) for key in stored_tensors([file])]
    if any(key.startswith(_REFINER) for key in keys):
        raise BadBase(f"{file}: expected a base model, found the SDXL refiner, which cannot draw by itself")
    for mark, layout in _MARKS:
        if any(key.startswith(mark) for key in keys):
            return layout
    raise BadBase(
        f"{file}: expected a checkpoint of Stable Diffusion 1.x, 2.x, XL, 3 or 3.5, or of FLUX.1, in the original code's names; found "
        f"{min(keys, default='no tensors')}"
    )


def _write(
    file: Path, components: Path, draft: Path, layout: Layout, index: dict[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write all parts, and see that each loads. Give those that were taken from the components, and what was left out of the file."""
    try:
        tensors = safetensors.torch.load_file(file)
    # The library raises its own error type, and KeyError for a dtype that torch does not know.
    except Exception as error:
        raise BadBase(f"{file}: expected a safetensors file, it is damaged ({error})") from error
    if scaled := sorted(key for key in tensors if key.endswith(_SCALES)):
        raise BadBase(
            f"{file}: expected weights as they are, found some that are scaled ({scaled[0]}); take the file in half precision instead"
        )
    taken, kept = (
        [],
        [part for part in layout.parts if part not in layout.optional or (components / part).is_dir()],
    )
    precision = torch.float32
    for part in kept:
        config = read_json(components / part / "config.json")
        (draft / part).mkdir(parents=True)
        shutil.copy(components / part / "config.json", draft / part)
        try:
            state = _part(layout, part, tensors, config)
        # The converters take what they look for to be there.
        except (KeyError, IndexError, AttributeError, ValueError, RuntimeError, TypeError) as error:
            raise BadBase(f"{file}: the weights of the {part} are not complete ({error})") from error
        stem = "diffusion_pytorch_model" if part in (layout.folder, "vae") else "model"
        if state:
            state = {
                name: (each.bfloat16() if each.dtype in _HALF else each).contiguous()
                for name, each in state.items()
                if not name.endswith(_NO_WEIGHTS)
            }
            safetensors.torch.save_file(state, draft / part / f"{stem}.safetensors", {"format": "pt"})
        else:
            _take(file, components, draft, part, stem)
            taken.append(part)
        if part == layout.folder and state:
            precision = next(iter(state.values())).dtype
    tokenizers = {part: part.replace("text_encoder", "tokenizer") for part in layout.encoders}
    for each in ("scheduler", *(tokenizers[part] for part in kept if part in tokenizers)):
        shutil.copytree(components / each, draft / each)
    absent = {
        each: [None, None] for part in layout.parts if part not in kept for each in (part, tokenizers[part])
    }
    (draft / "model_index.json").write_text(json.dumps(index | absent, indent=2), encoding="utf-8")
    base = load_base(draft, dtype=precision)
    _require_used(file, draft / layout.folder, base.denoiser)
    return tuple(taken), tuple(sorted(_left_out(layout, tensors)))


def _require_used(file: Path, folder: Path, denoiser: nn.Module) -> None:
    """Raise BadBase for weights of the denoiser that the components' config has no place for: the libraries drop them without a word."""
    held = stored_tensors(sorted(folder.glob("*.safetensors")))
    if left := sorted(set(held) - set(denoiser.state_dict())):
        raise BadBase(
            f"{file}: {left[0]} has no place in the denoiser that the components' config describes: expected components of this very model"
        )


def _take(file: Path, components: Path, draft: Path, part: str, stem: str) -> None:
    try:
        files, _ = find_weights(components / part, stem)
    except BadBase as error:
        raise BadBase(
            f"{file.name} has no {part}: expected its weights in {components / part}, found none ({error})"
        ) from error
    for each in files:
        shutil.copy(each, draft / part)
    for each in (components / part).glob("*.index*.json"):
        shutil.copy(each, draft / part)


def _part(layout: Layout, part: str, tensors: State, config: Mapping[str, Any]) -> State:
    """Give one part's weights in diffusers' names; nothing where the file has none."""
    if part == "vae":
        held = _starting(tensors, _OF_VAE)
        return convert_ldm_vae_checkpoint(held, config) if held else {}
    if part == layout.folder:
        return _denoiser(layout, tensors, config)
    return _text_encoder(layout, part, tensors, config)


def _denoiser(layout: Layout, tensors: State, config: Mapping[str, Any]) -> State:
    elsewhere = (*_OF_VAE, *_OF_TEXT, "model_ema.")
    if layout in (STABLE_DIFFUSION, SDXL):
        of_unet = _starting(tensors, (_DENOISER,))
        found: State = convert_ldm_unet_checkpoint(of_unet, config)
        # The converter hands on the very tensors, and leaves blocks out that it does not count on.
        used = {id(each) for each in found.values()}
        if left := sorted(key for key, each in of_unet.items() if id(each) not in used):
            raise ValueError(f"{left[0]} has no place in this denoiser")
        return found
    held = {
        key.removeprefix(_DENOISER): each for key, each in tensors.items() if not key.startswith(elsewhere)
    }
    if layout is STABLE_DIFFUSION_3:
        converted: State = convert_sd3_transformer_checkpoint_to_diffusers(held)
        return converted
    return _flux(held, config)


def _flux(held: State, config: Mapping[str, Any]) -> State:
    """Name the weights of FLUX.1 as diffusers does. Its own converter knows one width alone."""
    double, single = int(config["num_layers"]), int(config["num_single_layers"])
    layers = [f"transformer_blocks.{i}.attn.add_k_proj" for i in range(double)]
    layers += [f"single_transformer_blocks.{i}.attn.to_q" for i in range(single)]
    named = original_names(layers)
    found: State = {}
    for name, parts in named.items():
        for what in ("weight", "bias"):
            tensor = held.get(f"{name}.{what}")
            if tensor is not None:
                for each in parts:
                    rows = each.rows(len(tensor), name, "the checkpoint")
                    found[f"{each.layer}.{what}"] = tensor if each.of == 1 else tensor[rows]
    used = {f"{name}.{what}" for name in named for what in ("weight", "bias")}
    for i in range(double):
        for stream, ours in (("img", "norm_"), ("txt", "norm_added_")):
            for theirs, end in (("query", "q"), ("key", "k")):
                scale = f"double_blocks.{i}.{stream}_attn.norm.{theirs}_norm.scale"
                found[f"transformer_blocks.{i}.attn.{ours}{end}.weight"] = held[scale]
                used.add(scale)
    for i in range(single):
        for theirs, end in (("query", "q"), ("key", "k")):
            scale = f"single_blocks.{i}.norm.{theirs}_norm.scale"
            found[f"single_transformer_blocks.{i}.attn.norm_{end}.weight"] = held[scale]
            used.add(scale)
    if left := sorted(set(held) - used):
        raise ValueError(f"{left[0]} has no place in a base of {double} and {single} blocks")
    return found


def _text_encoder(layout: Layout, part: str, tensors: State, config: Mapping[str, Any]) -> State:
    if layout is STABLE_DIFFUSION:
        clip = "cond_stage_model.transformer."
        open_clip = "cond_stage_model.model."
        return _clip(tensors, clip) or _open_clip(tensors, open_clip, config)
    if layout is SDXL:
        if part == "text_encoder":
            return _clip(tensors, "conditioner.embedders.0.transformer.")
        return _open_clip(tensors, "conditioner.embedders.1.model.", config)
    if layout is FLUX_1:
        prefixes: dict[str, str] = {"text_encoder": _CLIP_L, "text_encoder_2": _T5}
    else:
        prefixes = {"text_encoder": _CLIP_L, "text_encoder_2": _CLIP_G, "text_encoder_3": _T5}
    if prefixes[part] == _T5:
        found: State = convert_sd3_t5_checkpoint_to_diffusers(tensors)
        return found
    held = _clip(tensors, prefixes[part])
    if held and layout is STABLE_DIFFUSION_3 and part == "text_encoder":
        # This one was trained without a projection.
        held.setdefault("text_projection.weight", torch.eye(int(config["projection_dim"])))
    return held


def _clip(tensors: State, prefix: str) -> State:
    found: State = convert_ldm_clip_checkpoint(_starting(tensors, (prefix,)), prefix)
    return found


@dataclass(frozen=True)
class _Sized:
    """What the converter of OpenCLIP's names asks of a text model: its config."""

    config: Any


@dataclass(frozen=True)
class _Width:
    hidden_size: int


def _open_clip(tensors: State, prefix: str, config: Mapping[str, Any]) -> State:
    held = _starting(tensors, (prefix,))
    if not held:
        return {}
    found: State = convert_open_clip_checkpoint(_Sized(_Width(int(config["hidden_size"]))), held, prefix)
    return found


def _starting(tensors: State, prefixes: tuple[str, ...]) -> State:
    return {key: each for key, each in tensors.items() if key.startswith(prefixes)}


def _left_out(layout: Layout, tensors: Iterable[str]) -> set[str]:
    """Name what is of no part. A transformer's own keys may begin with nothing before them."""
    if layout in (STABLE_DIFFUSION_3, FLUX_1):
        return {key.split(".")[0] for key in tensors if key.startswith("model_ema.")}
    read = (_DENOISER, *_OF_VAE, *_OF_TEXT)
    return {key.split(".")[0] for key in tensors if not key.startswith(read)}
