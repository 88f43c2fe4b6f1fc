"""FLUX.1: one transformer of double and single blocks, which goes to noise in a straight line.

T5's tokens are read; of CLIP only the pooled vector. Guidance was distilled into the weights: where the base takes it, it is a number that
the denoiser is given, and no second prediction is made without the prompt. So there is nothing that a negative prompt could act on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from plugins_engine.errors import BadRequest
from plugins_engine.model.families.family import Config, EncoderKind, Family, LatentSizes, Told
from plugins_engine.model.layouts import FLUX_1
from plugins_engine.model.prompt_reading import ReadPrompt, TextReader
from plugins_engine.model.text_encoding import PromptEmbedding

T5_LENGTH = 512
_PATCH = 2  # latents on a side that make one token
_PUBLISHED = (19, 38, 3072)  # double blocks, single blocks, width


class Flux1(Family):
    name = "FLUX.1"
    layout = FLUX_1
    denoiser = FluxTransformer2DModel
    encoders: ClassVar[Mapping[str, EncoderKind]] = {
        "text_encoder": EncoderKind(CLIPTextModel, CLIPTokenizer),
        "text_encoder_2": EncoderKind(T5EncoderModel, T5Tokenizer, T5_LENGTH),
    }
    is_flow = True
    is_steered = False
    even_steps = True
    layer_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "attention": (
            ".to_q", ".to_k", ".to_v", ".to_out.0",
            ".add_q_proj", ".add_k_proj", ".add_v_proj", ".to_add_out",
        ),
        "feed_forward": (".net.0.proj", ".net.2", ".proj_mlp"),
        "projection": (".context_embedder", ".x_embedder", ".norm_out.linear", ".proj_out"),
        "time": (".norm1.linear", ".norm1_context.linear", ".norm.linear"),
    }  # fmt: skip

    def architecture(self, config: Config, prediction: str) -> str:
        width = config["num_attention_heads"] * config["attention_head_dim"]
        if (config["num_layers"], config["num_single_layers"], width) != _PUBLISHED:
            return "flux-1-custom"
        return "flux-1-dev" if config["guidance_embeds"] else "flux-1-schnell"

    def channels(self, config: Config) -> int:
        return int(config["in_channels"]) // _PATCH**2

    def sizes(self, config: Config) -> LatentSizes:
        return LatentSizes(None, _PATCH, _PATCH)

    def run(
        self,
        reader: TextReader,
        prompts: Sequence[str],
        read: Sequence[ReadPrompt],
        device: torch.device,
        clip_skip: int | None,
    ) -> PromptEmbedding:
        if clip_skip is not None:
            raise BadRequest(
                f"clip skip {clip_skip}: this base reads CLIP's pooled vector alone, which has no layers to skip"
            )
        return super().run(reader, prompts, read, device, None)

    def joined(self, found: Mapping[str, PromptEmbedding], config: Config) -> PromptEmbedding:
        return PromptEmbedding(found["text_encoder_2"].tokens, found["text_encoder"].pooled)

    def places(self, readers: Mapping[str, TextReader]) -> list[tuple[TextReader, int]]:
        return [(readers["text_encoder_2"], 0)]

    def predict(
        self,
        denoiser: Any,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        told: Told,
    ) -> Tensor:
        count, channels, height, width = noisy.shape
        rows, columns = height // _PATCH, width // _PATCH
        packed = noisy.view(count, channels, rows, _PATCH, columns, _PATCH).permute(0, 2, 4, 1, 3, 5)
        places = torch.zeros(rows, columns, 3, device=noisy.device, dtype=noisy.dtype)
        places[..., 1] = torch.arange(rows, device=noisy.device)[:, None]
        places[..., 2] = torch.arange(columns, device=noisy.device)
        guided = bool(self._config(denoiser).guidance_embeds)
        found: Tensor = denoiser(
            hidden_states=packed.reshape(count, rows * columns, -1),
            timestep=time.expand(count).to(noisy.dtype) / told.levels,
            guidance=torch.full((count,), told.guidance, device=noisy.device, dtype=torch.float32)
            if guided
            else None,
            pooled_projections=text.pooled,
            encoder_hidden_states=text.tokens,
            txt_ids=torch.zeros(text.tokens.shape[1], 3, device=noisy.device, dtype=noisy.dtype),
            img_ids=places.view(-1, 3),
        ).sample
        unpacked = found.view(count, rows, columns, channels, _PATCH, _PATCH).permute(0, 3, 1, 4, 2, 5)
        return unpacked.reshape(count, channels, height, width)

    def reading_layers(self, denoiser: Any) -> list[str]:
        return ["context_embedder"]

    def pooled_layer(self, denoiser: Any) -> str | None:
        return "time_text_embed.text_embedder.linear_1"

    @staticmethod
    def _config(denoiser: Any) -> Any:
        return (
            denoiser if hasattr(denoiser, "config") else denoiser.module
        ).config  # wrapped for several processes
