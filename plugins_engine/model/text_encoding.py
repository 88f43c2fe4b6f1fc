"""Running a base's text encoders: prompts that were read become what its UNet reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from plugins_engine.model.prompt_reading import ReadPrompt, padded, shifted

TextEncoder: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection
Encoders: TypeAlias = Mapping[str, tuple[CLIPTokenizer, TextEncoder]]
"""Text encoders with their tokenizers, by the names of their folders: one, or two in SDXL."""


@dataclass(frozen=True)
class PromptEmbedding:
    """What the UNet reads of prompts: tokens (n, length, width), and for SDXL one pooled vector each (n, width)."""

    tokens: Tensor
    pooled: Tensor | None = None

    def rows(self, which: Tensor | slice) -> "PromptEmbedding":
        """Give some of the prompts, in the order asked for."""
        return PromptEmbedding(self.tokens[which], None if self.pooled is None else self.pooled[which])

    @staticmethod
    def joined(parts: "Sequence[PromptEmbedding]") -> "PromptEmbedding":
        """Give the prompts of several embeddings of one base, one after the other."""
        pooled = [each.pooled for each in parts if each.pooled is not None]
        return PromptEmbedding(
            torch.cat([each.tokens for each in parts]), torch.cat(pooled) if pooled else None
        )

    def emptied(self, prompts: Sequence[str]) -> "PromptEmbedding":
        """Give zeros for empty prompts where there are pooled vectors: SDXL was trained so for what guidance steers away from."""
        if self.pooled is None:
            return self
        empty = torch.tensor(
            [not each.strip() for each in prompts], dtype=torch.bool, device=self.tokens.device
        )
        return PromptEmbedding(
            self.tokens.masked_fill(empty[:, None, None], 0), self.pooled.masked_fill(empty[:, None], 0)
        )


def most_tokens(tokenizer: CLIPTokenizer, encoder: TextEncoder) -> int:
    """Give how many tokens an encoder reads, the begin and end marks among them."""
    return min(int(tokenizer.model_max_length), int(encoder.config.max_position_embeddings))


def embedded(
    encoders: Encoders,
    read: Mapping[str, Sequence[ReadPrompt]],
    prompts: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
    clip_skip: int | None = None,
) -> PromptEmbedding:
    """Run each encoder on what was read for it, a row a prompt. Raises BadPrompt, naming the prompt, if a row is too long.

    clip_skip: which layer is read, from the end: 1 is the last one. None: the last one, and the last but one of SDXL.
    """
    several = len(encoders) > 1
    tokens: list[Tensor] = []
    pooled: Tensor | None = None
    for component, (tokenizer, encoder) in encoders.items():
        rows = read[component]
        ids, mask = padded(tokenizer, prompts, rows, most_tokens(tokenizer, encoder)).to(device)
        with shifted(encoder.get_input_embeddings(), component, rows):
            output = encoder(
                ids,
                attention_mask=mask if getattr(encoder.config, "use_attention_mask", False) else None,
                output_hidden_states=True,
            )
        # SDXL reads the last layer but one of both encoders, without the norm at the end, and the pooled vector of the second.
        if several:
            tokens.append(output.hidden_states[-(clip_skip or 2)])
        elif clip_skip is None:
            tokens.append(output.last_hidden_state)
        else:
            norm = getattr(encoder, "text_model", encoder).final_layer_norm
            tokens.append(norm(output.hidden_states[-clip_skip]))
        if several and isinstance(encoder, CLIPTextModelWithProjection):
            pooled = output.text_embeds.to(dtype)
    return PromptEmbedding(torch.cat(tokens, dim=-1).to(dtype), pooled)
