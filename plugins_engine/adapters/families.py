"""Which family of models a plug-in file is for, told from its metadata, the names of its keys, and widths.

A file for another family is then refused by that family's name, and not by a layer that nobody knows.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from plugins_engine.errors import BadAdapter

SD1, SD2, SDXL = "Stable Diffusion 1.x", "Stable Diffusion 2.x", "SDXL"
SD3, FLUX1, Z_IMAGE = "Stable Diffusion 3", "FLUX.1", "Z-Image"
READ = (SD1, SD2, SDXL, SD3, FLUX1, Z_IMAGE)
"""The families whose plug-ins are read."""
_TRANSFORMERS = (SD3, FLUX1, Z_IMAGE)
_LUMINA = "Lumina"

# What `modelspec.architecture` and `ss_base_model_version` begin with. The first that fits counts.
_SAID: tuple[tuple[str, str], ...] = (
    (r"stable-diffusion-xl-v1-refiner|sdxl_refiner", "the SDXL refiner"),
    (r"stable-diffusion-xl|sdxl", SDXL),
    (r"stable-diffusion-v1|sd_v1|sd_?1", SD1),
    (r"stable-diffusion-v2|sd_v2|sd_?2", SD2),
    (r"stable-diffusion-3|sd3", SD3),
    (r"stable-cascade|stable_cascade", "Stable Cascade"),
    (r"flux-?\.?2|flux2", "FLUX.2"),
    (r"flux", FLUX1),
    (r"chroma", "Chroma"),
    (r"qwen-?_?image", "Qwen-Image"),
    (r"z-?_?image", Z_IMAGE),
    (r"sana", "Sana"),
    (r"lumina", _LUMINA),
    (r"hidream", "HiDream"),
    (r"hunyuan-?_?image", "HunyuanImage"),
    (r"hunyuan", "HunyuanVideo"),
    (r"kolors", "Kolors"),
    (r"pixart", "PixArt"),
    (r"auraflow", "AuraFlow"),
    (r"wan", "Wan"),
    (r"ltx", "LTX-Video"),
    (r"cogvideo", "CogVideoX"),
    (r"framepack", "FramePack"),
    (r"anima", "Anima"),
)
_FIRST = r"^(base_model_|model_|diffusion_model_|transformer_|lora_unet_|lora_transformer_|lycoris_)*"
# What keys hold, with dots and underscores alike. The first that fits any key counts.
_KEYS: tuple[tuple[str, str], ...] = (
    (r"^(control_model|controlnet|lora_controlnet|control_net)|input_hint_block|controlnet_", "a ControlNet"),
    (r"^(ip_adapter|image_proj)_", "an IP-Adapter"),
    (r"motion_modules", "an AnimateDiff motion module"),
    (r"double_stream_modulation|single_stream_modulation", "FLUX.2"),
    (r"distilled_guidance_layer", "Chroma"),
    (r"individual_token_refiner", "HunyuanVideo"),
    (r"double_stream_blocks_\d+_block_|caption_projection_\d+_linear", "HiDream"),
    (r"single_transformer_blocks_\d+_(attn|proj)", FLUX1),
    (r"(double|single)_blocks_\d+_", FLUX1),
    (r"joint_blocks_\d+_|joint_transformer_blocks_", SD3),
    (r"transformer_blocks_\d+_(img|txt)_(mlp|mod)", "Qwen-Image"),
    (rf"(noise|context)_refiner_\d+_attention_to_|{_FIRST}layers_\d+_(attention_to_|adaLN_modulation_0)", Z_IMAGE),
    (rf"{_FIRST}layers_\d+_adaLN_modulation_1", _LUMINA),
    (r"transformer_blocks_\d+_ff_conv_(inverted|depth|point)", "Sana"),
    (r"^(diffusion_model_|lora_unet_|transformer_)?blocks_\d+_(cross_attn|self_attn|ffn)_", "Wan"),
    (r"adaln_single|caption_projection_linear", "PixArt"),
    (r"prior_unet|lora_prior", "Stable Cascade"),
    (r"^(base_model_)?(model_)*layers_\d+_(self_attn|mlp)_", "a language model"),
)  # fmt: skip
# What layers of transformers begin with.
_BLOCKS = (
    "transformer_blocks.",
    "single_transformer_blocks.",
    "layers.",
    "noise_refiner.",
    "context_refiner.",
)
# What stands in a whole checkpoint, and in no plug-in.
_CHECKPOINT = re.compile(
    r"^(model_diffusion_model_|first_stage_model_|cond_stage_model_|conditioner_|model_ema_|decoder_|encoder_(down|conv|mid)|"
    r"(conv_in|conv_out|time_embedding_linear_1|x_embedder|text_projection)_weight$|text_model_embeddings_|vae_)"
)
_OF_DELTAS = re.compile(r"lora|hada_w|lokr_w|dora_scale|\.diff(_b)?$|[wb]_norm$|oft_|\.alpha$")
# Widths of the text that cross-attention reads.
_WIDTHS = {768: SD1, 1024: SD2, 2048: SDXL, 1280: "the SDXL refiner"}
# Several families have such layers, of these widths: of FLUX.1 and Qwen-Image the same, so their widths tell nothing.
_JOINT = re.compile(r"transformer_blocks_\d+_attn_add_[qkv]_proj_.*(lora_A|down|hada_w1_b|diff)")
_JOINT_WIDTHS = {1536: SD3, 2432: SD3}
# Z-Image's original code has Lumina's names for its layers.
_REFINED = re.compile(
    r"(layers|noise_refiner|context_refiner)_\d+_(attention_(qkv|out)|feed_forward_w[13])_.*(lora_A|down|hada_w1_b|diff)"
)
_REFINED_WIDTHS = {2304: _LUMINA, 3840: Z_IMAGE}
_READS_TEXT = re.compile(r"attn2_(processor_)?to_[kv]_.*(lora_A|down|hada_w1_b|diff)")


def family_of(shapes: Mapping[str, Sequence[int]], metadata: Mapping[str, str]) -> str:
    """Name the family that a plug-in file is for, by its tensors' names and shapes and its metadata; "" where nothing tells."""
    flat = {key.replace(".", "_"): shape for key, shape in shapes.items()}
    for pattern, family in _KEYS:
        mark = re.compile(pattern)
        if any(mark.search(key) for key in flat):
            return family
    if family := said_family(metadata):
        return family
    told = ((_READS_TEXT, _WIDTHS), (_JOINT, _JOINT_WIDTHS), (_REFINED, _REFINED_WIDTHS))
    for mark, known in told:
        widths = {shape[1] for key, shape in flat.items() if len(shape) > 1 and mark.search(key)}
        found = {known[width] for width in widths if width in known}
        if len(found) == 1:
            return found.pop()
    return ""


def denoiser_of(family: str, layers: Iterable[str]) -> str:
    """Give the name of the denoiser in a pipeline, which keys in diffusers' naming begin with. layers: for a family that nobody said."""
    blocks = any(each.startswith(_BLOCKS) for each in layers)
    return "transformer" if family in _TRANSFORMERS or blocks else "unet"


def said_family(metadata: Mapping[str, str]) -> str:
    """Name the family that metadata says; "" if it says none that is known."""
    for key in ("modelspec.architecture", "ss_base_model_version"):
        said = metadata.get(key, "").strip().lower().removesuffix("/lora")
        for pattern, family in _SAID:
            if said and re.match(pattern, said):
                return family
    return ""


def require_readable(keys: Iterable[str], family: str, name: str) -> None:
    """Raise BadAdapter for a whole checkpoint, and for a plug-in of a family that is not read, saying which."""
    keys = list(keys)
    whole = next((key for key in keys if _CHECKPOINT.search(key.replace(".", "_"))), None)
    if whole is not None and not any(_OF_DELTAS.search(key) for key in keys):
        raise BadAdapter(
            f"{name}: expected a plug-in, found a full checkpoint ({whole}); a model is registered as a base, not as a plug-in"
        )
    if family and family not in READ:
        kind = "" if family.startswith(("a ", "an ")) else "a plug-in for "
        raise BadAdapter(
            f"{name}: expected a plug-in for {', '.join(READ[:-1])} or {READ[-1]}, found {kind}{family}"
        )
