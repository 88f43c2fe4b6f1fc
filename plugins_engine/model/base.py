"""A base model: a loaded diffusers directory, and what plug-ins need to know of it."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import TEXT_MODEL, is_of_text, text_layer
from plugins_engine.adapters.learned_tokens import NameInForce
from plugins_engine.errors import BadRequest
from plugins_engine.known import known_concepts
from plugins_engine.model.card import number, read_card, said_resolution
from plugins_engine.model.directory import ModelDirectory
from plugins_engine.model.families import FAMILIES, LAYER_KINDS, Denoiser, Family, Told
from plugins_engine.model.fingerprint import fingerprint
from plugins_engine.model.processes import Process
from plugins_engine.model.prompt_reading import TextReader
from plugins_engine.model.samplers import Schedule, Steps
from plugins_engine.model.text_encoding import PromptEmbedding
from plugins_engine.model.weighted_prompts import chunked, filled_up, parse_prompt, weighed

DEFAULT_GUIDANCE = 3.0
_EIGHTH = 8


@dataclass(frozen=True)
class LayerShape:
    """The weight of one layer as a matrix: (out, in), of a convolution (out, in · height · width).

    kernel: (height, width) of a convolution, None for a linear layer.
    """

    out_features: int
    in_features: int
    kernel: tuple[int, int] | None = None

    @property
    def room(self) -> int:
        """Give the highest rank that a matrix of this shape can have."""
        return min(self.out_features, self.in_features)


@dataclass(eq=False)
class BaseCheckpoint:
    """A loaded base. Its modules are in evaluation mode and frozen. A training loop turns on what it trains.

    `load_base` makes it. Drawing changes layers' forward for its time, so one base draws one request at a time: see `lock`.

    Args:
        directory: What it was loaded from.
        device: Where its weights are.
        dtype: Their number format.
        denoiser: What denoises: a UNet or a transformer.
        vae: What turns pictures into latents and back.
        readers: What reads prompts: text encoders with their tokenizers, by the names of their folders.
        schedule: What the directory says of noise and sampling.
        lock: Held while the base draws or is trained on.
        names: What names mean in prompts for now (`applied`). Whoever changes it holds `lock`, and puts it back.
        laid_over: The plug-ins that lie over it for now, with their weights (`applied`). Changed as `names` is.
    """

    directory: ModelDirectory
    device: torch.device
    dtype: torch.dtype
    denoiser: Denoiser
    vae: AutoencoderKL
    readers: dict[str, TextReader]
    schedule: Schedule
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    names: tuple[NameInForce, ...] = ()
    laid_over: tuple[tuple[Adapter, float], ...] = ()

    @property
    def family(self) -> Family:
        return FAMILIES[self.directory.layout.pipeline]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the stored weights and configs: see `plugins_engine.model.fingerprint`. Reads every weight, once."""
        return fingerprint(self.directory.weights, self.directory.configs, self.directory.vocabularies)

    @property
    def state(self) -> dict[str, Any]:
        """All that its pictures follow from now, and what it is known to draw: for the request of a checkpoint.

        Reads every weight of what lies over it.
        """
        return {
            "fingerprint": self.fingerprint,
            "scheduler": self.directory.configs.get("scheduler", {}),
            "known": known_concepts(self.directory.path),
            "device": self.device.type,
            "precision": str(self.dtype),
            "guidance": self.guidance(None),
            "resolution": self.resolution,
            "laid_over": [(adapter.tensors_sha256, weight) for adapter, weight in self.laid_over],
        }

    @property
    def architecture(self) -> str:
        """Name the architecture as ModelSpec does; a size that nobody published ends in "custom"."""
        return self.family.architecture(self.denoiser.config, self.process.prediction)

    @cached_property
    def process(self) -> Process:
        """How noise was added in its training."""
        side = self.resolution // self.pixels_per_latent
        return self.schedule.process(self.family.tokens(self.denoiser.config, side, side))

    @property
    def sampler(self) -> str:
        """The name of the sampler that the directory asks for."""
        return self.schedule.own

    @property
    def samplers(self) -> tuple[str, ...]:
        """The names of those that it can be drawn with."""
        return tuple(self.schedule.samplers)

    def steps(self, sampler: str | None, count: int, height: int, width: int) -> Steps:
        """Set a sampler to a number of steps, for latents of a size. None: the base's own sampler.

        Raises BadRequest for a sampler that it does not have, or that cannot take so many steps.
        """
        tokens = self.family.tokens(self.denoiser.config, height, width)
        return Steps(self.schedule, sampler, count, tokens, self.device, even=self.family.even_steps)

    @property
    def pixels_per_latent(self) -> int:
        """How many pixels one latent spans in each direction."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def sides(self) -> tuple[int, int, int | None]:
        """The least width and height in pixels, what they are a multiple of, and the most; None: there is no bound."""
        sizes, each = self.family.sizes(self.denoiser.config), self.pixels_per_latent
        return sizes.least * each, sizes.step * each, None if sizes.most is None else sizes.most * each

    @property
    def resolution(self) -> int:
        """The width and height in pixels that the base was trained for."""
        own = self.family.sizes(self.denoiser.config).own
        return self._said_resolution if own is None else own * self.pixels_per_latent

    @property
    def channels(self) -> int:
        """How many numbers one latent has."""
        return self.family.channels(self.denoiser.config)

    @property
    def weighs_words(self) -> bool:
        """Whether weights such as `(fox:1.3)` change what is drawn. Prompts with them are refused where they do not."""
        return not any(each.is_language_model for each in self.readers.values())

    @property
    def is_steered(self) -> bool:
        """Whether guidance goes from what is predicted without the prompt, or with a negative one, to what is predicted with it."""
        return self.family.is_steered

    def guidance(self, asked: float | None) -> float:
        """Give the guidance asked for, or for None the one that the base draws best with: its card's, else 3."""
        return self._own_guidance if asked is None else asked

    @cached_property
    def card(self) -> dict[str, Any]:
        """What the base says of itself in card.json beside its weights; nothing where it has none. Raises BadBase."""
        return read_card(self.card_path)

    @property
    def card_path(self) -> Path:
        return self.directory.path / "card.json"

    @cached_property
    def _own_guidance(self) -> float:
        return number(self.card, self.card_path, "default_guidance", DEFAULT_GUIDANCE)

    @cached_property
    def _said_resolution(self) -> int:
        """What the card says, to the next size that can be drawn, for a base whose configs do not say what it was trained for."""
        least, step, most = self.sides
        # In eighths of the side, in which sizes are offered.
        unit = step * _EIGHTH
        found = round(said_resolution(self.card, self.card_path, self.pixels_per_latent) / unit) * unit
        return max(least, unit, found if most is None else min(found, most))

    @cached_property
    def layers(self) -> dict[str, LayerShape]:
        """Every layer that can be adapted: linear ones and convolutions of the denoiser, and `text_layers`."""
        found: dict[str, LayerShape] = {}
        for name, module in self.denoiser.named_modules():
            if isinstance(module, nn.Linear):
                found[name] = LayerShape(module.out_features, module.in_features)
            elif isinstance(module, nn.Conv2d) and module.groups == 1:
                height, width = module.kernel_size
                found[name] = LayerShape(
                    module.out_channels, module.in_channels * height * width, (height, width)
                )
        for component, reader in self.readers.items():
            for name, module in reader.encoder.named_modules():
                layer = text_layer(component, name)
                if layer is not None and isinstance(module, nn.Linear):
                    found[layer] = LayerShape(module.out_features, module.in_features)
        return found

    @property
    def text_layers(self) -> dict[str, LayerShape]:
        """The layers of the text encoders that plug-ins adapt: q, k, v and out of attention, and both of every MLP."""
        return {name: shape for name, shape in self.layers.items() if is_of_text(name)}

    @property
    def reading_layers(self) -> list[str]:
        """The layers of the denoiser that are given the text's tokens: of a UNet, the keys and values of cross-attention."""
        return self.family.reading_layers(self.denoiser)

    def as_read(self, tokens: Tensor) -> Tensor:
        """Give the text's tokens (…, width) as the reading layers are given them: after a norm, if one stands before them. No gradients."""
        with torch.no_grad():
            return self.family.as_read(self.denoiser, tokens)

    @property
    def pooled_layer(self) -> str | None:
        """The layer of the denoiser that is given the text's pooled vector; None: there is none."""
        return self.family.pooled_layer(self.denoiser)

    def module(self, layer: str) -> nn.Module:
        """Give the module of one of `layers`."""
        owner: nn.Module = self.denoiser
        path = layer
        if is_of_text(layer):
            component, path = layer.split(".", 1)
            owner, path = self.readers[component].encoder, self.path_in_encoder(component, path)
        found: nn.Module = owner.get_submodule(path)
        return found

    def path_in_encoder(self, component: str, path: str) -> str:
        """Give a module's path in a text encoder as it is loaded: newer versions of transformers leave a step out."""
        encoder = self.readers[component].encoder
        return path if hasattr(encoder, TEXT_MODEL) else path.removeprefix(f"{TEXT_MODEL}.")

    def adaptable_layers(self, kinds: Collection[str] = ("attention",)) -> dict[str, LayerShape]:
        """List the layers of the denoiser that plug-ins adapt: by default q, k, v and out of every attention.

        `kinds` are some of LAYER_KINDS.
        """
        unknown = set(kinds) - set(LAYER_KINDS)
        if unknown:
            raise ValueError(
                f"unknown kinds of layers {sorted(unknown)}; expected some of {sorted(LAYER_KINDS)}"
            )
        ends = tuple(end for kind in kinds for end in self.family.layer_kinds[kind])
        return {
            name: shape
            for name, shape in self.layers.items()
            if f".{name}".endswith(ends) and not is_of_text(name)
        }

    def encode_prompt(self, prompts: Sequence[str]) -> PromptEmbedding:
        """Encode prompts, "" included, as the plug-ins that are on read them (`applied`).

        diffusers' own pipelines cut a long prompt off, but a person should know. The encoders are frozen, so gradients
        flow only to what a caller lays into them. Raises BadPrompt if one is longer than the text encoder reads.
        """
        with self.lock:
            found = {
                component: self.family.run(
                    reader, prompts, [reader.read(each, self.names) for each in prompts], self.device, None
                )
                for component, reader in self.readers.items()
            }
            return self._joined(found)

    def _joined(self, found: dict[str, PromptEmbedding]) -> PromptEmbedding:
        return self.family.joined(found, self.denoiser.config).to(self.dtype)

    def encode_to_draw(
        self, prompts: Sequence[str], negatives: Sequence[str], clip_skip: int | None = None
    ) -> tuple[PromptEmbedding, PromptEmbedding]:
        """Encode prompts and what guidance steers away from, as people write them: weighted words, and long texts in chunks.

        Both are as long as the longest of them. clip_skip: which layer of the text encoders is read, from the end; None: the usual
        one. Raises BadPrompt (`plugins_engine.model.weighted_prompts`), and BadRequest for a layer that is not there.
        """
        self._require_layer(clip_skip)
        texts = [*prompts, *negatives]
        parsed = [parse_prompt(text) for text in texts]
        found: dict[str, PromptEmbedding] = {}
        with self.lock:
            for component, reader in self.readers.items():
                chunks = filled_up([chunked(reader, each, self.names) for each in parsed])
                count = len(chunks) // len(texts)
                repeated = [text for text in texts for _ in range(count)]
                one = self.family.run(
                    reader, repeated, [each.read for each in chunks], self.device, clip_skip
                )
                tokens = weighed(one.tokens, [each.weights for each in chunks], reader.first)
                # The pooled vector is the first chunk's.
                found[component] = PromptEmbedding(
                    tokens.reshape(len(texts), -1, tokens.shape[-1]),
                    None if one.pooled is None else one.pooled[::count],
                    one.lengths,  # only of encoders that read one chunk
                )
        whole = self._joined(found)
        split = len(prompts)
        return whole.rows(slice(0, split)), self._emptied(whole.rows(slice(split, None)), negatives)

    def _require_layer(self, clip_skip: int | None) -> None:
        """Raise BadRequest for a layer that the text encoders do not have. None: no layer is asked for."""
        if clip_skip is None:
            return
        clip = [each.encoder.config for each in self.readers.values() if each.is_clip]
        if not clip:
            raise BadRequest(
                f"clip skip {clip_skip}: this base reads prompts without CLIP, so there is no layer of it to skip"
            )
        layers = min(int(each.num_hidden_layers) for each in clip)
        if not 1 <= clip_skip <= layers:
            raise BadRequest(
                f"clip skip {clip_skip}: expected 1 (the last layer of the text encoder) to {layers} (its first)"
            )

    @property
    def places(self) -> list[tuple[TextReader, int]]:
        """Which text encoder's tokens begin where in what `encode_prompt` gives. Encoders side by side share their places."""
        return self.family.places(self.readers)

    def require_readable(self, prompt: str) -> None:
        """Raise BadPrompt if a prompt is longer than a text encoder reads, with the names that are in force."""
        for reader in self.readers.values():
            reader.padded([prompt], [reader.read(prompt, self.names)])

    def encode_unconditional(self, negative_prompts: Sequence[str]) -> PromptEmbedding:
        """Encode what guidance steers away from, as the family was trained for it."""
        return self._emptied(self.encode_prompt(negative_prompts), negative_prompts)

    def _emptied(self, embedding: PromptEmbedding, negative_prompts: Sequence[str]) -> PromptEmbedding:
        return self.family.emptied(embedding, negative_prompts, self.directory.index)

    def predict(
        self,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        denoiser: nn.Module | None = None,
        *,
        guidance: float | None = None,
    ) -> Tensor:
        """Give what the denoiser predicts of noisy latents (n, c, h, w) at times (n,) or one for all.

        denoiser: what is called in its place, as when it is wrapped for training. guidance: what bases are given that are not steered;
        None: their own.
        """
        return self.family.predict(
            denoiser or self.denoiser,
            noisy,
            time,
            text,
            Told(self.pixels_per_latent, self.process.levels, self.guidance(guidance)),
        )

    def encode_pixels(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Turn pixels (n, 3, h, w) in [-1, 1] into the latents that the denoiser works on. The generator must be the device's.

        Without a generator it takes the distribution's mode. No gradients.
        """
        with torch.no_grad():
            distribution = self.vae.encode(pixels.to(self.device, self.vae.dtype)).latent_dist
        latents = distribution.mode() if generator is None else distribution.sample(generator)
        shift, scale = self._latent_statistics(latents)
        scaled: Tensor = (latents - shift) * scale
        return scaled.to(self.dtype)

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Turn the denoiser's latents into pixels (n, 3, h, w) in [0, 1], float32. No gradients."""
        shift, scale = self._latent_statistics(latents)
        with torch.no_grad():
            pixels: Tensor = self.vae.decode((latents / scale + shift).to(self.vae.dtype)).sample
        return (pixels.float() / 2 + 0.5).clamp(0, 1)

    def _latent_statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Give the shift and the factor, (1, channels or 1, 1, 1): the denoiser's latents = (VAE's - shift) · factor."""
        config = self.vae.config
        if config.latents_mean is not None and config.latents_std is not None:
            mean, std = like.new_tensor(config.latents_mean), like.new_tensor(config.latents_std)
            return mean.view(1, -1, 1, 1), (config.scaling_factor / std).view(1, -1, 1, 1)
        shift, scale = like.new_tensor(config.shift_factor or 0.0), like.new_tensor(config.scaling_factor)
        return shift.view(1, -1, 1, 1), scale.view(1, -1, 1, 1)
