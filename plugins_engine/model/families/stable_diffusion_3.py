"""Stable Diffusion 3 and 3.5: text and picture attend to each other in one transformer, which goes to noise in a straight line.

Two CLIP text encoders stand side by side in the first tokens, with zeros up to the width of T5, whose tokens follow. T5 may be
absent: zeros stand in its place then, as they did in a part of the training (Esser et al. 2024, arXiv 2403.03206).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import SD3Transformer2DModel
from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from plugins_engine.model.families.family import Config, EncoderKind, Family, LatentSizes, Told
from plugins_engine.model.layouts import STABLE_DIFFUSION_3
from plugins_engine.model.prompt_reading import TextReader
from plugins_engine.model.text_encoding import PromptEmbedding

T5_LENGTH = 256
_CLIP = EncoderKind(CLIPTextModelWithProjection, CLIPTokenizer)
# Layers and width of the published transformers.
_PUBLISHED = {
    (24, 1536): "stable-diffusion-3-medium",
    (38, 2432): "stable-diffusion-3.5-large",
}
_MEDIUM_3_5 = (
    "stable-diffusion-3.5-medium"  # as many layers and as wide as 3, with attention of its own in some
)


class StableDiffusion3(Family):
    name = "Stable Diffusion 3"
    layout = STABLE_DIFFUSION_3
    denoiser = SD3Transformer2DModel
    encoders: ClassVar[Mapping[str, EncoderKind]] = {
        "text_encoder": _CLIP,
        "text_encoder_2": _CLIP,
        "text_encoder_3": EncoderKind(T5EncoderModel, T5Tokenizer, T5_LENGTH),
    }
    clip_layer = 2
    is_flow = True
    layer_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "attention": (
            ".to_q", ".to_k", ".to_v", ".to_out.0",
            ".add_q_proj", ".add_k_proj", ".add_v_proj", ".to_add_out",
        ),
        "feed_forward": (".net.0.proj", ".net.2"),
        "projection": (".context_embedder", ".norm_out.linear", ".proj_out"),
        "time": (".norm1.linear", ".norm1_context.linear"),
    }  # fmt: skip

    def architecture(self, config: Config, prediction: str) -> str:
        layers, width = config["num_layers"], config["num_attention_heads"] * config["attention_head_dim"]
        found = _PUBLISHED.get((layers, width), "stable-diffusion-3-custom")
        return _MEDIUM_3_5 if found in _PUBLISHED.values() and config.get("dual_attention_layers") else found

    def sizes(self, config: Config) -> LatentSizes:
        patch = int(config.get("patch_size", 2))
        return LatentSizes(
            int(config.get("sample_size", 128)),
            patch,
            patch,
            patch * int(config.get("pos_embed_max_size", 96)),
        )

    def joined(self, found: Mapping[str, PromptEmbedding], config: Config) -> PromptEmbedding:
        clip = [found[each] for each in ("text_encoder", "text_encoder_2")]
        both = torch.cat([each.tokens for each in clip], dim=-1)
        width = int(config["joint_attention_dim"])
        both = F.pad(both, (0, width - both.shape[-1]))
        t5 = found.get("text_encoder_3")
        rest = both.new_zeros(len(both), T5_LENGTH, width) if t5 is None else t5.tokens
        pooled = torch.cat([each.pooled for each in clip if each.pooled is not None], dim=-1)
        return PromptEmbedding(torch.cat([both, rest.to(both.dtype)], dim=1), pooled)

    def places(self, readers: Mapping[str, TextReader]) -> list[tuple[TextReader, int]]:
        first = readers["text_encoder"]
        t5 = readers.get("text_encoder_3")
        return [(first, 0), *([] if t5 is None else [(t5, first.length)])]

    def predict(
        self,
        denoiser: Any,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        told: Told,
    ) -> Tensor:
        predicted: Tensor = denoiser(
            hidden_states=noisy,
            timestep=time.expand(len(noisy)),
            encoder_hidden_states=text.tokens,
            pooled_projections=text.pooled,
        ).sample
        return predicted

    def reading_layers(self, denoiser: Any) -> list[str]:
        return ["context_embedder"]

    def pooled_layer(self, denoiser: Any) -> str | None:
        return "time_text_embed.text_embedder.linear_1"
