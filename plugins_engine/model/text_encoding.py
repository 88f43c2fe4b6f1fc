"""Running a base's text encoders: prompts that were read become what its denoiser reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from plugins_engine.model.prompt_reading import ReadPrompt, TextReader


@dataclass(frozen=True)
class PromptEmbedding:
    """What the denoiser reads of prompts: tokens (n, length, width), and for most families one pooled vector each (n, width).

    lengths: how many tokens of each row are read, (n,), on the CPU; those after them fill the row up and are zeros. None: all are read.
    """

    tokens: Tensor
    pooled: Tensor | None = None
    lengths: Tensor | None = None

    @property
    def each(self) -> list[Tensor]:
        """The tokens that are read of every prompt, (length, width) each."""
        if self.lengths is None:
            return list(self.tokens)
        return [row[:length] for row, length in zip(self.tokens, self.lengths.tolist(), strict=True)]

    def rows(self, which: Tensor | slice) -> "PromptEmbedding":
        """Give some of the prompts, in the order asked for."""
        return self._changed(lambda part: part[which])

    def repeated(self, count: int) -> "PromptEmbedding":
        """Give a single prompt so many times, without a copy."""
        return self._changed(lambda part: part.expand(count, *part.shape[1:]))

    def to(self, dtype: torch.dtype) -> "PromptEmbedding":
        """Give it in a number format."""
        return replace(
            self, tokens=self.tokens.to(dtype), pooled=None if self.pooled is None else self.pooled.to(dtype)
        )

    @staticmethod
    def joined(parts: "Sequence[PromptEmbedding]") -> "PromptEmbedding":
        """Give the prompts of several embeddings of one base, one after the other, filled up to the longest."""
        pooled = [each.pooled for each in parts if each.pooled is not None]
        lengths = [each.lengths for each in parts if each.lengths is not None]
        longest = max(each.tokens.shape[1] for each in parts)
        return PromptEmbedding(
            torch.cat([filled(each.tokens, longest) if lengths else each.tokens for each in parts]),
            torch.cat(pooled) if pooled else None,
            torch.cat(lengths) if lengths else None,
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

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "PromptEmbedding":
        pooled, lengths = self.pooled, self.lengths
        return PromptEmbedding(
            change(self.tokens),
            None if pooled is None else change(pooled),
            None if lengths is None else change(lengths),
        )


def filled(tokens: Tensor, length: int) -> Tensor:
    """Give rows of tokens (n, m, width) as (n, length, width): zeros after them, or those left out that are too many."""
    return F.pad(tokens, (0, 0, 0, length - tokens.shape[1]))


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


def encoded_by_language_model(
    reader: TextReader,
    prompts: Sequence[str],
    read: Sequence[ReadPrompt],
    device: torch.device,
    *,
    layer: int,
) -> PromptEmbedding:
    """Run a language model on what was read for it, a row a prompt, each of its own length. Raises BadPrompt, as `encoded` does.

    layer: which layer is read, from the end, without the norm that follows the last one.
    """
    ids, mask = reader.padded(prompts, read).to(device)
    with reader.shifted(read):
        output = reader.encoder(ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
    tokens: Tensor = output.hidden_states[-layer]
    # What stands after a text is not seen by it, as such a model reads from left to right, and is not read by the denoiser.
    return PromptEmbedding(tokens * mask[..., None].to(tokens.dtype), lengths=mask.sum(1).cpu())


def normed(reader: TextReader, tokens: Tensor) -> Tensor:
    """Apply CLIP's last norm to the output of an earlier layer."""
    found: Tensor = getattr(reader.encoder, "text_model", reader.encoder).final_layer_norm(tokens)
    return found
