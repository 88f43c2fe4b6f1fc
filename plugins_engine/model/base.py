"""A base model: a loaded diffusers directory, and what plug-ins need to know of it."""

import json
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from transformers import CLIPTokenizer

from plugins_engine.adapters.adapter import Adapter
from plugins_engine.adapters.layer_names import TEXT_MODEL, is_of_text, text_layer
from plugins_engine.adapters.learned_tokens import ENCODERS, NameInForce
from plugins_engine.errors import BadBase, BadRequest
from plugins_engine.known import known_concepts
from plugins_engine.model.directory import ModelDirectory
from plugins_engine.model.fingerprint import fingerprint
from plugins_engine.model.prompt_reading import padded, read_prompt
from plugins_engine.model.samplers import Scheduler, sampler_of, scheduler_of
from plugins_engine.model.text_encoding import PromptEmbedding, TextEncoder, embedded, most_tokens
from plugins_engine.model.weighted_prompts import chunked, filled_up, parse_prompt, weighed

DEFAULT_GUIDANCE = 3.0

LAYER_KINDS: dict[str, tuple[str, ...]] = {
    "attention": (".to_q", ".to_k", ".to_v", ".to_out.0"),
    "feed_forward": (".ff.net.0.proj", ".ff.net.2"),
    "projection": (".proj_in", ".proj_out"),
    "time": (".time_emb_proj",),
}
"""Which layers a plug-in may adapt, by the ends of their names in a diffusers UNet."""


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
        unet: What denoises.
        vae: What turns pictures into latents and back.
        text_encoders: What reads prompts: one, or two in SDXL.
        tokenizers: Theirs, in the same order.
        scheduler: The noise schedule, as a sampler without randomness. Copied for each use, as it keeps state.
        lock: Held while the base draws or is trained on.
        names: What names mean in prompts for now (`applied`). Whoever changes it holds `lock`, and puts it back.
        laid_over: The plug-ins that lie over it for now, with their weights (`applied`). Changed as `names` is.
    """

    directory: ModelDirectory
    device: torch.device
    dtype: torch.dtype
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoders: tuple[TextEncoder, ...]
    tokenizers: tuple[CLIPTokenizer, ...]
    scheduler: Scheduler
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    names: tuple[NameInForce, ...] = ()
    laid_over: tuple[tuple[Adapter, float], ...] = ()

    @property
    def text_encoder(self) -> TextEncoder:
        return self.text_encoders[0]

    @property
    def named_encoders(self) -> dict[str, tuple[CLIPTokenizer, TextEncoder]]:
        """The text encoders with their tokenizers, by the names of their folders."""
        return dict(zip(ENCODERS, zip(self.tokenizers, self.text_encoders, strict=True), strict=False))

    @property
    def tokenizer(self) -> CLIPTokenizer:
        return self.tokenizers[0]

    @property
    def is_xl(self) -> bool:
        return self.directory.is_xl

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
            "laid_over": [(adapter.tensors_sha256, weight) for adapter, weight in self.laid_over],
        }

    @property
    def architecture(self) -> str:
        """Name the architecture as ModelSpec does; a size that nobody published is `stable-diffusion-custom`."""
        if self.is_xl:
            return "stable-diffusion-xl-v1-base"
        width = self.unet.config.cross_attention_dim
        if width == 1024:
            return (
                "stable-diffusion-v2-768-v"
                if self.prediction_type == "v_prediction"
                else "stable-diffusion-v2-512"
            )
        return "stable-diffusion-v1" if width == 768 else "stable-diffusion-custom"

    @property
    def sampler(self) -> str:
        """The name of the sampler that the directory asks for, of `SAMPLERS`."""
        return sampler_of(self.directory.configs["scheduler"])

    def scheduler_for(self, sampler: str | None = None) -> Scheduler:
        """Make a sampler for one drawing, by its name; None: the base's own."""
        return scheduler_of(self.directory.configs["scheduler"], sampler or self.sampler)

    @property
    def prediction_type(self) -> str:
        return str(self.scheduler.config.prediction_type)

    @property
    def pixels_per_latent(self) -> int:
        """How many pixels one latent spans in each direction."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def smallest_side(self) -> int:
        """The least width and height in pixels: below it a layer of the UNet would see nothing."""
        return int(self.pixels_per_latent * 2 ** (len(self.unet.config.block_out_channels) - 1))

    @property
    def resolution(self) -> int:
        """The width and height in pixels that the base was trained for."""
        size = self.unet.config.sample_size
        return int(size if isinstance(size, int) else size[0]) * self.pixels_per_latent

    def guidance(self, asked: float | None) -> float:
        """Give the guidance asked for, or for None the one that the base draws best with: its card's, else 3."""
        return self._own_guidance if asked is None else asked

    @cached_property
    def card(self) -> dict[str, Any]:
        """What the base says of itself in card.json beside its weights; nothing where it has none. Raises BadBase."""
        path = self.card_path
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadBase(f"{path}: expected JSON, found something else ({error})") from error
        if not isinstance(found, dict):
            raise BadBase(f"{path}: expected a JSON object, found {type(found).__name__}")
        return found

    @property
    def card_path(self) -> Path:
        return self.directory.path / "card.json"

    @cached_property
    def _own_guidance(self) -> float:
        found = self.card.get("default_guidance", DEFAULT_GUIDANCE)
        try:
            return float(found)
        except (ValueError, TypeError) as error:
            raise BadBase(
                f"{self.card_path}: expected a number as default_guidance, found {found!r}"
            ) from error

    @cached_property
    def layers(self) -> dict[str, LayerShape]:
        """Every layer that can be adapted: linear ones and convolutions of the UNet, and `text_layers`."""
        found: dict[str, LayerShape] = {}
        for name, module in self.unet.named_modules():
            if isinstance(module, nn.Linear):
                found[name] = LayerShape(module.out_features, module.in_features)
            elif isinstance(module, nn.Conv2d) and module.groups == 1:
                height, width = module.kernel_size
                found[name] = LayerShape(
                    module.out_channels, module.in_channels * height * width, (height, width)
                )
        for component, (_, encoder) in self.named_encoders.items():
            for name, module in encoder.named_modules():
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
        """The layers of the UNet that read the text: keys and values of cross-attention."""
        return [
            f"{name}.{each}"
            for name, module in self.unet.named_modules()
            if isinstance(module, Attention) and module.is_cross_attention
            for each in ("to_k", "to_v")
        ]

    def module(self, layer: str) -> nn.Module:
        """Give the module of one of `layers`."""
        owner, path = self.unet, layer
        if is_of_text(layer):
            component, path = layer.split(".", 1)
            owner, path = self.named_encoders[component][1], self.path_in_encoder(component, path)
        found: nn.Module = owner.get_submodule(path)
        return found

    def path_in_encoder(self, component: str, path: str) -> str:
        """Give a module's path in a text encoder as it is loaded: newer versions of transformers leave a step out."""
        encoder = self.named_encoders[component][1]
        return path if hasattr(encoder, TEXT_MODEL) else path.removeprefix(f"{TEXT_MODEL}.")

    def adaptable_layers(self, kinds: Collection[str] = ("attention",)) -> dict[str, LayerShape]:
        """List the layers that plug-ins adapt: by default q, k, v and out of self- and cross-attention.

        `kinds` are keys of LAYER_KINDS.
        """
        unknown = set(kinds) - set(LAYER_KINDS)
        if unknown:
            raise ValueError(
                f"unknown kinds of layers {sorted(unknown)}; expected some of {sorted(LAYER_KINDS)}"
            )
        ends = tuple(end for kind in kinds for end in LAYER_KINDS[kind])
        return {name: shape for name, shape in self.layers.items() if f".{name}".endswith(ends)}

    def encode_prompt(self, prompts: Sequence[str]) -> PromptEmbedding:
        """Encode prompts, "" included, as the plug-ins that are on read them (`applied`).

        diffusers' own pipelines cut a long prompt off, but a person should know. The encoders are frozen, so gradients
        flow only to what a caller lays into them. Raises BadPrompt if one is longer than the text encoder reads.
        """
        with self.lock:
            read = {
                component: [read_prompt(tokenizer, prompt, self.names) for prompt in prompts]
                for component, (tokenizer, _) in self.named_encoders.items()
            }
            return embedded(self.named_encoders, read, prompts, self.device, self.dtype)

    def encode_to_draw(
        self, prompts: Sequence[str], negatives: Sequence[str], clip_skip: int | None = None
    ) -> tuple[PromptEmbedding, PromptEmbedding]:
        """Encode prompts and what guidance steers away from, as people write them: weighted words, and long texts in chunks.

        Both are as long as the longest of them. clip_skip: which layer of the text encoders is read, from the end; None: the usual
        one. Raises BadPrompt (`plugins_engine.model.weighted_prompts`), and BadRequest for a layer that is not there.
        """
        layers = min(int(encoder.config.num_hidden_layers) for _, encoder in self.named_encoders.values())
        if clip_skip is not None and not 1 <= clip_skip <= layers:
            raise BadRequest(
                f"clip skip {clip_skip}: expected 1 (the last layer of the text encoder) to {layers} (its first)"
            )
        texts = [*prompts, *negatives]
        parsed = [parse_prompt(text) for text in texts]
        with self.lock:
            chunks = {
                component: filled_up(
                    [
                        chunked(tokenizer, each, self.names, most_tokens(tokenizer, encoder) - 2)
                        for each in parsed
                    ]
                )
                for component, (tokenizer, encoder) in self.named_encoders.items()
            }
            read = {component: [each.read for each in some] for component, some in chunks.items()}
            count = len(chunks["text_encoder"]) // len(texts)
            repeated = [text for text in texts for _ in range(count)]
            found = embedded(self.named_encoders, read, repeated, self.device, self.dtype, clip_skip)
        tokens = weighed(found.tokens, [each.weights for each in chunks["text_encoder"]])
        tokens = tokens.view(len(texts), count * tokens.shape[1], tokens.shape[2])
        # The pooled vector is the first chunk's.
        whole = PromptEmbedding(tokens, None if found.pooled is None else found.pooled[::count])
        split = len(prompts)
        return whole.rows(slice(0, split)), self._emptied(whole.rows(slice(split, None)), negatives)

    def read(self, text: str) -> list[int]:
        """Give a text's tokens in the first text encoder, without the begin and end marks, as `encode_prompt` reads it."""
        return read_prompt(self.tokenizer, text, self.names).ids

    def require_readable(self, prompt: str) -> None:
        """Raise BadPrompt if a prompt is longer than a text encoder reads, with the names that are in force."""
        for tokenizer, encoder in self.named_encoders.values():
            padded(
                tokenizer,
                [prompt],
                [read_prompt(tokenizer, prompt, self.names)],
                most_tokens(tokenizer, encoder),
            )

    def encode_unconditional(self, negative_prompts: Sequence[str]) -> PromptEmbedding:
        """Encode what guidance steers away from; SDXL was trained with zeros for an empty negative prompt."""
        return self._emptied(self.encode_prompt(negative_prompts), negative_prompts)

    def _emptied(self, embedding: PromptEmbedding, negative_prompts: Sequence[str]) -> PromptEmbedding:
        zeros = self.directory.index.get("force_zeros_for_empty_prompt", True)
        return embedding.emptied(negative_prompts) if zeros else embedding

    def added_conditions(self, pooled: Tensor | None, width: int, height: int) -> dict[str, Tensor] | None:
        """Give SDXL's further conditions: the pooled prompt, and the size with no crop; None for SD 1.x and 2.x."""
        if pooled is None:
            return None
        size = torch.tensor([height, width, 0, 0, height, width], device=self.device, dtype=self.dtype)
        return {"text_embeds": pooled, "time_ids": size.expand(pooled.shape[0], -1)}

    def predict(self, noisy: Tensor, time: Tensor, text: PromptEmbedding) -> Tensor:
        """Give what the UNet predicts of noisy latents (n, c, h, w) at times (n,) or one for all, at the base's own size."""
        conditions = self.added_conditions(text.pooled, self.resolution, self.resolution)
        predicted: Tensor = self.unet(
            noisy, time, encoder_hidden_states=text.tokens, added_cond_kwargs=conditions
        ).sample
        return predicted

    def encode_pixels(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Turn pixels (n, 3, h, w) in [-1, 1] into the latents that the UNet works on. The generator must be the device's.

        Without a generator it takes the distribution's mode. No gradients.
        """
        with torch.no_grad():
            distribution = self.vae.encode(pixels.to(self.device, self.vae.dtype)).latent_dist
        latents = distribution.mode() if generator is None else distribution.sample(generator)
        shift, scale = self._latent_statistics(latents)
        scaled: Tensor = (latents - shift) * scale
        return scaled.to(self.dtype)

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Turn the UNet's latents into pixels (n, 3, h, w) in [0, 1], float32. No gradients."""
        shift, scale = self._latent_statistics(latents)
        with torch.no_grad():
            pixels: Tensor = self.vae.decode((latents / scale + shift).to(self.vae.dtype)).sample
        return (pixels.float() / 2 + 0.5).clamp(0, 1)

    def _latent_statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Give the shift and the factor, (1, channels or 1, 1, 1): UNet's latents = (VAE's - shift) · factor."""
        config = self.vae.config
        if config.latents_mean is not None and config.latents_std is not None:
            mean, std = like.new_tensor(config.latents_mean), like.new_tensor(config.latents_std)
            return mean.view(1, -1, 1, 1), (config.scaling_factor / std).view(1, -1, 1, 1)
        shift, scale = like.new_tensor(config.shift_factor or 0.0), like.new_tensor(config.scaling_factor)
        return shift.view(1, -1, 1, 1), scale.view(1, -1, 1, 1)
