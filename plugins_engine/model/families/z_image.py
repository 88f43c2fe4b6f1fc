"""Z-Image: one transformer of single blocks, in which text and picture attend to each other, and which goes to noise in a straight line.

Qwen3 reads the prompt as a message to answer. Each prompt is as long as it is: the transformer fills both text and picture up with vectors
of its own. It is told the share of the picture, not of the noise, and predicts the way from noise to clean latents.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import ZImageTransformer2DModel
from torch import Tensor
from transformers import Qwen2Tokenizer, Qwen3Model

from plugins_engine.model.families.family import Config, EncoderKind, Family, LatentSizes, Told
from plugins_engine.model.layouts import Z_IMAGE
from plugins_engine.model.prompt_reading import ReadPrompt, TextReader
from plugins_engine.model.text_encoding import PromptEmbedding, encoded_by_language_model

LENGTH = 512  # of a prompt with the chat template's text
_LAYER = 2  # of Qwen3, from the end
_PATCH = 2  # latents on a side that make one token
_PUBLISHED = (30, 3840)  # blocks, width
_AXES = (1024, 512, 512)  # the most places on each, where a config does not say it
_NORM, _LINEAR = "cap_embedder.0", "cap_embedder.1"


class ZImage(Family):
    name = "Z-Image"
    layout = Z_IMAGE
    denoiser = ZImageTransformer2DModel
    encoders: ClassVar[Mapping[str, EncoderKind]] = {
        "text_encoder": EncoderKind(Qwen3Model, Qwen2Tokenizer, LENGTH)
    }
    is_flow = True
    even_steps = True
    half = torch.bfloat16  # as it was trained in; numbers of such models go beyond what float16 holds
    layer_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "attention": (".attention.to_q", ".attention.to_k", ".attention.to_v", ".attention.to_out.0"),
        "feed_forward": (".feed_forward.w1", ".feed_forward.w2", ".feed_forward.w3"),
        "projection": (
            f".{_LINEAR}", ".all_x_embedder.2-1",
            ".all_final_layer.2-1.linear", ".all_final_layer.2-1.adaLN_modulation.1",
        ),
        "time": (".adaLN_modulation.0",),
    }  # fmt: skip

    def architecture(self, config: Config, prediction: str) -> str:
        return "z-image" if (config["n_layers"], config["dim"]) == _PUBLISHED else "z-image-custom"

    def sizes(self, config: Config) -> LatentSizes:
        # The first of the three axes is that of the text and of time.
        most = min(int(each) for each in config.get("axes_lens", _AXES)[1:])
        return LatentSizes(None, _PATCH, _PATCH, _PATCH * most)

    def run(
        self,
        reader: TextReader,
        prompts: Sequence[str],
        read: Sequence[ReadPrompt],
        device: torch.device,
        clip_skip: int | None,
    ) -> PromptEmbedding:
        return encoded_by_language_model(reader, prompts, read, device, layer=_LAYER)

    def joined(self, found: Mapping[str, PromptEmbedding], config: Config) -> PromptEmbedding:
        return found["text_encoder"]

    def predict(
        self,
        denoiser: Any,
        noisy: Tensor,
        time: Tensor,
        text: PromptEmbedding,
        told: Told,
    ) -> Tensor:
        shares = (told.levels - time.expand(len(noisy)).float()) / told.levels
        # It takes frames of a film, of which a picture is one.
        found: list[Tensor] = denoiser(list(noisy.unsqueeze(2)), shares, text.each, return_dict=False)[0]
        return -torch.stack(found).squeeze(2)

    def reading_layers(self, denoiser: Any) -> list[str]:
        return [_LINEAR]

    def as_read(self, denoiser: Any, tokens: Tensor) -> Tensor:
        found: Tensor = denoiser.get_submodule(_NORM)(tokens)
        return found
