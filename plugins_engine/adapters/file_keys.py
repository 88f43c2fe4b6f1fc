"""The keys of plug-in files: which layer each is of, and which part of that layer's delta it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from plugins_engine.adapters.layer_names import encoder_key, text_layer
from plugins_engine.adapters.learned_tokens import ENCODERS
from plugins_engine.adapters.original_names import Part
from plugins_engine.errors import BadAdapter

# What a key ends with, after the layer's name, by what it holds.
ROLES: dict[str, tuple[str, ...]] = {
    "down": (
        ".lora_A.weight",
        ".lora_A.default.weight",
        ".lora_down.weight",
        ".lora.down.weight",
        "_lora.down.weight",
        ".lora_linear_layer.down.weight",
    ),
    "up": (
        ".lora_B.weight",
        ".lora_B.default.weight",
        ".lora_up.weight",
        ".lora.up.weight",
        "_lora.up.weight",
        ".lora_linear_layer.up.weight",
    ),
    "mid": (".lora_mid.weight",),
    "up bias": (".lora_B.bias", ".lora_B.default.bias", ".lora_up.bias"),
    "alpha": (".alpha", ".lora.alpha", "_lora.alpha"),
    "dora_scale": (".dora_scale",),
    "magnitude": (
        ".lora_magnitude_vector",
        ".lora_magnitude_vector.weight",
        ".lora_magnitude_vector.default",
        ".lora_magnitude_vector.default.weight",
    ),
    "delta weight": (".delta_weight",),
    **{each: (f".{each}", f".{each}.default") for each in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")},
    **{
        each: (f".{each}", f".{each}.default")
        for each in ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")
    },
    "diff": (".diff",),
    "diff_b": (".diff_b",),
    "w_norm": (".w_norm",),
    "b_norm": (".b_norm",),
}  # fmt: skip
# The longest first: ".lora.alpha" ends with ".alpha".
_ENDS = sorted(((end, role) for role, ends in ROLES.items() for end in ends), key=lambda each: -len(each[0]))
# What a key may begin with, before the layer's name.
_STARTS = (
    "base_model.model.",
    "unet.",
    "transformer.",
    "lycoris_",
    "lora_unet_",
    "lora_transformer_",
    "diffusion_model.",
    "model.diffusion_model.",
)
_CLIP = ENCODERS[:2]
_KOHYA = ("lora_unet_", "lora_transformer_", "lora_te", "lycoris_")
_FLAT_STARTS = ("lora_unet_", "lora_transformer_", "lycoris_")
# Parts of the keys of methods that are not read; "/" is a key's end.
_OTHER_METHODS = {
    "oft_": "OFT",
    "boft_": "BOFT",
    ".oft.": "OFT",
    ".a1.": "GLoRA",
    ".b1.": "GLoRA",
    ".a2.": "GLoRA",
    ".b2.": "GLoRA",
    ".on_input": "IA3",
    "ia3_": "IA3",
    "lora_embedding_": "LoRA of an embedding",
    "lora_e/": "AdaLoRA",
    "lora_E/": "AdaLoRA",
    "vera_lambda": "VeRA",
    "lora_ga": "LoRA-GA",
    "hira_": "HiRA",
    ".q_layer": "T-LoRA",
    ".set_weight": "replaced weights",
    ".reshape_weight": "reshaped weights",
}


@dataclass
class LayerTensors:
    """One layer's tensors, by what they hold. key: one of their keys, for messages. kohya: whether it is kohya's naming.

    parts: the layers that it is, where the original code has several in one, or their rows in another order.
    """

    key: str
    parts: tuple[Part, ...]
    kohya: bool = False
    held: dict[str, Tensor] = field(default_factory=dict)

    def take(self, role: str) -> Tensor | None:
        """Give what a role holds and count it as read; None if the file has none."""
        return self.held.pop(role, None)


def by_layer(
    tensors: Mapping[str, Tensor], table: Mapping[str, tuple[Part, ...]], name: str, family: str = ""
) -> dict[str, LayerTensors]:
    """Group a file's tensors by layer, or by the layers that are one in it. Raises BadAdapter for a key that is not understood, naming it and the file.

    Args:
        tensors: By key.
        table: What flattened names mean (`aliases`).
        name: What messages call the file.
        family: Of models that the file is for, "" if nothing tells.
    """
    found: dict[str, LayerTensors] = {}
    for key in sorted(tensors):
        if method := _other_method(key):
            raise BadAdapter(
                f"{name}: expected LoRA, LoHa, LoKr, DoRA or full differences, found {method} ({key}), which is not supported"
            )
    for key, tensor in sorted(tensors.items()):
        end, role = next(((end, role) for end, role in _ENDS if key.endswith(end)), ("", ""))
        if not role:
            raise BadAdapter(f"{name}: expected LoRA keys of a denoiser or a text encoder, found {key}")
        of_text = _text_layer(key, end, name)
        parts = (Part(of_text),) if of_text else _parts(key, end, table, name, family)
        layer = ", ".join(each.layer for each in parts)
        entry = found.setdefault(layer, LayerTensors(key, parts))
        if role in entry.held:
            raise BadAdapter(
                f"{name}: the {role} weights of layer {layer} are there twice, the second as {key}"
            )
        entry.held[role] = tensor
        entry.kohya = entry.kohya or key.startswith(_KOHYA)
    return found


def _other_method(key: str) -> str | None:
    return next((method for mark, method in _OTHER_METHODS.items() if mark in f"{key}/"), None)


def _text_layer(key: str, end: str, name: str) -> str | None:
    """Give the layer of a text encoder that a key is of; None for a key of no text encoder."""
    found = encoder_key(key[: -len(end)])
    if found is None:
        return None
    component, written = found
    layer = text_layer(component, written)
    if component not in _CLIP or layer is None:
        raise BadAdapter(
            f"{name}: {key} names no matrix layer of a CLIP text encoder; expected attention and MLP layers of "
            f"{' and '.join(_CLIP)}"
        )
    return layer


def _parts(
    key: str, end: str, table: Mapping[str, tuple[Part, ...]], name: str, family: str
) -> tuple[Part, ...]:
    written = key[: -len(end)]
    flat = False
    for start in _STARTS:
        if written.startswith(start):
            written = written[len(start) :]
            flat = flat or start in _FLAT_STARTS
    # Older diffusers files: "….attn1.processor.to_out_lora.down.weight" is of the layer "….attn1.to_out.0".
    written = written.replace(".processor.", ".")
    if written.endswith(".to_out"):
        written += ".0"
    parts = table.get(written.replace(".", "_"))
    if parts is not None:
        return parts
    if flat:
        made_for = f"; the file is for {family}" if family else ""
        raise BadAdapter(
            f"{name}: {key} names no layer of the base's denoiser; expected a plug-in for this base, of linear layers, convolutions "
            f"and norms{made_for}"
        )
    return (Part(written),)
