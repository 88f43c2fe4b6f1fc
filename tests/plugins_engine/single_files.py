"""Checkpoints in one file, in the original code's names, made of tiny pipelines."""

import re
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from plugins_engine.adapters.layer_names import _original_blocks, _original_names
from plugins_engine.adapters.original_names import original_names
from plugins_engine.model.base import BaseCheckpoint

State = dict[str, Tensor]


def single_file(base: BaseCheckpoint, *, lacking: tuple[str, ...] = ()) -> State:
    """Give all weights of a base as its original code calls them, without some parts."""
    folder = base.directory.path
    denoiser = base.directory.layout.folder
    parts = {
        part: _stored(folder / part)
        for part in base.directory.layout.parts
        if part in base.directory.weights and part not in lacking
    }
    found: State = {}
    if denoiser in parts:
        named = _of_unet(parts[denoiser]) if denoiser == "unet" else _of_transformer(base, parts[denoiser])
        found |= {f"model.diffusion_model.{name}": each for name, each in named.items()}
    if "vae" in parts:
        start = "first_stage_model." if denoiser == "unet" else "vae."
        found |= {f"{start}{name}": each for name, each in _of_vae(parts["vae"]).items()}
    for part, prefix in _PREFIXES[base.directory.layout.pipeline].items():
        if part in parts:
            named = (_of_open_clip if prefix.endswith(".model.") else _of_clip)(parts[part])
            found |= {f"{prefix}{name}": each for name, each in named.items()}
    return {name: each.contiguous() for name, each in found.items()}


_PREFIXES = {
    "StableDiffusionPipeline": {"text_encoder": "cond_stage_model.transformer."},
    "StableDiffusionXLPipeline": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
    "StableDiffusion3Pipeline": {
        "text_encoder": "text_encoders.clip_l.transformer.",
        "text_encoder_2": "text_encoders.clip_g.transformer.",
        "text_encoder_3": "text_encoders.t5xxl.transformer.",
    },
    "FluxPipeline": {
        "text_encoder": "text_encoders.clip_l.transformer.",
        "text_encoder_2": "text_encoders.t5xxl.transformer.",
    },
}


def _stored(folder: Path) -> State:
    return {
        name: each
        for file in folder.glob("*.safetensors")
        for name, each in safetensors.torch.load_file(file).items()
    }


def _of_unet(state: State) -> State:
    owners = {name.rpartition(".")[0] for name in state}
    places = _original_blocks(owners)
    found: State = {}
    for name, each in state.items():
        owner, _, what = name.rpartition(".")
        called = _original_names(owner, places) or [owner]
        # An upsampler stands last in its block, after the attention where there is one.
        with_attention = any(
            other.startswith(f"{owner.split('.upsamplers')[0]}.attentions") for other in owners
        )
        found[f"{called[-1 if with_attention else 0]}.{what}"] = each
    return found


def _of_vae(state: State) -> State:
    numbers = [re.match(r"decoder\.up_blocks\.(\d+)\.", name) for name in state]
    ups = 1 + max(int(number[1]) for number in numbers if number)
    found: State = {}
    for name, each in state.items():
        called = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        called = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", called)
        called = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", called)
        called = re.sub(
            r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{ups - 1 - int(m[1])}.block.{m[2]}", called
        )
        called = re.sub(
            r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{ups - 1 - int(m[1])}.upsample", called
        )
        called = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", called)
        attention = "mid_block.attentions.0." in called
        for ours, theirs in (
            ("group_norm", "norm"),
            ("to_q", "q"),
            ("to_k", "k"),
            ("to_v", "v"),
            ("to_out.0", "proj_out"),
        ):
            called = called.replace(f"mid_block.attentions.0.{ours}", f"mid.attn_1.{theirs}")
        found[called] = each[:, :, None, None] if attention and each.ndim == 2 else each
    return found


def _of_clip(state: State) -> State:
    """T5's names are the same; newer versions of transformers leave a step of CLIP's out."""
    of_clip = any("embeddings.token_embedding" in name for name in state)
    return {
        name
        if not of_clip or name.startswith(("text_model.", "text_projection"))
        else f"text_model.{name}": each
        for name, each in state.items()
    }


def _of_open_clip(state: State) -> State:
    state = _of_clip(state)
    fixed = {
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    found: State = {fixed[name]: state[name] for name in fixed}
    if "text_projection.weight" in state:
        found["text_projection"] = state["text_projection.weight"].T
    numbers = [re.search(r"layers\.(\d+)\.", name) for name in state]
    layers = 1 + max(int(number[1]) for number in numbers if number)
    for i in range(layers):
        ours, theirs = f"text_model.encoder.layers.{i}", f"transformer.resblocks.{i}"
        for what in ("weight", "bias"):
            found[f"{theirs}.attn.in_proj_{what}"] = torch.cat(
                [state[f"{ours}.self_attn.{each}_proj.{what}"] for each in "qkv"]
            )
            for own, other in (
                ("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
            ):  # fmt: skip
                found[f"{theirs}.{other}.{what}"] = state[f"{ours}.{own}.{what}"]
    return found


_NORMS = (
    (r"transformer_blocks\.(\d+)\.attn\.norm_(q|k)\.weight", "joint_blocks.{}.x_block.attn.ln_{}.weight", "double_blocks.{}.img_attn.norm.{}_norm.scale"),
    (r"transformer_blocks\.(\d+)\.attn\.norm_added_(q|k)\.weight", "joint_blocks.{}.context_block.attn.ln_{}.weight", "double_blocks.{}.txt_attn.norm.{}_norm.scale"),
    (r"transformer_blocks\.(\d+)\.attn2\.norm_(q|k)\.weight", "joint_blocks.{}.x_block.attn2.ln_{}.weight", ""),
    (r"single_transformer_blocks\.(\d+)\.attn\.norm_(q|k)\.weight", "", "single_blocks.{}.norm.{}_norm.scale"),
)  # fmt: skip


def _of_transformer(base: BaseCheckpoint, state: State) -> State:
    flux = base.family.name == "FLUX.1"
    found: State = {}
    for name, parts in original_names(base.layers).items():
        for what in ("weight", "bias"):
            if f"{parts[0].layer}.{what}" not in state:
                continue
            rows = len(state[f"{parts[0].layer}.{what}"]) // len(parts[0].pieces)
            held: dict[int, Tensor] = {}
            for part in parts:
                pieces = torch.split(state[f"{part.layer}.{what}"], rows)
                held |= dict(zip(part.pieces, pieces, strict=True))
            found[f"{name}.{what}"] = torch.cat([held[i] for i in range(parts[0].of)])
    for name, each in state.items():
        for pattern, sd3, of_flux in _NORMS:
            if (matched := re.fullmatch(pattern, name)) is not None:
                called = {"q": "query", "k": "key"}[matched[2]] if flux else matched[2]
                found[(of_flux if flux else sd3).format(matched[1], called)] = each
    if not flux:
        found["pos_embed"] = state["pos_embed.pos_embed"]
    return found
