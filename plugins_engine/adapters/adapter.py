"""Adapter: what one plug-in changes of a base, and the `.safetensors` files it travels in."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from plugins_engine.adapters import kinds, lora_file, token_keys, written_file
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.file_kinds import Kernel
from plugins_engine.adapters.file_source import read_source
from plugins_engine.adapters.kinds import Decomposed, Delta
from plugins_engine.adapters.layer_names import is_of_text
from plugins_engine.adapters.learned_tokens import LearnedTokens, side_by_side
from plugins_engine.adapters.sources import Source, shares_of, state_sources
from plugins_engine.adapters.written_file import FINGERPRINT, KIND, NAME, Format
from plugins_engine.atomic import write_bytes
from plugins_engine.errors import BadAdapter

READING = 2
"""How files are read, as a number. It grows whenever some file is read otherwise than before, so that what was read earlier is read again."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """One plug-in: deltas by layer, added vectors, and learned tokens.

    Layers belong to the UNet or to a text encoder. A text encoder's layers begin with its name
    ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj"). Layers are kept in the order of their names, and may differ in
    kind and rank. A plug-in with tokens may have no layers. Empty text means "not known": files from other programs say little
    about themselves. Raises BadAdapter.

    Args:
        layers: For each layer what is added to its weight as a matrix, any scale folded in, float32, on the CPU. Low-rank ones are
            (B (out, r), A (r, in)); the others are of `plugins_engine.adapters.kinds`.
        name: What it is called.
        kind: "style", "character", or whatever its maker wrote.
        trigger: The words in a prompt that call it.
        base_fingerprint: Of the base that it was made for.
        architecture: ModelSpec's name of that base's architecture.
        kernels: Of `layers`, the (height, width) of those that are known to be convolutions in the base.
        vectors: What is added to biases, and to the weights of norms, by the name of the parameter
            ("mid_block.resnets.0.norm1.weight").
        tokens: What its names are read as.
        family: Of models that it is for, as far as the file tells.
        metadata: Everything the file said.
        file_sha256: Of the file that it was read from.
    """

    layers: Mapping[str, Delta]
    name: str = ""
    kind: str = ""
    trigger: str = ""
    base_fingerprint: str = ""
    architecture: str = ""
    kernels: Mapping[str, Kernel] = field(default_factory=dict)
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    tokens: tuple[LearnedTokens, ...] = ()
    family: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    file_sha256: str = ""

    def __post_init__(self) -> None:
        called = self.name or "plug-in"
        if not self.layers and not self.vectors and not self.tokens:
            raise BadAdapter(f"{called}: expected at least one layer or learned token, found none")
        checked = {layer: _checked(called, layer, self.layers[layer]) for layer in sorted(self.layers)}
        if wrong := sorted(layer for layer in self.kernels if is_of_text(layer)):
            raise BadAdapter(
                f"{called}: expected matrices of a text encoder, found a convolution at {wrong[0]}"
            )
        vectors = {}
        for parameter in sorted(self.vectors):
            vector = self.vectors[parameter].detach().to("cpu", torch.float32).contiguous()
            if vector.ndim != 1 or vector.numel() == 0 or not torch.isfinite(vector).all():
                raise BadAdapter(
                    f"{called}: expected finite numbers (n,) at {parameter}, found {tuple(vector.shape)}"
                )
            vectors[parameter] = vector
        object.__setattr__(self, "layers", checked)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "tokens", side_by_side(self.tokens))

    @cached_property
    def factors(self) -> dict[str, LowRank]:
        """The layers as low-rank matrices. Raises BadAdapter for a plug-in of other kinds: `in_low_rank` gives one of these alone."""
        found = {}
        for layer, each in self.layers.items():
            if not isinstance(each, tuple):
                raise BadAdapter(
                    f"{self.name or 'plug-in'}: expected low-rank matrices, found {type(each).__name__} at {layer}"
                )
            found[layer] = each
        return found

    @property
    def text_layers(self) -> dict[str, Delta]:
        """Those of the layers that are of a text encoder."""
        return {layer: each for layer, each in self.layers.items() if is_of_text(layer)}

    @property
    def changes_text(self) -> bool:
        """Whether prompts are read otherwise with it."""
        return bool(self.tokens or self.text_layers or any(is_of_text(each) for each in self.vectors))

    @property
    def components(self) -> tuple[str, ...]:
        """What it changes, of "denoiser", "text_encoder", "text_encoder_2" and "tokens"."""
        found = dict.fromkeys(
            layer.split(".", 1)[0] if is_of_text(layer) else "denoiser"
            for layer in (*self.layers, *self.vectors)
        )
        if self.tokens:
            found["tokens"] = None
        return tuple(sorted(found))

    @property
    def rank(self) -> int:
        """The highest rank that a layer's delta can have; 0 without any."""
        return max((kinds.rank_of(each) for each in self.layers.values()), default=0)

    @property
    def tensors_sha256(self) -> str:
        """SHA-256 of the deltas and tokens alone: the same for any file format, key naming or metadata that holds them."""
        digest = hashlib.sha256(b"plugins_engine adapter v1\n")
        for layer, each in self.layers.items():
            tensors = list(kinds.tensors_of(each))
            if isinstance(each, tuple):
                digest.update(f"{layer} {' '.join(str(tuple(held.shape)) for _, held in tensors)}\n".encode())
            else:
                listed = " ".join(f"{name} {tuple(held.shape)}" for name, held in tensors)
                weight = f" {each.weight!r}" if isinstance(each, Decomposed) else ""
                digest.update(f"{type(each).__name__} {layer} {listed}{weight}\n".encode())
            for _, held in tensors:
                digest.update(_little_endian(held))
        for parameter, vector in self.vectors.items():
            digest.update(f"vector {parameter} {tuple(vector.shape)}\n".encode())
            digest.update(_little_endian(vector))
        for tokens in self.tokens:
            digest.update(f"tokens {tokens.origin} {tokens.weight!r}\n".encode())
        return digest.hexdigest()

    @property
    def merged_from(self) -> tuple[str, ...]:
        """The parts that a combination was made of, as its file names them; empty for a plug-in of its own."""
        listed = self.metadata.get("modelspec.merged_from", "")
        return tuple(part.strip() for part in listed.split(",") if part.strip())

    @classmethod
    def load(cls, source: Path | str | bytes, layer_names: Iterable[str] | None = None) -> "Adapter":
        """Read a plug-in file of diffusers', PEFT's, kohya's or LyCORIS's naming. Raises BadAdapter, naming it and the reason.

        A folder or a zip with an adapter_config.json, as PEFT saves it, is read too. A kohya file for a base of unusual shape needs
        the base's layer names (`base.layers`).
        """
        found = read_source(source)
        held = lora_file.parse(found.content, found.name, layer_names, found.config)
        said = held.metadata
        return cls(
            layers=held.layers,
            vectors=held.vectors,
            tokens=held.tokens,
            name=said.get(NAME) or said.get("modelspec.title") or said.get("ss_output_name") or found.stem,
            kind=said.get(KIND, ""),
            trigger=said.get("modelspec.trigger_phrase", ""),
            base_fingerprint=said.get(FINGERPRINT, ""),
            architecture=said.get("modelspec.architecture", "").removesuffix("/lora"),
            kernels=held.kernels,
            family=held.family,
            metadata=said,
            file_sha256=hashlib.sha256(found.content).hexdigest(),
        )

    def save(
        self,
        path: Path | str,
        metadata: Mapping[str, str] | None = None,
        *,
        naming: Format = "peft",
        dtype: torch.dtype = torch.float32,
    ) -> str:
        """Write a `.safetensors` file, whole or not at all, and give its SHA-256. See `to_bytes`."""
        content = self.to_bytes(metadata, naming=naming, dtype=dtype)
        write_bytes(Path(path), content)
        return hashlib.sha256(content).hexdigest()

    def to_bytes(
        self,
        metadata: Mapping[str, str] | None = None,
        *,
        naming: Format = "peft",
        dtype: torch.dtype = torch.float32,
    ) -> bytes:
        """Give the file's bytes, in keys that diffusers' load_lora_weights reads ("peft") or kohya's, which ComfyUI reads.

        diffusers leaves learned tokens out of a "peft" file, and does not read a "kohya" file with them. The programs that kohya
        writes for read that file, learned tokens included. diffusers reads low-rank matrices, DoRA and biases; LoHa, LoKr, full
        differences and norms are for the others, and for us. Raises BadAdapter for what a naming has no way to say. Given metadata is
        laid over what this adapter carries already. In float32 nothing is lost. Half precision halves the size and changes the
        tensors' hash.
        """
        return written_file.write(self, metadata or {}, naming, dtype)

    def textual_inversions(self) -> dict[tuple[str, str], bytes]:
        """Give the learned tokens as files that diffusers' load_textual_inversion reads, by name and text encoder.

        The names are in small letters, and prompts have to write them so: CLIP reads no others, and diffusers (0.42) finds
        only them. They mean what they do at the plug-in's full weight. Raises BadAdapter if two have one name.
        """
        token_keys.require_one_each(self.tokens, "a textual inversion")
        return {
            (each.words.lower(), encoder): safetensors.torch.save({each.words.lower(): vectors.contiguous()})
            for each in self.tokens
            for encoder, vectors in each.effective().items()
        }

    def negated(self) -> "Adapter":
        """Give -ΔW on every layer, and tokens that do the opposite: applied after this one, it restores the base."""
        return self.scaled(-1.0)

    def scaled(self, factor: float) -> "Adapter":
        layers = {name: kinds.scale(each, factor) for name, each in self.layers.items()}
        vectors = {name: each * factor for name, each in self.vectors.items()}
        return self._with(layers, vectors, tuple(each.scaled(factor) for each in self.tokens))

    def in_low_rank(self, rank: int | None = None) -> "Adapter":
        """Give the same plug-in as low-rank matrices alone, with the same vectors and tokens. Raises BadAdapter for DoRA.

        They are exact but for rounding; with `rank`, they are the nearest ones of at most that rank, and `compression_error` says how
        near.
        """
        layers: dict[str, Delta] = {name: kinds.low_rank(each, rank) for name, each in self.layers.items()}
        return self._with(layers, self.vectors, self.tokens)

    def compression_error(self, of: "Adapter") -> float:
        """Give what this adapter misses of another's deltas, ‖ΔW - ΔW'‖ / ‖ΔW'‖ over all layers. Raises BadAdapter for DoRA."""
        missed = norms = 0.0
        for layer, each in of.layers.items():
            whole = kinds.materialise(each).double()
            norms += float(whole.square().sum())
            if layer in self.layers:
                whole = whole - kinds.materialise(self.layers[layer]).double()
            missed += float(whole.square().sum())
        return (missed / norms) ** 0.5 if norms else 0.0

    def _with(
        self, layers: dict[str, Delta], vectors: Mapping[str, Tensor], tokens: tuple[LearnedTokens, ...]
    ) -> "Adapter":
        return replace(self, layers=layers, vectors=vectors, tokens=tokens, file_sha256="")


def weighted_sum(parts: Sequence[tuple[Adapter, float]], name: str = "") -> Adapter:
    """Sum adapters exactly, by concatenating ranks and keeping tokens side by side. The result's file names its parts.

    Raises BadAdapter if they do not fit the same layers or were made for different bases.
    """
    if not parts:
        raise BadAdapter("expected at least one plug-in to sum, found none")
    prints = {adapter.base_fingerprint for adapter, _ in parts if adapter.base_fingerprint}
    if len(prints) > 1:
        raise BadAdapter(f"expected plug-ins of one base, found plug-ins of {len(prints)} different bases")
    layers: dict[str, Delta] = {}
    for layer in sorted({layer for adapter, _ in parts for layer in adapter.layers}):
        held = [(adapter, weight) for adapter, weight in parts if layer in adapter.layers]
        shapes = {kinds.shape_of(each.layers[layer]) for each, _ in held}
        if len(shapes) > 1:
            raise BadAdapter(
                f"expected plug-ins of one base; layer {layer} differs in shape: {sorted(shapes)}"
            )
        layers[layer] = kinds.add([kinds.scale(adapter.layers[layer], weight) for adapter, weight in held])
    tokens = [each.scaled(weight) for adapter, weight in parts for each in adapter.tokens]
    return combined_adapter(layers, parts, name, tokens, summed_vectors(parts))


def summed_vectors(parts: Sequence[tuple[Adapter, float]]) -> dict[str, Tensor]:
    """Sum what adapters add to biases and norms. Raises BadAdapter if lengths differ."""
    found: dict[str, Tensor] = {}
    for adapter, weight in parts:
        for parameter, vector in adapter.vectors.items():
            before = found.get(parameter)
            if before is not None and before.shape != vector.shape:
                raise BadAdapter(f"expected plug-ins of one base; {parameter} differs in length")
            found[parameter] = vector * weight if before is None else before + vector * weight
    return found


def combined_adapter(
    layers: Mapping[str, Delta],
    parts: Sequence[tuple[Adapter, float]],
    name: str = "",
    tokens: Sequence[LearnedTokens] = (),
    vectors: Mapping[str, Tensor] | None = None,
) -> Adapter:
    """Make one adapter of layers, vectors and tokens that came from several; its file names them, with each one's share.

    A part's share is its weight's part of all weights, without signs, in basis points that sum to 10,000. A market
    divides a price by it.
    """
    shares = shares_of([abs(weight) for _, weight in parts])
    sources = [
        Source(adapter.name, adapter.tensors_sha256, share, weight)
        for (adapter, weight), share in zip(parts, shares, strict=True)
    ]
    # ModelSpec separates names by commas, so a comma inside a name cannot stay.
    names = ", ".join(adapter.name.replace(",", " ") or adapter.tensors_sha256[:12] for adapter, _ in parts)
    first = parts[0][0]
    prints = [adapter.base_fingerprint for adapter, _ in parts if adapter.base_fingerprint]
    return Adapter(
        layers=layers,
        vectors=vectors or {},
        tokens=tuple(tokens),
        name=name or " + ".join(adapter.name for adapter, _ in parts if adapter.name),
        base_fingerprint=prints[0] if prints else "",
        architecture=first.architecture,
        family=first.family,
        kernels={layer: kernel for adapter, _ in parts for layer, kernel in adapter.kernels.items()},
        metadata={"modelspec.merged_from": names, **state_sources(sources)},
    )


def _little_endian(tensor: Tensor) -> bytes:
    return tensor.contiguous().numpy().astype("<f4", copy=False).tobytes()


def _checked(called: str, layer: str, found: Delta) -> Delta:
    """Give a delta on the CPU in float32. Raises BadAdapter for one that is none."""
    if not isinstance(found, tuple):
        for name, tensor in kinds.tensors_of(found):
            if not torch.isfinite(tensor).all():
                raise BadAdapter(
                    f"{called}: expected finite weights at {layer}, found NaN or infinity in {name}"
                )
        return found
    up, down = (each.detach().to("cpu", torch.float32).contiguous() for each in found)
    if up.ndim != 2 or down.ndim != 2 or up.shape[1] != down.shape[0] or 0 in (up.numel(), down.numel()):
        raise BadAdapter(
            f"{called}: expected B (out, rank) and A (rank, in) at {layer}, found {tuple(up.shape)} and {tuple(down.shape)}"
        )
    if not (torch.isfinite(up).all() and torch.isfinite(down).all()):
        raise BadAdapter(f"{called}: expected finite weights at {layer}, found NaN or infinity")
    return up, down
