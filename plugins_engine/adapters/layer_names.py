"""The names that other programs give to the layers of a UNet and its text encoders, and which layer each means."""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from plugins_engine.adapters.families import Z_IMAGE
from plugins_engine.adapters.original_names import Part, original_names

# The layers of a transformer block, as diffusers names them.
_BLOCK_LAYERS = [
    *(
        f"{attention}.{layer}"
        for attention in ("attn1", "attn2")
        for layer in ("to_q", "to_k", "to_v", "to_out.0")
    ),
    "ff.net.0.proj",
    "ff.net.2",
]
_DEEPEST = 10  # transformer blocks in a row, in SDXL
_FLUX_BLOCKS = (19, 38)  # double and single ones of FLUX.1
_BLOCKS = (24, 38)  # of Stable Diffusion 3 and 3.5 Medium, and of 3.5 Large
# Blocks of Z-Image, by what their names begin with, and their layers. Refiners of the text have no modulation.
_Z_IMAGE_BLOCKS = {"layers": 30, "noise_refiner": 2, "context_refiner": 2}
_Z_IMAGE_LAYERS = (
    *(f"attention.{each}" for each in ("to_q", "to_k", "to_v", "to_out.0")),
    *(f"feed_forward.{each}" for each in ("w1", "w2", "w3")),
    "adaLN_modulation.0",
)
# The part of a text encoder in which all of its layers are; some versions of transformers leave it out.
TEXT_MODEL = "text_model"
# What kohya's trainer writes before the layers of a base's only text encoder, and of one of several.
KOHYA_ENCODER = "lora_te_"
KOHYA_ENCODERS = {"text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}
# What ComfyUI writes before them.
_COMFY_ENCODERS = {
    "text_encoder": "text_encoders.clip_l.transformer.",
    "text_encoder_2": "text_encoders.clip_g.transformer.",
}
# The layers of a CLIP text encoder that are adapted, written with dots or, as kohya's trainer does, with underscores.
_TEXT_LAYER = re.compile(
    r"(?:text_model[._])?encoder[._]layers[._](\d{1,3})[._]"
    r"(?:self_attn[._](?:to_(?P<old>q|k|v|out)|(?P<attention>q_proj|k_proj|v_proj|out_proj))|mlp[._](?P<mlp>fc1|fc2)"
    r"|(?P<norm>layer_norm[12]))"
)
_NORM = re.compile(r"(?:.*\.)?(?:norm\d?|layer_norm[12]|conv_norm_out)")
# What the original code calls the parts of a residual block.
_RESIDUAL = {
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
}
_FIXED = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def flatten(name: str) -> str:
    """Write a name as kohya's trainer does; underscores inside and between parts then look the same."""
    return name.replace(".", "_")


def is_of_text(layer: str) -> bool:
    """Say whether a layer is of a text encoder."""
    return layer.startswith(("text_encoder.", "text_encoder_2.", "text_encoder_3."))


def is_of_norm(layer: str) -> bool:
    """Say whether a layer is a norm, whose weight is a vector."""
    return _NORM.fullmatch(layer) is not None


def text_layer(component: str, written: str) -> str | None:
    """Name a layer of a text encoder, "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"; None for what is none."""
    found = _TEXT_LAYER.fullmatch(written)
    if found is None:
        return None
    old, attention, mlp, norm = found["old"], found["attention"], found["mlp"], found["norm"]
    path = norm or (f"mlp.{mlp}" if mlp else f"self_attn.{attention or f'{old}_proj'}")
    return f"{component}.{TEXT_MODEL}.encoder.layers.{int(found[1])}.{path}"


def encoder_key(key: str) -> tuple[str, str] | None:
    """Tell the text encoder that a key of any naming is of, and the rest of the key; None for what is of no text encoder.

    A text encoder that no Stable Diffusion has keeps the name that the key gives it.
    """
    key = key.removeprefix("base_model.model.")
    for component, start in _COMFY_ENCODERS.items():
        if key.startswith(start):
            return component, key.removeprefix(start)
    if key.startswith((f"{TEXT_MODEL}.", KOHYA_ENCODER)):
        return "text_encoder", key.removeprefix(KOHYA_ENCODER)
    for component, start in KOHYA_ENCODERS.items():
        if key.startswith(start):
            return component, key.removeprefix(start)
    found = re.match(r"(text_encoder\w*|lora_te\d*)[._](.*)", key)
    return (found[1], found[2]) if found else None


def aliases(layers: Iterable[str]) -> Mapping[str, tuple[Part, ...]]:
    """Map every flattened name, diffusers' own and the original code's, to the denoiser's among `layers` and their norms."""
    layers = [layer for layer in layers if not is_of_text(layer)]
    layers += _norms_of(layers)
    table: dict[str, tuple[Part, ...]] = {flatten(name): (Part(name),) for name in layers}
    places = _original_blocks(layers)
    for name in layers:
        for original in _original_names(name, places):
            table.setdefault(flatten(original), (Part(name),))
    for original, parts in original_names(layers).items():
        table.setdefault(flatten(original), parts)
    return table


@cache
def published_aliases(family: str) -> Mapping[str, tuple[Part, ...]]:
    """Map every flattened name to a layer of the published models, to read a file when its base is not at hand.

    family: of models that the file is for, "" if nothing tells. Some names of Z-Image's original code are other layers in other families.
    """
    if family == Z_IMAGE:
        return aliases(_z_image_layers())
    # Without the base nobody knows which block is the last, whose rows the original code has in another order.
    unsure = {f"joint_blocks_{count - 1}_context_block_adaLN_modulation_1" for count in _BLOCKS}
    sd3 = {key: each for key, each in aliases(_blocks(max(_BLOCKS))).items() if key not in unsure}
    return {**sd3, **aliases(_blocks(*_FLUX_BLOCKS)), **aliases(published_layers())}


def published_layers() -> list[str]:
    """List the names of SD 1.x, 2.x and SDXL UNets together, to read a file when its base is not at hand."""
    names = [f"{part}_embedding.linear_{n}" for part in ("time", "add") for n in (1, 2)]
    names += ["conv_in", "conv_out"]
    names += [f"down_blocks.{i}.downsamplers.0.conv" for i in range(4)]
    names += [f"up_blocks.{i}.upsamplers.0.conv" for i in range(4)]
    blocks = [f"down_blocks.{i}" for i in range(4)] + ["mid_block"] + [f"up_blocks.{i}" for i in range(4)]
    for block in blocks:
        for j in range(3 if block.startswith("up") else 2):
            names += [
                f"{block}.resnets.{j}.{each}" for each in ("time_emb_proj", "conv_shortcut", "conv1", "conv2")
            ]
            attention = f"{block}.attentions.{j}"
            names += [f"{attention}.proj_in", f"{attention}.proj_out"]
            names += [
                f"{attention}.transformer_blocks.{k}.{each}"
                for k in range(_DEEPEST)
                for each in _BLOCK_LAYERS
            ]
    return names


def _blocks(count: int, single: int = 0) -> list[str]:
    """List the layers that tell how many blocks a transformer has."""
    double = [f"transformer_blocks.{i}.attn.add_k_proj" for i in range(count)]
    return double + [f"single_transformer_blocks.{i}.attn.to_q" for i in range(single)]


def _z_image_layers() -> list[str]:
    """List the names of Z-Image's layers."""
    names = [
        f"{blocks}.{i}.{each}"
        for blocks, count in _Z_IMAGE_BLOCKS.items()
        for i in range(count)
        for each in _Z_IMAGE_LAYERS
        if blocks != "context_refiner" or not each.startswith("adaLN")
    ]
    return [*names, "cap_embedder.1", "t_embedder.mlp.0", "t_embedder.mlp.2"]


def _original_blocks(layers: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Number diffusers' blocks the way the original code does, in one row down and one row up: first place, and residual layers.

    A block of n residual layers takes n places, and going down one more for its downsampler; place 0 going down is
    the first convolution.
    """
    counts: dict[tuple[str, int], int] = {}
    for name in layers:
        match = re.match(r"(down|up)_blocks\.(\d+)\.(?:resnets|attentions)\.(\d+)\.", name)
        if match:
            block = match[1], int(match[2])
            counts[block] = max(counts.get(block, 0), int(match[3]) + 1)
    places: dict[str, tuple[int, int]] = {}
    for side, first, extra in (("down", 1, 1), ("up", 0, 0)):
        place = first
        for index in sorted(i for s, i in counts if s == side):
            places[f"{side}_blocks.{index}"] = place, counts[side, index]
            place += counts[side, index] + extra
    return places


def _norms_of(layers: Iterable[str]) -> list[str]:
    """List the norms that stand beside the layers of a UNet."""
    found: dict[str, None] = {}
    for name in layers:
        owner, _, last = name.rpartition(".")
        if last in ("conv1", "conv2") and ".resnets." in name:
            found[f"{owner}.norm{last[-1]}"] = None
        elif last == "proj_in" and ".attentions." in name:
            found[f"{owner}.norm"] = None
        elif name.endswith(".attn1.to_q"):
            found.update(dict.fromkeys(f"{owner.removesuffix('.attn1')}.norm{n}" for n in (1, 2, 3)))
        elif name == "conv_out":
            found["conv_norm_out"] = None
    return list(found)


def _original_names(name: str, places: Mapping[str, tuple[int, int]]) -> list[str]:
    """Give what the original code may call a layer."""
    if name in _FIXED:
        return [_FIXED[name]]
    match = re.match(r"((?:down|up)_blocks\.\d+)\.(?:down|up)samplers\.0\.conv", name)
    if match:
        # A block's downsampler has the place after its residual layers, its upsampler stands at the last of them: second where the
        # block has no attention, else third.
        first, layers = places[match[1]]
        if name.startswith("down"):
            return [f"input_blocks.{first + layers}.0.op"]
        return [f"output_blocks.{first + layers - 1}.{n}.conv" for n in (1, 2)]
    match = re.match(r"(down_blocks\.\d+|up_blocks\.\d+|mid_block)\.(resnets|attentions)\.(\d+)\.(.+)", name)
    if not match:
        return []
    block, kind, index, rest = match[1], match[2], int(match[3]), match[4]
    if kind == "resnets":
        if rest not in _RESIDUAL:
            return []
        rest = _RESIDUAL[rest]
    if block == "mid_block":  # residual, attention, residual in one row
        return [f"middle_block.{1 if kind == 'attentions' else 2 * index}.{rest}"]
    row = "input_blocks" if block.startswith("down") else "output_blocks"
    return [f"{row}.{places[block][0] + index}.{1 if kind == 'attentions' else 0}.{rest}"]
