"""Train the text encoder and the UNet together, on the pictures that the base may see."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from plugins_engine.model.precision import bfloat16_is_quicker
from training.autoencoder import LATENT_CHANNELS
from training.fitting import fit, load_averaged
from training.latents import Latents, load_latents
from training.tokens import LENGTH, text_config, tokenizer_of
from training.words import train_caption

STEPS = 10_000
BATCH = 64
WIDTH = 256  # of the text encoder
CHANNELS = (64, 128, 256)
REAL_SHARE = 0.75  # of each batch; the rest is procedural. It was 0.6 for the first 7,050 steps
# Noise that training is mostly spent on, of log sigma. What a picture shows is decided under much of it: there alone
# does the loss differ between a right and a wrong subject (by .002 at -0.5, .05 at 1, .14 at 2).
NOISE_CENTER, NOISE_SPREAD = 1.1, 1.1
GUIDANCE = 2.0
SIDE = 16  # latents a side


def build_scheduler() -> DDIMScheduler:
    """Make the noise schedule: Stable Diffusion's own, predicting velocity.

    ``clip_sample`` is off: latents are not bounded by 1, and clipping them washes every picture out.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
    )


def build_unet() -> UNet2DConditionModel:
    """Make the untrained UNet. Attention only below 16x16; ``attention_head_dim`` means the NUMBER of heads here."""
    return UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
        use_linear_projection=True,
    )


def noise_levels(alphas_cumprod: Tensor) -> Tensor:
    """Give the share of training that each time step gets, cumulated: (steps,) rising to 1.

    Most of it goes to log sigma ~ N(NOISE_CENTER, NOISE_SPREAD), after Karras et al. 2022 (arXiv 2206.00364, section 5:
    log-normal levels with even weights on a target of unit variance; the velocity of unit latents is such a target).
    The least noise teaches only grain. Every level keeps a little, because sampling passes through all of them.
    """
    log_sigma = ((1 - alphas_cumprod) / alphas_cumprod).log() / 2
    density = (-((log_sigma - NOISE_CENTER) ** 2) / (2 * NOISE_SPREAD**2)).exp() * torch.gradient(log_sigma)[0]
    share = 0.85 * density / density.sum() + 0.15 / len(alphas_cumprod)
    return share.cumsum(0)


@dataclass
class Parts:
    """The parts of the base under training; all but the tokenizer on one device."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    scheduler: DDIMScheduler
    device: torch.device

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Give (n, LENGTH, WIDTH) embeddings of prompts."""
        tokens = self.tokenizer(
            list(prompts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        )
        embedded: Tensor = self.text_encoder(tokens.input_ids.to(self.device)).last_hidden_state
        return embedded

    @property
    def both(self) -> torch.nn.ModuleList:
        return torch.nn.ModuleList([self.unet, self.text_encoder])


def build(root: Path, device: torch.device | str = "cpu") -> Parts:
    """Make the untrained parts."""
    tokenizer = tokenizer_of(root)
    torch.manual_seed(0)
    place = torch.device(device)
    text_encoder = CLIPTextModel(text_config(tokenizer, WIDTH, layers=2))
    return Parts(tokenizer, text_encoder.to(place), build_unet().to(place), build_scheduler(), place)


class Batches:
    """Draw batches: latents with their captions, the artists' drawings alike whatever number of papers each has."""

    def __init__(self, latents: Latents, size: int = BATCH) -> None:
        self._latents, self._size = latents, size
        self._real_weight = 1 / latents.repeats.float()
        self._real = round(size * REAL_SHARE)

    def draw(self, step: int) -> tuple[Tensor, list[str]]:
        """Give (n, c, h, w) float latents and n captions; the same ones for the same step."""
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        held = self._latents
        real = torch.multinomial(self._real_weight, self._real, generator=generator)
        made = torch.randint(held.real, len(held.items), (self._size - self._real,), generator=generator)
        chosen = torch.cat([real, made])
        captions = []
        for index in chosen.tolist():
            item = held.items[index]
            captions.append(train_caption(item.subject, item.style, item.ink, item.ground, rng))
        return held.values[chosen].float(), captions


def train(root: Path, steps: int | None = None, device: str = "cpu", until: int | None = None) -> None:
    """Train, or go on from the last checkpoint, on a schedule of ``steps`` steps; stop early at ``until``."""
    parts = build(root, device)
    # On maps this small a processor is several times as quick without the fused kernel, most of all backwards.
    parts.unet.set_attn_processor(AttnProcessor())
    batches = Batches(load_latents(root))
    alphas = parts.scheduler.alphas_cumprod
    levels = noise_levels(alphas)
    is_quick = parts.device.type == "cuda" or bfloat16_is_quicker()

    def loss_of(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        clean, captions = batches.draw(step)
        noise = torch.randn(clean.shape, generator=generator)
        t = torch.searchsorted(levels, spread(generator)).clamp(max=len(levels) - 1)
        a = alphas[t].view(-1, 1, 1, 1)
        noisy = (a.sqrt() * clean + (1 - a).sqrt() * noise).to(parts.device)
        velocity = (a.sqrt() * noise - (1 - a).sqrt() * clean).to(parts.device)
        with torch.autocast(parts.device.type, dtype=torch.bfloat16, enabled=is_quick):
            text = parts.encode(captions)
            output = parts.unet(noisy, t.to(parts.device), encoder_hidden_states=text).sample
        return F.mse_loss(output.float(), velocity)

    ends = ("embedding.weight", "conv_in", "conv_out")
    fit(root / "model.pt", parts.both, loss_of, steps or STEPS, ends=ends, until=until)


def spread(generator: torch.Generator) -> Tensor:
    """Draw (BATCH,) numbers of 0 to 1, one from each of BATCH equal shares, shuffled: a batch covers the whole schedule."""
    draws = torch.randperm(BATCH, generator=generator) + torch.rand(BATCH, generator=generator)
    return draws / BATCH


def load_trained_parts(root: Path, device: str = "cpu") -> Parts:
    """Give the averaged base of the last checkpoint.

    Raises: FileNotFoundError when there is none.
    """
    parts = build(root, device)
    load_averaged(root / "model.pt", parts.both)
    return parts
