"""diffusers' own pipeline of a base: what our pictures are compared with."""

from typing import Any

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
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
    if is_z_image(base) and not isinstance(pipeline.scheduler, FlowMatchEulerDiscreteScheduler):
        _set_by_count(pipeline.scheduler)
    return pipeline


def is_z_image(base: BaseCheckpoint) -> bool:
    return base.family.name == "Z-Image"


def guidance_of(base: BaseCheckpoint, guidance: float) -> float:
    """Give what diffusers calls a guidance: of Z-Image it counts from 0, where the prompt is followed as it is, and not from 1."""
    return guidance - 1 if is_z_image(base) else guidance


def _set_by_count(scheduler: Any) -> None:
    """Let a sampler that makes noise levels of its own do so: Z-Image's pipeline hands its own to all, FLUX.1's does not."""
    plain = scheduler.set_timesteps

    def set_timesteps(device: object = None, sigmas: list[float] | None = None, mu: float = 0.0) -> None:
        assert sigmas is not None
        plain(len(sigmas), device=device, **({"mu": mu} if scheduler.config.use_dynamic_shifting else {}))

    scheduler.set_timesteps = set_timesteps


@torch.no_grad()
def predicted(base: BaseCheckpoint, denoiser: nn.Module | None = None) -> Tensor:
    """Give what a base's denoiser, or another one in its place, predicts of some noise and some text."""
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(1, base.channels, 16, 16, generator=generator)
    text = base.encode_prompt(["a fox"])
    random = PromptEmbedding(
        torch.randn(text.tokens.shape, generator=generator),
        None if text.pooled is None else torch.ones_like(text.pooled),
        text.lengths,
    )
    return base.predict(noisy, torch.tensor(500), random, denoiser)
