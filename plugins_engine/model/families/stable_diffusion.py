"""Stable Diffusion 1.x and 2.x: a UNet that reads one CLIP text encoder by cross-attention."""

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from plugins_engine.model.families.family import Config, EncoderKind, Family, LatentSizes, Told
from plugins_engine.model.layouts import STABLE_DIFFUSION
from plugins_engine.model.text_encoding import PromptEmbedding

_SIDE = 64  # of latents, where a config names none
UNET_LAYERS: Mapping[str, tuple[str, ...]] = {
    "attention": (".to_q", ".to_k", ".to_v", ".to_out.0"),
    "feed_forward": (".ff.net.0.proj", ".ff.net.2"),
    "projection": (".proj_in", ".proj_out"),
    "time": (".time_emb_proj",),
}


class StableDiffusion(Family):
    name = "Stable Diffusion"
    layout = STABLE_DIFFUSION
    denoiser = UNet2DConditionModel
    encoders: ClassVar[Mapping[str, EncoderKind]] = {
        "text_encoder": EncoderKind(CLIPTextModel, CLIPTokenizer)
    }
    layer_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = UNET_LAYERS

    def architecture(self, config: Config, prediction: str) -> str:
        width = config["cross_attention_dim"]
        if width == 1024:
            return "stable-diffusion-v2-768-v" if prediction == "v_prediction" else "stable-diffusion-v2-512"
        return "stable-diffusion-v1" if width == 768 else "stable-diffusion-custom"

    def sizes(self, config: Config) -> LatentSizes:
        size = config.get("sample_size") or _SIDE
        own = int(size[0] if isinstance(size, (list, tuple)) else size)
        # Below that a layer would see nothing.
        return LatentSizes(own, 1, 2 ** (len(config["block_out_channels"]) - 1))

    def joined(self, found: Mapping[str, PromptEmbedding], config: Config) -> PromptEmbedding:
        return PromptEmbedding(found["text_encoder"].tokens)

    def predict(
        self,
        denoiser: Any,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        told: Told,
    ) -> Tensor:
        predicted: Tensor = denoiser(noisy, time, encoder_hidden_states=text.tokens).sample
        return predicted

    def reading_layers(self, denoiser: Any) -> list[str]:
        """List the keys and values of cross-attention."""
        return [
            f"{name}.{each}"
            for name, module in denoiser.named_modules()
            if isinstance(module, Attention) and module.is_cross_attention
            for each in ("to_k", "to_v")
        ]
