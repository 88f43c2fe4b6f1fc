"""diffusers' own pipeline of a base: what our pictures are compared with."""

from typing import Any

import diffusers
import torch
from torch import Tensor, nn

from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.text_encoding import PromptEmbedding


def pipeline_of(base: BaseCheckpoint, kind: str | None = None, **parts: Any) -> Any:
    """Load the pipeline that a base's directory names, or the one of another class; `parts` take the place of its own."""
    absent = set(base.family.encoders) - set(base.readers)
    nothing = {each: None for part in absent for each in (part, part.replace("text_encoder", "tokenizer"))}
    pipeline = getattr(diffusers, kind or base.directory.layout.pipeline).from_pretrained(
        base.directory.path, local_files_only=True, **nothing, **parts
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def predicted(base: BaseCheckpoint, denoiser: nn.Module | None = None) -> Tensor:
    """Give what a base's denoiser, or another one in its place, predicts of some noise and some text."""
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(1, base.channels, 16, 16, generator=generator)
    text = base.encode_prompt(["a fox"])
    random = PromptEmbedding(
        torch.randn(text.tokens.shape, generator=generator),
        None if text.pooled is None else torch.ones_like(text.pooled),
    )
    return base.predict(noisy, torch.tensor(500), random, denoiser)
