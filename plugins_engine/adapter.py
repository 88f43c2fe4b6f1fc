"""Adapter: one plug-in's low-rank weights, and the `.safetensors` files they travel in."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from torch import Tensor

from plugins_engine import adapter_file, delta
from plugins_engine.atomic import write_bytes
from plugins_engine.delta import LowRank
from plugins_engine.errors import BadAdapter
from plugins_engine.layer_names import flatten

SPEC_VERSION = "1.0.0"
# Our own metadata keys; the rest is ModelSpec's and kohya's `ss_*`.
FINGERPRINT, NAME, KIND = "plugin.base_fingerprint", "plugin.name", "plugin.kind"
Format = Literal["peft", "kohya"]


@dataclass(frozen=True, eq=False)
class Adapter:
    """One plug-in: for each UNet layer its delta ΔW = B A as (B (out, r), A (r, in)), scale folded in, float32, CPU.

    Layers are kept in the order of their names. Layers may differ in rank. Empty text means "not known": files from
    other programs say little about themselves.
    """

    layers: dict[str, LowRank]
    name: str = ""
    kind: str = ""  # "style", "character", or whatever its maker wrote
    trigger: str = ""  # the words in a prompt that call it
    base_fingerprint: str = ""
    architecture: str = ""  # ModelSpec's name of the base's architecture
    convolutions: frozenset[str] = frozenset()  # of `layers`, those that are 1x1 convolutions in the base
    metadata: Mapping[str, str] = field(default_factory=dict)  # everything the file said
    ignored: tuple[str, ...] = ()  # keys of the file that are not applied: text encoder weights
    file_sha256: str = ""  # of the file it was read from

    def __post_init__(self) -> None:
        called = self.name or "plug-in"
        if not self.layers:
            raise BadAdapter(f"{called}: expected at least one layer, found none")
        checked: dict[str, LowRank] = {}
        for layer in sorted(self.layers):
            up, down = (each.detach().to("cpu", torch.float32).contiguous() for each in self.layers[layer])
            if (
                up.ndim != 2
                or down.ndim != 2
                or up.shape[1] != down.shape[0]
                or up.numel() == 0
                or down.numel() == 0
            ):
                raise BadAdapter(
                    f"{called}: expected B (out, rank) and A (rank, in) at {layer}, found {tuple(up.shape)} and "
                    f"{tuple(down.shape)}"
                )
            if not (torch.isfinite(up).all() and torch.isfinite(down).all()):
                raise BadAdapter(f"{called}: expected finite weights at {layer}, found NaN or infinity")
            checked[layer] = up, down
        object.__setattr__(self, "layers", checked)

    @property
    def rank(self) -> int:
        """The highest rank among the layers."""
        return max(delta.rank(each) for each in self.layers.values())

    @property
    def tensors_sha256(self) -> str:
        """SHA-256 of the deltas alone: the same for any file format, key naming or metadata that holds them."""
        digest = hashlib.sha256(b"plugins_engine adapter v1\n")
        for layer, (up, down) in self.layers.items():
            digest.update(f"{layer} {tuple(up.shape)} {tuple(down.shape)}\n".encode())
            digest.update(_little_endian(up))
            digest.update(_little_endian(down))
        return digest.hexdigest()

    @property
    def merged_from(self) -> tuple[str, ...]:
        """The parts that a combination was made of, as its file names them; empty for a plug-in of its own."""
        listed = self.metadata.get("modelspec.merged_from", "")
        return tuple(part.strip() for part in listed.split(",") if part.strip())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before using it, a sentence each."""
        if not self.ignored:
            return ()
        warning = (
            f"{self.name or 'this plug-in'} also changes the text encoder ({len(self.ignored)} tensors, from "
            f"{self.ignored[0]}); that part is not applied"
        )
        return (warning,)

    @classmethod
    def load(cls, source: Path | str | bytes, layer_names: Iterable[str] | None = None) -> "Adapter":
        """Read a LoRA file of diffusers, PEFT or kohya naming. Raises BadAdapter, naming the file and the reason.

        Give the base's layer names (`base.layers`) for kohya files of a base of unusual shape.
        """
        if isinstance(source, bytes):
            content, name, stem = source, "plug-in", ""
        else:
            content, name, stem = _read(Path(source)), str(source), Path(source).stem
        if len(content) > adapter_file.MAX_FILE:
            raise BadAdapter(f"{name}: expected at most {adapter_file.MAX_FILE} bytes, found {len(content)}")
        held = adapter_file.parse(content, name, layer_names)
        said = held.metadata
        return cls(
            layers=held.layers,
            name=said.get(NAME) or said.get("modelspec.title") or said.get("ss_output_name") or stem,
            kind=said.get(KIND, ""),
            trigger=said.get("modelspec.trigger_phrase", ""),
            base_fingerprint=said.get(FINGERPRINT, ""),
            architecture=said.get("modelspec.architecture", "").removesuffix("/lora"),
            convolutions=held.convolutions,
            metadata=said,
            ignored=held.ignored,
            file_sha256=hashlib.sha256(content).hexdigest(),
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
        """Give the file's bytes, in keys that diffusers' load_lora_weights reads ("peft") or kohya's.

        Given metadata is laid over what this adapter carries already. In float32 nothing is lost; half precision
        halves the size and changes the tensors' hash.
        """
        tensors = self._named_tensors(naming, dtype)
        body = safetensors.torch.save(tensors)
        # ModelSpec's hash is of all that follows the header, which comes first with its length in eight bytes.
        contents = body[8 + int.from_bytes(body[:8], "little") :]
        full = self._metadata(naming) | dict(metadata or {})
        full["modelspec.hash_sha256"] = f"0x{hashlib.sha256(contents).hexdigest()}"
        return safetensors.torch.save(tensors, metadata=full)

    def _named_tensors(self, naming: Format, dtype: torch.dtype) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        uniform = len({delta.rank(each) for each in self.layers.values()}) == 1
        for layer, (up, down) in self.layers.items():
            if layer in self.convolutions:
                up, down = up[:, :, None, None], down[:, :, None, None]
            if naming == "kohya":
                start, ends = f"lora_unet_{flatten(layer)}", (".lora_up.weight", ".lora_down.weight")
                # alpha = rank, which is also what readers take a missing alpha for: there is nothing to scale.
                # Where ranks differ it is left out, because diffusers (0.42) mixes up differing alphas here.
                if uniform:
                    tensors[f"{start}.alpha"] = torch.tensor(float(down.shape[0]))
            else:
                start, ends = f"unet.{layer}", (".lora_B.weight", ".lora_A.weight")
            for end, tensor in zip(ends, (up, down), strict=True):
                tensors[start + end] = tensor.to(dtype).contiguous()
        return tensors

    def _metadata(self, naming: Format) -> dict[str, str]:
        ranks = {delta.rank(each) for each in self.layers.values()}
        uniform = str(ranks.pop()) if len(ranks) == 1 else "Dynamic"  # as kohya writes it
        known = {
            "modelspec.title": self.name or "plug-in",
            "modelspec.architecture": f"{self.architecture}/lora" if self.architecture else "",
            "modelspec.trigger_phrase": self.trigger,
            "ss_output_name": self.name,
            NAME: self.name,
            KIND: self.kind,
            FINGERPRINT: self.base_fingerprint,
        }
        return {
            "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **self.metadata,
            **{key: value for key, value in known.items() if value},
            "modelspec.sai_model_spec": SPEC_VERSION,
            "modelspec.implementation": "diffusers"
            if naming == "peft"
            else "https://github.com/kohya-ss/sd-scripts",
            "ss_network_module": "networks.lora",
            "ss_network_dim": uniform,
            "ss_network_alpha": uniform,
            "format": "pt",
        }

    def negated(self) -> "Adapter":
        """Give -ΔW on every layer: applied after this one, it restores the base."""
        return self._with({name: delta.negate(each) for name, each in self.layers.items()})

    def scaled(self, factor: float) -> "Adapter":
        return self._with({name: delta.scale(each, factor) for name, each in self.layers.items()})

    def truncated(self, rank: int) -> "Adapter":
        """Give the nearest adapter of at most this rank on every layer."""
        return self._with({name: delta.truncate(each, rank) for name, each in self.layers.items()})

    def _with(self, layers: dict[str, LowRank]) -> "Adapter":
        return replace(self, layers=layers, file_sha256="")


def weighted_sum(parts: Sequence[tuple[Adapter, float]], name: str = "") -> Adapter:
    """Sum adapters exactly, by concatenating ranks; the result's file says what it was merged from.

    Raises BadAdapter if they do not fit the same layers or were made for different bases.
    """
    if not parts:
        raise BadAdapter("expected at least one plug-in to sum, found none")
    prints = {adapter.base_fingerprint for adapter, _ in parts if adapter.base_fingerprint}
    if len(prints) > 1:
        raise BadAdapter(f"expected plug-ins of one base, found plug-ins of {len(prints)} different bases")
    layers: dict[str, LowRank] = {}
    for layer in sorted({layer for adapter, _ in parts for layer in adapter.layers}):
        held = [(adapter, weight) for adapter, weight in parts if layer in adapter.layers]
        shapes = {(each.layers[layer][0].shape[0], each.layers[layer][1].shape[1]) for each, _ in held}
        if len(shapes) > 1:
            raise BadAdapter(
                f"expected plug-ins of one base; layer {layer} differs in shape: {sorted(shapes)}"
            )
        layers[layer] = delta.concatenate(
            [delta.scale(adapter.layers[layer], weight) for adapter, weight in held]
        )
    return merged_adapter(layers, parts, name)


def merged_adapter(
    layers: dict[str, LowRank], parts: Sequence[tuple[Adapter, float]], name: str = ""
) -> Adapter:
    """Make one adapter of layers that came of several; its file says of which, and each one's share.

    A part's share is its weight's part of all weights, without signs, in basis points that sum to 10,000: what a
    market divides a price by.
    """
    shares = _shares([abs(weight) for _, weight in parts])
    sources = [
        {"name": adapter.name, "tensors_sha256": adapter.tensors_sha256, "weight": weight, "share_bps": share}
        for (adapter, weight), share in zip(parts, shares, strict=True)
    ]
    # ModelSpec separates names by commas, so a comma inside a name cannot stay.
    names = ", ".join(adapter.name.replace(",", " ") or adapter.tensors_sha256[:12] for adapter, _ in parts)
    first = parts[0][0]
    prints = [adapter.base_fingerprint for adapter, _ in parts if adapter.base_fingerprint]
    return Adapter(
        layers=layers,
        name=name or " + ".join(adapter.name for adapter, _ in parts if adapter.name),
        base_fingerprint=prints[0] if prints else "",
        architecture=first.architecture,
        convolutions=frozenset().union(*(adapter.convolutions for adapter, _ in parts)),
        metadata={"modelspec.merged_from": names, "plugin.merged_from": json.dumps(sources)},
    )


def _shares(weights: Sequence[float]) -> list[int]:
    """Divide 10,000 in proportion to weights; what rounding leaves goes to the largest remainders, first come first."""
    total = sum(weights)
    exact = [10_000 * weight / total if total else 10_000 / len(weights) for weight in weights]
    shares = [int(each) for each in exact]
    for index in sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])[: 10_000 - sum(shares)]:
        shares[index] += 1
    return shares


def _little_endian(tensor: Tensor) -> bytes:
    return tensor.numpy().astype("<f4", copy=False).tobytes()


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > adapter_file.MAX_FILE:
            raise BadAdapter(f"{path}: expected at most {adapter_file.MAX_FILE} bytes, found {size}")
        return path.read_bytes()
    except FileNotFoundError:
        raise BadAdapter(f"{path}: expected a plug-in file, found nothing") from None
    except OSError as error:
        raise BadAdapter(f"{path}: expected a plug-in file, it cannot be read ({error.strerror})") from error
