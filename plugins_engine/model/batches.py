"""Pictures as a base sees them: pixels of its size, and noisy latents with what it shall predict of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pictures.still import on_white
from plugins_engine.model.base import BaseCheckpoint
from plugins_engine.model.text_encoding import PromptEmbedding


@dataclass(frozen=True)
class Batch:
    """What one step learns from: (n, c, h, w) noisy latents, (n,) times, texts, (n, c, h, w) targets, (n,) weights.

    prompts: what the texts were encoded from, for training that changes how prompts are read. Empty if texts were made otherwise.
    """

    noisy: Tensor
    time: Tensor
    text: PromptEmbedding
    target: Tensor
    weight: Tensor
    prompts: tuple[str, ...] = ()

    def joined(self, other: "Batch") -> "Batch":
        return Batch(
            torch.cat([self.noisy, other.noisy]),
            torch.cat([self.time, other.time]),
            PromptEmbedding.joined([self.text, other.text]),
            torch.cat([self.target, other.target]),
            torch.cat([self.weight, other.weight]),
            self.prompts + other.prompts,
        )


def noised_batch(
    base: BaseCheckpoint, clean: Tensor, text: PromptEmbedding, min_snr: float, generator: torch.Generator
) -> Batch:
    """Noise clean latents at times spread evenly over the schedule, with the target that the base predicts."""
    n, process = len(clean), base.process
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    spread = torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)
    times = process.times(spread / n)
    return Batch(
        process.noised(clean, noise, times),
        times.to(clean.device),
        text,
        process.target(clean, noise, times),
        process.weights(times, min_snr).to(clean),
    )


def pixels_of(
    base: BaseCheckpoint, images: Sequence[Image.Image], flip: bool, shape: tuple[int, int] | None = None
) -> Tensor:
    """Turn works into (n or 2n, 3, h, w) pixels in -1..1 of one shape (w, h), on white, centred and cut to it.

    Without a shape they are the base's own square.
    """
    width, height = shape or (base.resolution, base.resolution)
    rows = []
    for image in images:
        image = on_white(image)
        across = min(image.width, max(1, round(image.height * width / height)))
        up = min(image.height, max(1, round(image.width * height / width)))
        left, top = (image.width - across) // 2, (image.height - up) // 2
        image = image.crop((left, top, left + across, top + up)).resize(
            (width, height), Image.Resampling.LANCZOS
        )
        rows.append(np.asarray(image, dtype=np.float32))
    pixels = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2) / 127.5 - 1
    return torch.cat([pixels, pixels.flip(-1)]) if flip else pixels
