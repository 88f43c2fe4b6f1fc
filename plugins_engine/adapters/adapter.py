"""Adapter: one plug-in's low-rank weights, and the `.safetensors` files they travel in."""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from torch import Tensor

from plugins_engine.adapters import delta, lora_file, token_keys
from plugins_engine.adapters.delta import LowRank
from plugins_engine.adapters.layer_names import KOHYA_ENCODER, KOHYA_ENCODERS, flatten, is_of_text
from plugins_engine.adapters.learned_tokens import LearnedTokens, side_by_side
from plugins_engine.adapters.sources import Source, shares_of, state_sources
from plugins_engine.atomic import write_bytes
from plugins_engine.errors import BadAdapter
from plugins_engine.safetensors_header import read_header

SPEC_VERSION = "1.0.0"
# Our own metadata keys; the rest is ModelSpec's and kohya's `ss_*`.
FINGERPRINT, NAME, KIND = "plugin.base_fingerprint", "plugin.name", "plugin.kind"
# As JSON: what the file holds, and the names in prompts that its learned tokens stand for. For people: only written.
COMPONENTS, WORDS = "plugin.components", "plugin.words"
XL = "stable-diffusion-xl"
Format = Literal["peft", "kohya"]


@dataclass(frozen=True, eq=False)
class Adapter:
    """One plug-in: low-rank weights by layer, and learned tokens.

    Layers belong to the UNet or to a text encoder. A text encoder's layers begin with its name
    ("text_encoder.text_model.encoder.layers.0.self_attn.q_proj"). Layers are kept in the order of their names, and may differ in
    rank. A plug-in with tokens may have no layers. Empty text means "not known": files from other programs say little about
    themselves. Raises BadAdapter.

    Args:
        layers: For each layer its delta ΔW = B A as (B (out, r), A (r, in)), any scale folded in, float32, on the CPU.
        name: What it is called.
        kind: "style", "character", or whatever its maker wrote.
        trigger: The words in a prompt that call it.
        base_fingerprint: Of the base that it was made for.
        architecture: ModelSpec's name of that base's architecture.
        convolutions: Of `layers`, those that are 1x1 convolutions in the base.
        tokens: What its names are read as.
        metadata: Everything the file said.
        file_sha256: Of the file that it was read from.
    """

    layers: dict[str, LowRank]
    name: str = ""
    kind: str = ""
    trigger: str = ""
    base_fingerprint: str = ""
    architecture: str = ""
    convolutions: frozenset[str] = frozenset()
    tokens: tuple[LearnedTokens, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    file_sha256: str = ""

    def __post_init__(self) -> None:
        called = self.name or "plug-in"
        if not self.layers and not self.tokens:
            raise BadAdapter(f"{called}: expected at least one layer or learned token, found none")
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
        if wrong := sorted(layer for layer in self.convolutions if is_of_text(layer)):
            raise BadAdapter(
                f"{called}: expected matrices of a text encoder, found a convolution at {wrong[0]}"
            )
        object.__setattr__(self, "layers", checked)
        object.__setattr__(self, "tokens", side_by_side(self.tokens))

    @property
    def text_layers(self) -> dict[str, LowRank]:
        """Those of the layers that are of a text encoder."""
        return {layer: each for layer, each in self.layers.items() if is_of_text(layer)}

    @property
    def changes_text(self) -> bool:
        """Whether prompts are read otherwise with it."""
        return bool(self.tokens or self.text_layers)

    @property
    def components(self) -> tuple[str, ...]:
        """What it changes, of "denoiser", "text_encoder", "text_encoder_2" and "tokens"."""
        found = dict.fromkeys(
            layer.split(".", 1)[0] if is_of_text(layer) else "denoiser" for layer in self.layers
        )
        if self.tokens:
            found["tokens"] = None
        return tuple(sorted(found))

    @property
    def rank(self) -> int:
        """The highest rank among the layers; 0 without any."""
        return max((delta.rank(each) for each in self.layers.values()), default=0)

    @property
    def tensors_sha256(self) -> str:
        """SHA-256 of the deltas and tokens alone: the same for any file format, key naming or metadata that holds them."""
        digest = hashlib.sha256(b"plugins_engine adapter v1\n")
        for layer, (up, down) in self.layers.items():
            digest.update(f"{layer} {tuple(up.shape)} {tuple(down.shape)}\n".encode())
            digest.update(_little_endian(up))
            digest.update(_little_endian(down))
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
        """Read a LoRA file of diffusers, PEFT or kohya naming. Raises BadAdapter, naming the file and the reason.

        A kohya file for a base of unusual shape needs the base's layer names (`base.layers`).
        """
        if isinstance(source, bytes):
            content, name, stem = source, "plug-in", ""
        else:
            content, name, stem = _read(Path(source)), str(source), Path(source).stem
        if len(content) > lora_file.MAX_FILE:
            raise BadAdapter(f"{name}: expected at most {lora_file.MAX_FILE} bytes, found {len(content)}")
        held = lora_file.parse(content, name, layer_names)
        said = held.metadata
        return cls(
            layers=held.layers,
            tokens=held.tokens,
            name=said.get(NAME) or said.get("modelspec.title") or said.get("ss_output_name") or stem,
            kind=said.get(KIND, ""),
            trigger=said.get("modelspec.trigger_phrase", ""),
            base_fingerprint=said.get(FINGERPRINT, ""),
            architecture=said.get("modelspec.architecture", "").removesuffix("/lora"),
            convolutions=held.convolutions,
            metadata=said,
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

        diffusers leaves learned tokens out of a "peft" file, and does not read a "kohya" file with them. The programs that kohya
        writes for read that file, learned tokens included. Raises BadAdapter for tokens that their naming has no way to say.
        Given metadata is laid over what this adapter carries already. In float32 nothing is lost. Half precision
        halves the size and changes the tensors' hash.
        """
        tensors = self._named_tensors(naming, dtype)
        body = safetensors.torch.save(tensors)
        # ModelSpec's hash is of all that follows the header.
        _, begin = read_header(io.BytesIO(body), len(body))
        contents = body[begin:]
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
                start, ends = self._kohya_name(layer), (".lora_up.weight", ".lora_down.weight")
                # alpha = rank, which is also what readers take a missing alpha for: there is nothing to scale.
                # Where ranks differ it is left out, because diffusers (0.42) mixes up differing alphas here.
                if uniform:
                    tensors[f"{start}.alpha"] = torch.tensor(float(down.shape[0]))
            else:
                start = layer if is_of_text(layer) else f"unet.{layer}"
                ends = (".lora_B.weight", ".lora_A.weight")
            for end, tensor in zip(ends, (up, down), strict=True):
                tensors[start + end] = tensor.to(dtype).contiguous()
        write_tokens = token_keys.bundled if naming == "kohya" else token_keys.written
        return tensors | {
            key: each.to(dtype) if each.ndim else each for key, each in write_tokens(self.tokens).items()
        }

    def _kohya_name(self, layer: str) -> str:
        if not is_of_text(layer):
            return f"lora_unet_{flatten(layer)}"
        component, path = layer.split(".", 1)
        several = XL in self.architecture or "text_encoder_2" in self.components
        return f"{KOHYA_ENCODERS[component] if several else KOHYA_ENCODER}{flatten(path)}"

    def _metadata(self, naming: Format) -> dict[str, str]:
        ranks = {delta.rank(each) for each in self.layers.values()}
        uniform = str(self.rank) if len(ranks) <= 1 else "Dynamic"  # as kohya writes it
        known = {
            "modelspec.title": self.name or "plug-in",
            "modelspec.architecture": f"{self.architecture}/lora" if self.architecture else "",
            "modelspec.trigger_phrase": self.trigger,
            "ss_output_name": self.name,
            NAME: self.name,
            KIND: self.kind,
            FINGERPRINT: self.base_fingerprint,
        }
        words = list(dict.fromkeys(each.words for each in self.tokens))
        return {
            "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **self.metadata,
            **{key: value for key, value in known.items() if value},
            COMPONENTS: ", ".join(self.components),
            WORDS: json.dumps(words, ensure_ascii=False),
            "modelspec.sai_model_spec": SPEC_VERSION,
            "modelspec.implementation": "diffusers"
            if naming == "peft"
            else "https://github.com/kohya-ss/sd-scripts",
            "ss_network_module": "networks.lora",
            "ss_network_dim": uniform,
            "ss_network_alpha": uniform,
            "format": "pt",
        }

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
        layers = {name: delta.scale(each, factor) for name, each in self.layers.items()}
        return self._with(layers, tuple(each.scaled(factor) for each in self.tokens))

    def truncated(self, rank: int) -> "Adapter":
        """Give the nearest adapter of at most this rank on every layer, with the same tokens."""
        return self._with(
            {name: delta.truncate(each, rank) for name, each in self.layers.items()}, self.tokens
        )

    def _with(self, layers: dict[str, LowRank], tokens: tuple[LearnedTokens, ...]) -> "Adapter":
        return replace(self, layers=layers, tokens=tokens, file_sha256="")


def weighted_sum(parts: Sequence[tuple[Adapter, float]], name: str = "") -> Adapter:
    """Sum adapters exactly, by concatenating ranks and keeping tokens side by side. The result's file names its parts.

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
    tokens = [each.scaled(weight) for adapter, weight in parts for each in adapter.tokens]
    return combined_adapter(layers, parts, name, tokens)


def combined_adapter(
    layers: dict[str, LowRank],
    parts: Sequence[tuple[Adapter, float]],
    name: str = "",
    tokens: Sequence[LearnedTokens] = (),
) -> Adapter:
    """Make one adapter of layers and tokens that came from several; its file names them, with each one's share.

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
        tokens=tuple(tokens),
        name=name or " + ".join(adapter.name for adapter, _ in parts if adapter.name),
        base_fingerprint=prints[0] if prints else "",
        architecture=first.architecture,
        convolutions=frozenset().union(*(adapter.convolutions for adapter, _ in parts)),
        metadata={"modelspec.merged_from": names, **state_sources(sources)},
    )


def _little_endian(tensor: Tensor) -> bytes:
    return tensor.numpy().astype("<f4", copy=False).tobytes()


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > lora_file.MAX_FILE:
            raise BadAdapter(f"{path}: expected at most {lora_file.MAX_FILE} bytes, found {size}")
        return path.read_bytes()
    except FileNotFoundError:
        raise BadAdapter(f"{path}: expected a plug-in file, found nothing") from None
    except OSError as error:
        raise BadAdapter(f"{path}: expected a plug-in file, it cannot be read ({error.strerror})") from error
