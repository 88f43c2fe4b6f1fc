"""Read a plug-in file of any common origin into deltas by layer. The file may be hostile."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import safetensors.torch
from torch import Tensor

from plugins_engine.adapters.families import family_of, require_readable
from plugins_engine.adapters.file_keys import by_layer
from plugins_engine.adapters.file_kinds import Kernel, layer_delta
from plugins_engine.adapters.kinds import Delta
from plugins_engine.adapters.layer_names import aliases, is_of_text, published_aliases
from plugins_engine.adapters.learned_tokens import LearnedTokens
from plugins_engine.adapters.original_names import parted
from plugins_engine.adapters.room import Room
from plugins_engine.adapters.scales import scales_of
from plugins_engine.adapters.token_keys import is_of_tokens, read_tokens
from plugins_engine.errors import BadAdapter
from plugins_engine.safetensors_header import BadHeader, metadata_in, read_header

MAX_FILE = 2 * 1024**3
MAX_HEADER = 16 * 1024**2
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True)
class AdapterFile:
    """What a file holds: deltas in float32 with every scale folded in, learned tokens, and its metadata.

    kernels: of those layers that the file holds as convolutions. vectors: by parameter, "….bias" or a norm's "….weight".
    family: of models that it is for, "" if nothing tells.
    """

    layers: dict[str, Delta]
    kernels: dict[str, Kernel]
    vectors: dict[str, Tensor]
    tokens: tuple[LearnedTokens, ...]
    metadata: dict[str, str]
    family: str


def parse(
    content: bytes, name: str, layer_names: Iterable[str] | None = None, config: str | None = None
) -> AdapterFile:
    """Read a plug-in file's bytes; `name` is what messages call it. Raises BadAdapter.

    Args:
        content: The file.
        name: What messages call it.
        layer_names: The base's layers. kohya's keys write them with underscores only, and can then be told apart for any base.
            Without them the names of the published Stable Diffusion UNets are understood.
        config: The text of the adapter_config.json beside the file.
    """
    metadata = _metadata(content, name)
    try:
        tensors = safetensors.torch.load(content)
    # The library raises its own error type, and KeyError for a dtype that torch does not know.
    except Exception as error:
        raise BadAdapter(f"{name}: expected a safetensors file, it is damaged ({error})") from error
    tokens = {key: tensors.pop(key) for key in list(tensors) if is_of_tokens(key)}
    family = family_of({key: each.shape for key, each in tensors.items()}, metadata)
    require_readable(tensors, family, name)
    table = published_aliases(family) if layer_names is None else aliases(layer_names)
    found = by_layer(tensors, table, name, family)
    if not found and not tokens:
        raise BadAdapter(f"{name}: expected LoRA weights or learned tokens, found none")
    scales, room = scales_of(name, metadata, config), Room()
    layers: dict[str, Delta] = {}
    kernels: dict[str, Kernel] = {}
    vectors: dict[str, Tensor] = {}
    for together in sorted(found):
        key, parts = found[together].key, found[together].parts
        read = layer_delta(together, found[together], scales, room)
        for layer, (each, added) in parted(read.delta, read.vectors, parts, key, name, room).items():
            if layer in layers or any(f"{layer}.{what}" in vectors for what in added):
                raise BadAdapter(f"{name}: the weights of layer {layer} are there twice, the second at {key}")
            if each is not None:
                layers[layer] = each
            if read.kernel is not None:
                if is_of_text(layer):
                    raise BadAdapter(
                        f"{name}: expected matrices of a text encoder, found a convolution at {key}"
                    )
                kernels[layer] = read.kernel
            vectors |= {f"{layer}.{what}": vector for what, vector in added.items()}
    return AdapterFile(layers, kernels, vectors, read_tokens(tokens, name), metadata, family)


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
