"""What differs between families of models: their parts, how they read text, how their denoiser is called, and what is adapted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from diffusers import (
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    UNet2DConditionModel,
    ZImageTransformer2DModel,
)
from torch import Tensor

from plugins_engine.model.layouts import Layout
from plugins_engine.model.prompt_reading import ReadPrompt, TextReader
from plugins_engine.model.text_encoding import PromptEmbedding, encoded, normed

Config = Mapping[str, Any]
Denoiser = UNet2DConditionModel | SD3Transformer2DModel | FluxTransformer2DModel | ZImageTransformer2DModel
LAYER_KINDS = ("attention", "feed_forward", "projection", "time")
"""Which kinds of layers of the denoiser a plug-in may adapt. Each family says which layers they are."""


@dataclass(frozen=True)
class EncoderKind:
    """A text encoder of a family: its class, that of its tokenizer, and how many tokens it reads at most, None: as it says."""

    encoder: Any
    tokenizer: Any
    length: int | None = None


@dataclass(frozen=True)
class LatentSizes:
    """Sizes of latents on one side.

    own: that of the training, None where configs do not say it. step: what a size is a multiple of. least, most: None is no bound.
    """

    own: int | None
    step: int
    least: int
    most: int | None = None


@dataclass(frozen=True)
class Told:
    """What a denoiser may be told besides latents, time and text.

    pixels_per_latent: on a side. levels: the time of pure noise. guidance: for bases that are given it as a number.
    """

    pixels_per_latent: int
    levels: int
    guidance: float


class Family(ABC):
    """One family. It keeps no state: what depends on a base is an argument.

    name: As `plugins_engine.adapters.families` names it.
    layout: What lies in its directories.
    denoiser: The denoiser's class.
    encoders: Text encoders by folder.
    clip_layer: Which layer of CLIP is read, from the end, without the norm that follows the last one; None: the last one, with its norm.
    is_flow: Whether it goes to noise by flow matching, and not by diffusion.
    is_steered: Whether guidance goes from what the base predicts without the prompt to what it predicts with it, and beyond. If not, it
        is a number that the denoiser is given, if anything.
    even_steps: Whether the base is sampled at noise levels that are even before they are shifted.
    half: Which half precision the base is loaded in, where none is asked for.
    layer_kinds: The ends of the names of each kind's layers.
    """

    name: ClassVar[str]
    layout: ClassVar[Layout]
    denoiser: ClassVar[Any]
    encoders: ClassVar[Mapping[str, EncoderKind]]
    clip_layer: ClassVar[int | None] = None
    is_flow: ClassVar[bool] = False
    is_steered: ClassVar[bool] = True
    even_steps: ClassVar[bool] = False
    half: ClassVar[torch.dtype] = torch.float16
    layer_kinds: ClassVar[Mapping[str, tuple[str, ...]]]

    @abstractmethod
    def architecture(self, config: Config, prediction: str) -> str:
        """Name the architecture as ModelSpec does; a size that nobody published ends in "custom"."""

    @abstractmethod
    def sizes(self, config: Config) -> LatentSizes:
        """Give the sizes of latents that a denoiser with this config can do."""

    def channels(self, config: Config) -> int:
        """Give how many numbers one latent has."""
        return int(config["in_channels"])

    def tokens(self, config: Config, height: int, width: int) -> int:
        """Give how many tokens the denoiser makes of latents of a size."""
        step = self.sizes(config).step
        return (height // step) * (width // step)

    def vae_in_float32(self, config: Config) -> bool:
        """Say whether an autoencoder with this config overflows in half precision."""
        return False

    def run(
        self,
        reader: TextReader,
        prompts: Sequence[str],
        read: Sequence[ReadPrompt],
        device: torch.device,
        clip_skip: int | None,
    ) -> PromptEmbedding:
        """Run one text encoder. clip_skip: which layer of CLIP is read, from the end; None: as the family was trained.

        A family that reads the last layer reads any other one with the last norm too.
        """
        found = encoded(reader, prompts, read, device, layer=clip_skip or self.clip_layer)
        if clip_skip is None or self.clip_layer is not None:
            return found
        return PromptEmbedding(normed(reader, found.tokens), found.pooled)

    @abstractmethod
    def joined(self, found: Mapping[str, PromptEmbedding], config: Config) -> PromptEmbedding:
        """Make what the denoiser reads of what each text encoder gave, both in rows of prompts."""

    def emptied(self, embedding: PromptEmbedding, negatives: Sequence[str], index: Config) -> PromptEmbedding:
        """Give what guidance steers away from as the family was trained for it. index: the model_index.json."""
        return embedding

    def places(self, readers: Mapping[str, TextReader]) -> list[tuple[TextReader, int]]:
        """Tell which encoder's tokens begin where in what the denoiser reads."""
        return [(next(iter(readers.values())), 0)]

    @abstractmethod
    def predict(
        self,
        denoiser: Any,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        told: Told,
    ) -> Tensor:
        """Call the denoiser on latents (n, c, h, w) at times (n,) or one for all."""

    @abstractmethod
    def reading_layers(self, denoiser: Any) -> list[str]:
        """List the layers that are given the text's tokens, as they are or after a norm (`as_read`)."""

    def as_read(self, denoiser: Any, tokens: Tensor) -> Tensor:
        """Give the text's tokens as those layers are given them."""
        return tokens

    def pooled_layer(self, denoiser: Any) -> str | None:
        """Name the layer that is given the text's pooled vector, at the beginning of its input; None: there is none."""
        return None
