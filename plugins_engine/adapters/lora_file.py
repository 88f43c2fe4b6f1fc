"""Read a LoRA file of any common origin into low-rank matrices by layer name. The file may be hostile."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import safetensors.torch
import torch
from torch import Tensor

from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.layer_names import aliases, encoder_key, is_of_text, published_layers, text_layer
from plugins_engine.adapters.learned_tokens import ENCODERS, LearnedTokens
from plugins_engine.adapters.token_keys import is_of_tokens, read_tokens
from plugins_engine.errors import BadAdapter
from plugins_engine.safetensors_header import BadHeader, metadata_in, read_header

MAX_FILE = 2 * 1024**3
MAX_HEADER = 16 * 1024**2
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"\x80\x05")

# What a key may end with, after the layer's name.
_DOWN = (".lora_A.weight", ".lora_A.default.weight", ".lora_down.weight", ".lora.down.weight")
_UP = (".lora_B.weight", ".lora_B.default.weight", ".lora_up.weight", ".lora.up.weight")
_ENDS = (
    *((end, "down") for end in (*_DOWN, "_lora.down.weight", ".lora_linear_layer.down.weight")),
    *((end, "up") for end in (*_UP, "_lora.up.weight", ".lora_linear_layer.up.weight")),
    ("_lora.alpha", "alpha"),
    (".lora.alpha", "alpha"),
    (".alpha", "alpha"),
)
# What a key may begin with, before the layer's name.
_STARTS = ("base_model.model.", "unet.", "lora_unet_", "diffusion_model.", "model.diffusion_model.")
# Parts of keys of methods that are not a plain low-rank sum; "/" is a key's end.
_OTHER_METHODS = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "hada_w": "LoHa",
    "lokr_w": "LoKr",
    "oft_": "OFT",
    "lora_mid": "a Tucker-decomposed convolution",
    ".diff/": "full-weight differences",
    ".diff_b": "bias differences",
    "lora_B.bias": "LoRA with a bias",
}


@dataclass(frozen=True)
class AdapterFile:
    """What a file holds: float32 factors with alpha / rank folded into B, learned tokens, and its metadata."""

    layers: dict[str, LowRank]
    convolutions: frozenset[str]
    tokens: tuple[LearnedTokens, ...]
    metadata: dict[str, str]


@dataclass
class _Parts:
    key: str
    down: Tensor | None = None
    up: Tensor | None = None
    alpha: Tensor | None = None
    keys: set[str] = field(default_factory=set)


def parse(content: bytes, name: str, layer_names: Iterable[str] | None = None) -> AdapterFile:
    """Read a LoRA file's bytes; `name` is what messages call it.

    `layer_names` are the base's layers: kohya's keys write them with underscores only, and can then be told apart
    for any base. Without them the names of the published Stable Diffusion UNets are understood.
    """
    metadata = _metadata(content, name)
    try:
        tensors = safetensors.torch.load(content)
    # The library raises its own error type, and KeyError for a dtype that torch does not know.
    except Exception as error:
        raise BadAdapter(f"{name}: expected a safetensors file, it is damaged ({error})") from error
    table = aliases(published_layers() if layer_names is None else layer_names)
    tokens = read_tokens({key: each for key, each in tensors.items() if is_of_tokens(key)}, name)
    parts = _sort({key: each for key, each in tensors.items() if not is_of_tokens(key)}, table, name)
    if not parts and not tokens:
        raise BadAdapter(f"{name}: expected LoRA weights or learned tokens, found none")
    layers: dict[str, LowRank] = {}
    convolutions = set()
    for layer in sorted(parts):
        layers[layer], is_convolution = _factors(parts[layer], name)
        if is_convolution:
            if is_of_text(layer):
                raise BadAdapter(
                    f"{name}: expected matrices of a text encoder, found a convolution at {parts[layer].key}"
                )
            convolutions.add(layer)
    return AdapterFile(layers, frozenset(convolutions), tokens, metadata)


def _metadata(content: bytes, name: str) -> dict[str, str]:
    """Check the header before anything is allocated, and give its metadata."""
    # A header of 640 bytes begins like a pickle, but for the zeros of its length.
    if content.startswith(_PICKLES) and content[2:3] != b"\0":
        raise BadAdapter(
            f"{name}: expected a safetensors file, found a PyTorch pickle; convert it to safetensors"
        )
    try:
        header, _ = read_header(io.BytesIO(content), MAX_HEADER)
        return metadata_in(header)
    except BadHeader as wrong:
        raise BadAdapter(f"{name}: {wrong}") from None


def _sort(tensors: Mapping[str, Tensor], table: Mapping[str, str], name: str) -> dict[str, _Parts]:
    """Group tensors by layer."""
    parts: dict[str, _Parts] = {}
    for key, tensor in sorted(tensors.items()):
        method = _other_method(key, tensor)
        if method:
            raise BadAdapter(
                f"{name}: expected plain LoRA of matrices, found {method} ({key}), which is not supported"
            )
    for key in sorted(tensors):
        end, role = next(((end, role) for end, role in _ENDS if key.endswith(end)), ("", ""))
        if not role:
            raise BadAdapter(f"{name}: expected LoRA keys of a UNet or a text encoder, found {key}")
        layer = _text_layer(key, end, name) or _layer(key, end, table, name)
        entry = parts.setdefault(layer, _Parts(key))
        if getattr(entry, role) is not None:
            raise BadAdapter(
                f"{name}: the {role} weights of layer {layer} are there twice, the second as {key}"
            )
        setattr(entry, role, tensors[key])
    return parts


def _other_method(key: str, tensor: Tensor) -> str | None:
    """Name what a tensor is of, if it is not of a plain low-rank sum to a matrix."""
    if tensor.ndim == 4 and tensor.shape[2:] != (1, 1):
        return f"LoRA of a {tensor.shape[2]}x{tensor.shape[3]} convolution"
    return next((method for mark, method in _OTHER_METHODS.items() if mark in f"{key}/"), None)


def _text_layer(key: str, end: str, name: str) -> str | None:
    """Give the layer of a text encoder that a key is of; None for a key of no text encoder."""
    found = encoder_key(key[: -len(end)])
    if found is None:
        return None
    component, written = found
    layer = text_layer(component, written)
    if component not in ENCODERS or layer is None:
        raise BadAdapter(
            f"{name}: {key} names no matrix layer of the text encoders of Stable Diffusion; expected attention and MLP layers of "
            f"{' and '.join(ENCODERS)}"
        )
    return layer


def _layer(key: str, end: str, table: Mapping[str, str], name: str) -> str:
    written = key[: -len(end)]
    flat = False
    for start in _STARTS:
        if written.startswith(start):
            written = written[len(start) :]
            flat = flat or start == "lora_unet_"
    # Older diffusers files: "….attn1.processor.to_out_lora.down.weight" is of the layer "….attn1.to_out.0".
    written = written.replace(".processor.", ".")
    if written.endswith(".to_out"):
        written += ".0"
    layer = table.get(written.replace(".", "_"))
    if layer is not None:
        return layer
    if flat:
        raise BadAdapter(
            f"{name}: {key} names no matrix layer of the base's UNet; expected a plug-in for this base, of linear layers "
            f"and 1x1 convolutions only"
        )
    return written


def _factors(parts: _Parts, name: str) -> tuple[LowRank, bool]:
    """Check one layer's tensors and fold alpha / rank into B."""
    up, down = parts.up, parts.down
    if up is None or down is None:
        absent = "up (B)" if up is None else "down (A)"
        raise BadAdapter(
            f"{name}: expected both LoRA matrices of a layer, the {absent} one beside {parts.key} is missing"
        )
    for tensor in (up, down):
        if not tensor.is_floating_point():
            raise BadAdapter(f"{name}: expected floating point weights at {parts.key}, found {tensor.dtype}")
    is_convolution = up.ndim == 4 and down.ndim == 4
    if is_convolution:
        up, down = up.flatten(1), down.flatten(1)
    if up.ndim != 2 or down.ndim != 2 or up.shape[1] != down.shape[0] or 0 in (*up.shape, *down.shape):
        raise BadAdapter(
            f"{name}: expected A (rank, in) and B (out, rank) at {parts.key}, found A {tuple(down.shape)} and B "
            f"{tuple(up.shape)}"
        )
    factor = 1.0
    if parts.alpha is not None:
        if parts.alpha.numel() != 1:
            raise BadAdapter(
                f"{name}: expected one number as alpha beside {parts.key}, found {parts.alpha.numel()}"
            )
        factor = float(parts.alpha) / down.shape[0]
    folded = (up.to(torch.float32) * factor).contiguous(), down.to(torch.float32).contiguous()
    if not all(bool(torch.isfinite(each).all()) for each in folded):
        raise BadAdapter(f"{name}: expected finite weights at {parts.key}, found NaN or infinity")
    return folded, is_convolution
