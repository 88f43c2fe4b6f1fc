"""Write a plug-in as a `.safetensors` file, in the namings that other programs read."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

import safetensors.torch
import torch
from torch import Tensor

from plugins_engine.adapters import token_keys
from plugins_engine.adapters.families import denoiser_of, said_family
from plugins_engine.adapters.file_kinds import Kernel
from plugins_engine.adapters.kinds import Decomposed, Delta, Full, Hadamard, Kronecker, rank_of
from plugins_engine.adapters.layer_names import KOHYA_ENCODER, KOHYA_ENCODERS, flatten, is_of_norm, is_of_text
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.adapters.scales import ADAPTER_METADATA
from plugins_engine.errors import BadAdapter
from plugins_engine.safetensors_header import read_header

SPEC_VERSION = "1.0.0"
# Our own metadata keys; the rest is ModelSpec's and kohya's `ss_*`.
FINGERPRINT, NAME, KIND = "plugin.base_fingerprint", "plugin.name", "plugin.kind"
# As JSON: what the file holds, and the names in prompts that its learned tokens stand for. For people: only written.
COMPONENTS, WORDS = "plugin.components", "plugin.words"
XL = "stable-diffusion-xl"
Format = Literal["peft", "kohya"]
# What says a scale. It is folded in, and said again it would count twice.
_FOLDED = (ADAPTER_METADATA, "ss_network_args")
_UP, _DOWN = {"peft": "lora_B.weight", "kohya": "lora_up.weight"}, {"peft": "lora_A.weight", "kohya": "lora_down.weight"}  # fmt: skip
_MAGNITUDE = {"peft": "lora_magnitude_vector", "kohya": "dora_scale"}


class Content(Protocol):
    """What a file is written of: an `Adapter`."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def trigger(self) -> str: ...
    @property
    def base_fingerprint(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def family(self) -> str: ...

    @property
    def layers(self) -> Mapping[str, Delta]: ...
    @property
    def kernels(self) -> Mapping[str, Kernel]: ...
    @property
    def vectors(self) -> Mapping[str, Tensor]: ...
    @property
    def tokens(self) -> Sequence[LearnedTokens]: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...
    @property
    def components(self) -> Sequence[str]: ...
    @property
    def rank(self) -> int: ...


def write(adapter: Content, metadata: Mapping[str, str], naming: Format, dtype: torch.dtype) -> bytes:
    """Give a file's bytes; see `Adapter.to_bytes`. Raises BadAdapter for what a naming cannot say."""
    if naming == "kohya" and _denoiser(adapter) != "unet":
        raise BadAdapter(
            f"{adapter.name or 'plug-in'}: expected a plug-in of a UNet for kohya's naming, found one for {_family(adapter) or 'a transformer'}; "
            "save it in peft's, which ComfyUI reads too"
        )
    tensors = {
        key: each.to(dtype).contiguous() if each.ndim else each for key, each in _named(adapter, naming)
    }
    body = safetensors.torch.save(tensors)
    # ModelSpec's hash is of all that follows the header.
    _, begin = read_header(io.BytesIO(body), len(body))
    contents = body[begin:]
    full = _metadata(adapter, naming) | dict(metadata)
    full["modelspec.hash_sha256"] = f"0x{hashlib.sha256(contents).hexdigest()}"
    return safetensors.torch.save(tensors, metadata=full)


def _named(adapter: Content, naming: Format) -> Iterator[tuple[str, Tensor]]:
    # alpha = rank, which is also what readers take a missing alpha for: there is nothing to scale.
    # Where ranks differ it is left out, because diffusers (0.42) mixes up differing alphas here.
    thin = {rank_of(each) for each in adapter.layers.values() if isinstance(each, tuple)}
    with_alpha = naming == "kohya" and len(thin) == 1
    for layer, each in adapter.layers.items():
        start = _start(adapter, layer, naming)
        for end, tensor in _of_delta(adapter, layer, each, naming):
            yield f"{start}.{end}", tensor
        if with_alpha and isinstance(each, tuple):
            yield f"{start}.alpha", torch.tensor(float(each[1].shape[0]))
    for parameter, vector in adapter.vectors.items():
        layer, _, part = parameter.rpartition(".")
        start = _start(adapter, layer, naming)
        if is_of_norm(layer):
            yield f"{start}.{'w' if part == 'weight' else 'b'}_norm", vector
        elif naming == "peft" and isinstance(adapter.layers.get(layer), tuple):
            yield f"{start}.lora_B.bias", vector
        else:
            yield f"{start}.diff_b", vector
    write_tokens = token_keys.bundled if naming == "kohya" else token_keys.written
    yield from write_tokens(adapter.tokens).items()


def _of_delta(adapter: Content, layer: str, each: Delta, naming: Format) -> Iterator[tuple[str, Tensor]]:
    if isinstance(each, Decomposed):
        yield from _of_delta(adapter, layer, each.direction, naming)
        yield from _of_magnitude(adapter, layer, each, naming)
        return
    kernel = adapter.kernels.get(layer)
    if isinstance(each, tuple):
        up, down = each
        if kernel is not None:
            up, down = up[:, :, None, None], down.view(len(down), -1, *kernel)
        yield from ((_UP[naming], up), (_DOWN[naming], down))
    elif isinstance(each, Hadamard):
        for number, (up, down) in (("1", each.first), ("2", each.second)):
            yield from ((f"hada_w{number}_a", up), (f"hada_w{number}_b", down))
        yield "alpha", torch.tensor(float(each.first[1].shape[0]))
    elif isinstance(each, Kronecker):
        right = each.right if kernel is None else each.right.view(len(each.right), -1, *kernel)
        yield from (("lokr_w1", each.left), ("lokr_w2", right))
    elif isinstance(each, Full):
        yield "diff", each.matrix if kernel is None else each.matrix.view(len(each.matrix), -1, *kernel)


def _of_magnitude(
    adapter: Content, layer: str, each: Decomposed, naming: Format
) -> Iterator[tuple[str, Tensor]]:
    called = adapter.name or "plug-in"
    if each.weight != 1:
        if naming == "kohya":
            raise BadAdapter(
                f"{called}: expected DoRA at the weight 1 in kohya's naming, found {each.weight:g} at {layer}; save it in peft's"
            )
        yield "delta_weight", torch.tensor(each.weight, dtype=torch.float64)
    ones = (1, 1) if layer in adapter.kernels else ()
    if naming == "kohya" or not each.by_output:
        shape = (-1, 1, *ones) if each.by_output else (1, -1, *ones)
        yield _MAGNITUDE["kohya"], each.magnitude.view(shape)
    else:
        yield _MAGNITUDE["peft"], each.magnitude.view(1, -1, 1, 1) if ones else each.magnitude


def _start(adapter: Content, layer: str, naming: Format) -> str:
    if naming == "peft":
        return layer if is_of_text(layer) else f"{_denoiser(adapter)}.{layer}"
    if not is_of_text(layer):
        return f"lora_unet_{flatten(layer)}"
    component, path = layer.split(".", 1)
    several = XL in adapter.architecture or "text_encoder_2" in adapter.components
    return f"{KOHYA_ENCODERS[component] if several else KOHYA_ENCODER}{flatten(path)}"


def _denoiser(adapter: Content) -> str:
    return denoiser_of(_family(adapter), adapter.layers)


def _family(adapter: Content) -> str:
    return adapter.family or said_family({"modelspec.architecture": adapter.architecture})


def _metadata(adapter: Content, naming: Format) -> dict[str, str]:
    ranks = {rank_of(each) for each in adapter.layers.values()}
    uniform = str(adapter.rank) if len(ranks) <= 1 else "Dynamic"  # as kohya writes it
    plain = all(isinstance(each, tuple) for each in adapter.layers.values())
    known = {
        "modelspec.title": adapter.name or "plug-in",
        "modelspec.architecture": f"{adapter.architecture}/lora" if adapter.architecture else "",
        "modelspec.trigger_phrase": adapter.trigger,
        "ss_output_name": adapter.name,
        NAME: adapter.name,
        KIND: adapter.kind,
        FINGERPRINT: adapter.base_fingerprint,
    }
    words = list(dict.fromkeys(each.words for each in adapter.tokens))
    return {
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **{key: value for key, value in adapter.metadata.items() if key not in _FOLDED},
        **{key: value for key, value in known.items() if value},
        COMPONENTS: ", ".join(adapter.components),
        WORDS: json.dumps(words, ensure_ascii=False),
        "modelspec.sai_model_spec": SPEC_VERSION,
        "modelspec.implementation": "diffusers"
        if naming == "peft"
        else "https://github.com/kohya-ss/sd-scripts",
        "ss_network_module": "networks.lora" if plain else "lycoris.kohya",
        "ss_network_dim": uniform,
        "ss_network_alpha": uniform,
        "format": "pt",
    }
