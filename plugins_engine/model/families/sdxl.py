"""SDXL: a UNet that reads two CLIP text encoders side by side, and beside them a pooled vector and the picture's size."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from plugins_engine.model.families.family import Config, EncoderKind, Told
from plugins_engine.model.families.stable_diffusion import StableDiffusion
from plugins_engine.model.layouts import SDXL
from plugins_engine.model.text_encoding import PromptEmbedding


class StableDiffusionXL(StableDiffusion):
    name = "SDXL"
    layout = SDXL
    encoders: ClassVar[Mapping[str, EncoderKind]] = {
        "text_encoder": EncoderKind(CLIPTextModel, CLIPTokenizer),
        "text_encoder_2": EncoderKind(CLIPTextModelWithProjection, CLIPTokenizer),
    }
    clip_layer = 2

    def architecture(self, config: Config, prediction: str) -> str:
        return "stable-diffusion-xl-v1-base"

    def vae_in_float32(self, config: Config) -> bool:
        return bool(config.get("force_upcast", True))

    def joined(self, found: Mapping[str, PromptEmbedding], config: Config) -> PromptEmbedding:
        return PromptEmbedding(
            torch.cat([each.tokens for each in found.values()], dim=-1), found["text_encoder_2"].pooled
        )

    def emptied(self, embedding: PromptEmbedding, negatives: Sequence[str], index: Config) -> PromptEmbedding:
        """Give zeros for empty negative prompts, as the family was trained, unless the directory says otherwise."""
        return embedding.emptied(negatives) if index.get("force_zeros_for_empty_prompt", True) else embedding

    def predict(
        self,
        denoiser: Any,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        told: Told,
    ) -> Tensor:
        height, width = (side * told.pixels_per_latent for side in noisy.shape[-2:])
        size = torch.tensor([height, width, 0, 0, height, width], device=noisy.device, dtype=noisy.dtype)
        conditions = {"text_embeds": text.pooled, "time_ids": size.expand(len(noisy), -1)}
        predicted: Tensor = denoiser(
            noisy, time, encoder_hidden_states=text.tokens, added_cond_kwargs=conditions
        ).sample
        return predicted

    def pooled_layer(self, denoiser: Any) -> str | None:
        return "add_embedding.linear_1"
