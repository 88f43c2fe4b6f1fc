"""Draw pictures while training, without a pipeline around the parts."""

from typing import TYPE_CHECKING

import torch
from PIL import Image

if TYPE_CHECKING:
    from training.model import Parts

GUIDANCE = 1.5  # with which the base draws best, by `python -m benchmarks base`


@torch.no_grad()
def sample(
    parts: "Parts", prompts: list[str], steps: int, guidance: float, seed: int, batch: int = 64
) -> list[Image.Image]:
    """Draw one picture a prompt by DDIM with classifier-free guidance."""
    parts.unet.eval()
    parts.text_encoder.eval()
    images: list[Image.Image] = []
    generator = torch.Generator().manual_seed(seed)
    for first in range(0, len(prompts), batch):
        part = prompts[first : first + batch]
        text = parts.encode([*part, *([""] * len(part))])
        x = torch.randn((len(part), 4, 16, 16), generator=generator)
        parts.scheduler.set_timesteps(steps)
        for t in parts.scheduler.timesteps:
            with_text, without = parts.unet(torch.cat([x, x]), t, encoder_hidden_states=text).sample.chunk(2)
            x = parts.scheduler.step(without + guidance * (with_text - without), t, x).prev_sample
        pixels = parts.autoencoder.decode(x).sample.clamp(-1, 1).add(1).mul(127.5).round().byte()
        images += [Image.fromarray(p.permute(1, 2, 0).numpy()) for p in pixels]
    return images
