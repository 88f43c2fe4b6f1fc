"""Running a base's text encoders: prompts that were read become what its denoiser reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from plugins_engine.model.prompt_reading import ReadPrompt, TextReader


@dataclass(frozen=True)
class PromptEmbedding:
    """What the denoiser reads of prompts: tokens (n, length, width), and for most families one pooled vector each (n, width)."""

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
        """Give zeros for empty prompts."""
        assert self.pooled is not None  # noqa: S101  # only SDXL asks for it
        empty = torch.tensor(
            [not each.strip() for each in prompts], dtype=torch.bool, device=self.tokens.device
        )
        return PromptEmbedding(
            self.tokens.masked_fill(empty[:, None, None], 0), self.pooled.masked_fill(empty[:, None], 0)
        )


def encoded(
    reader: TextReader,
    prompts: Sequence[str],
    read: Sequence[ReadPrompt],
    device: torch.device,
    *,
    layer: int | None = None,
) -> PromptEmbedding:
    """Run one encoder on what was read for it, a row a prompt. Raises BadPrompt, naming the prompt, if a row is too long.

    layer: which layer of CLIP is read, from the end, without the norm that follows the last one; None: the last one, with its norm.
    """
    encoder = reader.encoder
    ids, mask = reader.padded(prompts, read).to(device)
    with reader.shifted(read):
        if isinstance(encoder, T5EncoderModel):  # as diffusers runs it: the padding is read too
            return PromptEmbedding(encoder(ids).last_hidden_state)
        output = encoder(
            ids,
            attention_mask=mask if getattr(encoder.config, "use_attention_mask", False) else None,
            output_hidden_states=True,
        )
    pooled = output.text_embeds if isinstance(encoder, CLIPTextModelWithProjection) else output.pooler_output
    return PromptEmbedding(
        output.last_hidden_state if layer is None else output.hidden_states[-layer], pooled
    )


def normed(reader: TextReader, tokens: Tensor) -> Tensor:
    """Apply CLIP's last norm to the output of an earlier layer."""
    found: Tensor = getattr(reader.encoder, "text_model", reader.encoder).final_layer_norm(tokens)
    return found
